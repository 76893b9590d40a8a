using System.Text.Json;

namespace DeepNative.Benchmarks;

/// <summary>One pass of a line of operators.json, which bench/compare and the peer read too.</summary>
/// <param name="json">The line.</param>
/// <param name="pass">
/// "forward"; "backward NAMES", the gradients of these inputs alone; "train", both, of all inputs; "update",
/// an optimiser's step.
/// </param>
public sealed class OperatorCase(JsonElement json, string pass)
{
    /// <summary>Every pass of every line.</summary>
    public static IReadOnlyList<OperatorCase> All { get; } = Load();

    /// <summary>What is computed, a key of <see cref="OperatorTable"/>.</summary>
    public string Operator { get; } = json.GetProperty("op").GetString()!;

    /// <summary>Which part of it.</summary>
    public string Pass { get; } = pass;

    /// <summary>The inputs' shapes, by name.</summary>
    public IReadOnlyDictionary<string, Shape> Inputs { get; } =
        json.GetProperty("in").EnumerateObject().ToDictionary(input => input.Name, input => ToShape(input.Value));

    /// <summary>Whether gradients are computed.</summary>
    public bool HasGradients => Pass.StartsWith("backward", StringComparison.Ordinal) || Pass == "train";

    /// <summary>Whether the result is computed.</summary>
    public bool HasResult => Pass is "forward" or "train";

    /// <summary>The inputs whose gradients are computed; null: all.</summary>
    public IReadOnlyList<string>? Wanted =>
        Pass.StartsWith("backward ", StringComparison.Ordinal) ? Pass["backward ".Length..].Split(',') : null;

    /// <summary>Whether the line has an attribute.</summary>
    public bool Has(string name) => json.TryGetProperty(name, out _);

    /// <summary>A whole number.</summary>
    public int Whole(string name, int missing = 0) => json.TryGetProperty(name, out var value) ? value.GetInt32() : missing;

    /// <summary>A number.</summary>
    public float Real(string name, float missing = 0f) => json.TryGetProperty(name, out var value) ? value.GetSingle() : missing;

    /// <summary>A list of whole numbers.</summary>
    public int[] Wholes(string name) => [.. json.GetProperty(name).EnumerateArray().Select(value => value.GetInt32())];

    /// <summary>A text.</summary>
    public string Text(string name) => json.GetProperty(name).GetString()!;

    /// <summary>A list of shapes.</summary>
    public Shape[] Shapes(string name) => [.. json.GetProperty(name).EnumerateArray().Select(ToShape)];

    /// <summary>How reports name it.</summary>
    public override string ToString() => $"{Operator} {Text("name")}, {Pass}";

    private static Shape ToShape(JsonElement extents) => new([.. extents.EnumerateArray().Select(extent => extent.GetInt64())]);

    private static OperatorCase[] Load()
    {
        using var stream = typeof(OperatorCase).Assembly.GetManifestResourceStream("operators.json")!;
        return
        [
            .. from line in JsonDocument.Parse(stream).RootElement.EnumerateArray()
               from pass in line.GetProperty("pass").EnumerateArray()
               select new OperatorCase(line, pass.GetString()!),
        ];
    }
}
