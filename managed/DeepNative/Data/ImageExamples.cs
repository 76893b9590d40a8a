using System.Runtime.InteropServices;

namespace DeepNative.Data;

/// <summary>An image data set as examples: uint8 (C, H, W) with class indices.</summary>
internal sealed class ImageExamples : ILabeledExamples, IContiguousExamples
{
    private readonly ImageDataset _images;

    public ImageExamples(ImageDataset images)
    {
        ArgumentNullException.ThrowIfNull(images);
        _images = images;
        foreach (var label in images.Labels.Span) MaxLabel = Math.Max(MaxLabel ?? 0, label);
    }

    public string Name => _images.Name;

    public int Count => _images.Count;

    public Shape InputShape => new(_images.Channels, _images.Height, _images.Width);

    public DType InputType => DType.UInt8;

    public Shape TargetShape => Shape.Scalar;

    public DType TargetType => DType.Int32;

    public int? MaxLabel { get; }

    public ReadOnlySpan<byte> Inputs => _images.Images.Span;

    public ReadOnlySpan<byte> Targets => MemoryMarshal.AsBytes(_images.Labels.Span);

    public ReadOnlySpan<int> Labels => _images.Labels.Span;

    public IReadOnlyList<string> ClassNames => _images.ClassNames;

    public object Owner => _images;

    public void Gather(ReadOnlySpan<int> indices, Span<byte> inputs, Span<byte> targets) =>
        _images.Read(indices, inputs, MemoryMarshal.Cast<byte, int>(targets));

    public Normalization? Statistics()
    {
        var mean = new float[_images.Channels];
        var deviation = new float[_images.Channels];
        for (var channel = 0; channel < mean.Length; channel++)
        {
            mean[channel] = (float)_images.Mean[channel];
            // A constant channel says nothing; leave it at 0 instead of dividing by 0.
            deviation[channel] = _images.Std[channel] > 0.0 ? (float)_images.Std[channel] : 1f;
        }

        return new Normalization(mean, deviation);
    }
}
