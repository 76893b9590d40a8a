using System.Globalization;

namespace DeepNative.Layers;

/// <summary>The part of a model's input that one element of a layer's output depends on; of branches, the largest together.</summary>
/// <param name="Size">Its extent along each spatial axis, outermost first; it may be larger than the input, by padding.</param>
/// <param name="Stride">Elements of the input between the fields of two neighbours along each axis; below 1 behind enlargements of the input.</param>
public sealed record ReceptiveField(Shape Size, IReadOnlyList<double> Stride)
{
    /// <summary>"11 / 4" for windows of 11 x 11 that are 4 apart, "13 x 9 / 4 x 2" where the axes differ.</summary>
    /// <returns>The text.</returns>
    public override string ToString() => $"{Join(Size.ToArray(), "0")} / {Join([.. Stride], "0.###")}";

    private static string Join<T>(T[] numbers, string format)
        where T : IEquatable<T>, IFormattable
    {
        var texts = Array.ConvertAll(numbers, number => number.ToString(format, CultureInfo.InvariantCulture));
        return Array.TrueForAll(numbers, number => number.Equals(numbers[0])) ? texts[0] : string.Join(" x ", texts);
    }
}
