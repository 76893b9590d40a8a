using System.Runtime.InteropServices;
using DeepNative.Data;
using DeepNative.Training;

namespace DeepNative.Cli.Reports;

/// <summary>Images in memory as a source of examples.</summary>
/// <param name="images">The images.</param>
internal sealed class ImageSource(ImageDataset images) : IExampleSource
{
    /// <inheritdoc/>
    public string Name => images.Name;

    /// <inheritdoc/>
    public int Count => images.Count;

    /// <inheritdoc/>
    public Shape InputShape => new(images.Channels, images.Height, images.Width);

    /// <inheritdoc/>
    public DType InputType => DType.UInt8;

    /// <inheritdoc/>
    public Shape TargetShape => Shape.Scalar;

    /// <inheritdoc/>
    public DType TargetType => DType.Int32;

    /// <inheritdoc/>
    public int? MaxLabel => images.ClassCount - 1;

    /// <inheritdoc/>
    public void Gather(ReadOnlySpan<int> indices, Span<byte> inputs, Span<byte> targets) =>
        images.Read(indices, inputs, MemoryMarshal.Cast<byte, int>(targets));

    /// <inheritdoc/>
    public Normalization? Statistics() => null;
}
