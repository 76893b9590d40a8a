using System.Runtime.CompilerServices;
using System.Text.Json;

namespace DeepNative.Tests.Bench;

/// <summary>
/// The result files of runs on a GPU, in bench/results, have the form that bench/README.md describes. A run
/// checks its own file by naming it in the environment.
/// </summary>
internal sealed class ResultFileTests
{
    private const string FileVariable = "DEEPNATIVE_RESULT_FILE";
    private static readonly string[] _stages =
        ["environment", "build", "kernel-tests", "managed-tests", "train", "timings", "sanitizers", "models"];

    private static readonly string[] _statuses = ["passed", "failed", "skipped"];

    public static IEnumerable<string> Files()
    {
        if (Environment.GetEnvironmentVariable(FileVariable) is { Length: > 0 } named) return [named];
        var folder = Path.Combine(Root(), "bench", "results");
        // A machine that runs the tests without the sources names its file.
        return Directory.Exists(folder) ? Directory.GetFiles(folder, "*.json").Order(StringComparer.Ordinal) : [];
    }

    [TestCaseSource(nameof(Files))]
    public void A_result_file_has_the_form_described(string file)
    {
        using var document = JsonDocument.Parse(File.ReadAllText(file));
        var root = document.RootElement;
        Assert.That(root.GetProperty("schema").GetInt32(), Is.EqualTo(1));
        foreach (var key in (string[])["gpu", "commit", "sources", "note", "command"])
            Assert.That(root.GetProperty(key).ValueKind, Is.EqualTo(JsonValueKind.String), key);
        Assert.That(root.GetProperty("gpu").GetString(), Is.Not.Empty);
        Assert.That(root.GetProperty("rehearsal").GetBoolean(), Is.False.Or.EqualTo(Environment.GetEnvironmentVariable(FileVariable) is not null));
        Assert.That(root.GetProperty("modified").ValueKind, Is.EqualTo(JsonValueKind.True).Or.EqualTo(JsonValueKind.False));
        Assert.That(root.GetProperty("date").GetDateTime().Kind, Is.EqualTo(DateTimeKind.Utc));
        Assert.That(root.GetProperty("seconds").GetInt32(), Is.Not.Negative);
        var stages = root.GetProperty("stages").EnumerateArray().ToArray();
        Assert.That(stages.Select(stage => stage.GetProperty("name").GetString()), Is.EqualTo(_stages));
        foreach (var stage in stages) Check(stage, root.GetProperty("rehearsal").GetBoolean());
    }

    private static void Check(JsonElement stage, bool rehearsal)
    {
        var name = stage.GetProperty("name").GetString();
        var status = stage.GetProperty("status").GetString();
        Assert.That(_statuses, Does.Contain(status), name);
        Assert.That(stage.GetProperty("seconds").GetInt32(), Is.Not.Negative, name);
        var reason = stage.GetProperty("reason").GetString();
        Assert.That(reason, status == "passed" ? Is.Empty : Is.Not.Empty, $"the reason of {name}");
        var result = stage.GetProperty("result");
        if (status != "passed") return;
        Assert.That(result.ValueKind, Is.EqualTo(JsonValueKind.Object), name);
        switch (name)
        {
            case "kernel-tests" or "managed-tests":
                Assert.That(result.GetProperty("failed").GetInt32(), Is.Zero, name);
                Assert.That(result.GetProperty("passed").GetInt32(), Is.Positive, name);
                break;
            case "train":
                foreach (var run in result.GetProperty("runs").EnumerateArray())
                    Assert.That(run.GetProperty("train_loss").GetDouble(), Is.Positive, name);
                break;
            case "timings":
                CheckTimings(result, rehearsal);
                break;
        }
    }

    private static void CheckTimings(JsonElement result, bool rehearsal)
    {
        var cases = result.GetProperty("cases").EnumerateArray().ToArray();
        Assert.That(cases, Is.Not.Empty);
        foreach (var entry in cases)
        {
            var label = $"{entry.GetProperty("kernel").GetString()} {entry.GetProperty("shape").GetString()}";
            Assert.That(entry.GetProperty("bytes").GetDouble() + entry.GetProperty("operations").GetDouble(), Is.Positive, label);
            foreach (var key in (string[])["median_us", "floor_us", "share_of_floor"])
            {
                // What a simulator takes says nothing about a GPU: it must not be written down.
                if (rehearsal) Assert.That(entry.GetProperty(key).ValueKind, Is.EqualTo(JsonValueKind.Null), $"{label}: {key}");
                else Assert.That(entry.GetProperty(key).GetDouble(), Is.Positive, $"{label}: {key}");
            }
        }
    }

    private static string Root([CallerFilePath] string file = "") =>
        Path.GetDirectoryName(Path.GetDirectoryName(Path.GetDirectoryName(Path.GetDirectoryName(file)!)!)!)!;
}
