using System.Runtime.CompilerServices;
using System.Text.Json;

namespace DeepNative.Tests.Bench;

/// <summary>The list of operators that bench/compare times: well formed, and known to both sides.</summary>
internal sealed class OperatorListTests
{
    private static string Folder => Path.Combine(Path.GetDirectoryName(ThisFile())!, "..", "..", "..", "bench");

    [Test]
    public void Every_case_has_a_name_of_its_own_and_is_known_to_both_sides()
    {
        var ours = File.ReadAllText(Path.Combine(Folder, "DeepNative.Benchmarks", "OperatorTable.cs"));
        var peer = File.ReadAllText(Path.Combine(Folder, "peers", "operators.py"));
        using var document = JsonDocument.Parse(File.ReadAllText(Path.Combine(Folder, "operators.json")));
        var names = new HashSet<string>();
        foreach (var line in document.RootElement.EnumerateArray())
        {
            var name = line.GetProperty("op").GetString()!;
            Assert.That(names.Add($"{name} {line.GetProperty("name").GetString()}"), $"{line} is there twice");
            Assert.That(peer.Contains($"\"{name}\":", StringComparison.Ordinal), $"bench/peers/operators.py and {name}");
            Assert.That(ours.Contains($"[\"{name}\"] =", StringComparison.Ordinal), $"OperatorTable.cs and {name}");
            foreach (var pass in line.GetProperty("pass").EnumerateArray())
                Assert.That(pass.GetString(), Does.Match("^(forward|train|update|backward [a-z_,]+)$"), $"{line}");
        }

        Assert.That(names, Has.Count.GreaterThan(100));
    }

    private static string ThisFile([CallerFilePath] string path = "") => path;
}
