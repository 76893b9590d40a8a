using System.Runtime.InteropServices;
using DeepNative.Data;
using DeepNative.Training;

namespace DeepNative.Tests.Models;

/// <summary>Pictures with a class for each pixel.</summary>
internal sealed class MaskExamples(string name, float[] pictures, int[] masks, Shape picture, int classes) : IExampleSource
{
    public string Name => name;

    public int Count => (int)(pictures.Length / picture.Count);

    public Shape InputShape => picture;

    public DType InputType => DType.Float32;

    public Shape TargetShape => picture.From(1);

    public DType TargetType => DType.Int32;

    public int? MaxLabel => classes - 1;

    public ReadOnlySpan<float> Picture(int index) => pictures.AsSpan((int)(index * picture.Count), (int)picture.Count);

    public ReadOnlySpan<int> Mask(int index) => masks.AsSpan((int)(index * TargetShape.Count), (int)TargetShape.Count);

    public void Gather(ReadOnlySpan<int> indices, Span<byte> inputs, Span<byte> targets)
    {
        for (var i = 0; i < indices.Length; i++)
        {
            var input = MemoryMarshal.AsBytes(Picture(indices[i]));
            var target = MemoryMarshal.AsBytes(Mask(indices[i]));
            input.CopyTo(inputs[(i * input.Length)..]);
            target.CopyTo(targets[(i * target.Length)..]);
        }
    }

    public Normalization? Statistics() => null;

    /// <summary>
    /// Discs (class 1) and squares (class 2) of about the background's brightness in noise: no threshold parts them.
    /// </summary>
    public static MaskExamples Shapes(int count, int size, ulong seed)
    {
        var random = new Philox(seed);
        var pictures = new float[count * size * size];
        var masks = new int[count * size * size];
        random.FillNormal(pictures, 0f, 0.3f);
        for (var n = 0; n < count; n++)
        {
            for (var label = 1; label <= 2; label++)
            {
                var radius = size / 8 + (int)random.NextBelow((uint)(size / 16 + 1));
                var (cx, cy) = (Place(radius), Place(radius));
                for (var y = cy - radius; y <= cy + radius; y++)
                {
                    for (var x = cx - radius; x <= cx + radius; x++)
                    {
                        var (dx, dy) = (x - cx, y - cy);
                        if (label == 1 && dx * dx + dy * dy > radius * radius) continue;
                        var pixel = (n * size + y) * size + x;
                        masks[pixel] = label;
                        pictures[pixel] += label == 1 ? 1f : (x + y) % 2 == 0 ? 1f : -1f;
                    }
                }
            }
        }

        return new MaskExamples($"shapes {seed}", pictures, masks, new Shape(1, size, size), classes: 3);

        int Place(int radius) => radius + (int)random.NextBelow((uint)(size - 2 * radius));
    }
}
