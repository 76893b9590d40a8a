using DeepNative.Layers;
using DeepNative.Models;

namespace DeepNative.Cli.Commands;

/// <summary>Nets that have no data set and are there to be measured, beside the models of the library.</summary>
internal static class BenchNets
{
    /// <summary>All of them, by name.</summary>
    public static IReadOnlyList<ModelEntry> All { get; } =
    [
        Recurrent("gru512", () => new Gru(512, 512, layers: 2, returnSequences: false)),
        Recurrent("lstm512", () => new Lstm(512, 512, layers: 2, returnSequences: false)),
    ];

    // 64 steps of 512 numbers, and ten classes told apart by the last state.
    private static ModelEntry Recurrent(string name, Func<Layer> layer) =>
        new(name, (_, classes) => new Sequential(layer(), new Linear(512, classes)), new Shape(64, 512), Classes: 10);
}
