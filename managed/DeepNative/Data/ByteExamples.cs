using System.Runtime.InteropServices;

namespace DeepNative.Data;

/// <summary>Pictures of one size in memory with targets of any kind: a class or a number for each pixel.</summary>
internal sealed class ByteExamples : IExampleSource, IContiguousExamples
{
    private readonly byte[] _inputs;
    private readonly Array _targets;
    private readonly Lazy<Normalization> _statistics;

    /// <summary>Holds the arrays without copying.</summary>
    /// <param name="name">For messages.</param>
    /// <param name="inputShape">(C, H, W).</param>
    /// <param name="inputs">uint8 (N, C, H, W).</param>
    /// <param name="targetShape">Of one target.</param>
    /// <param name="targets">int or float (N, ...).</param>
    /// <param name="classes">The number of classes where targets are class indices; else null.</param>
    public ByteExamples(string name, Shape inputShape, byte[] inputs, Shape targetShape, Array targets, int? classes)
    {
        Name = name;
        InputShape = inputShape;
        TargetShape = targetShape;
        MaxLabel = classes - 1;
        Count = (int)(inputs.Length / inputShape.Count);
        (_inputs, _targets) = (inputs, targets);
        _statistics = new(() => PlaneStatistics.Of(_inputs, (int)InputShape[0], (int)(InputShape[1] * InputShape[2])));
    }

    public string Name { get; }

    public int Count { get; }

    public Shape InputShape { get; }

    public DType InputType => DType.UInt8;

    public Shape TargetShape { get; }

    public DType TargetType => _targets is int[] ? DType.Int32 : DType.Float32;

    public int? MaxLabel { get; }

    public ReadOnlySpan<byte> Inputs => _inputs;

    public ReadOnlySpan<byte> Targets =>
        _targets is int[] labels ? MemoryMarshal.AsBytes<int>(labels) : MemoryMarshal.AsBytes<float>((float[])_targets);

    public object Owner => this;

    public void Gather(ReadOnlySpan<int> indices, Span<byte> inputs, Span<byte> targets)
    {
        Rows.Gather<byte>(_inputs, (int)InputShape.Count, indices, inputs);
        // By their type: as bytes they may be too many for a span.
        var length = (int)TargetShape.Count;
        if (_targets is int[] labels) Rows.Gather<int>(labels, length, indices, MemoryMarshal.Cast<byte, int>(targets));
        else Rows.Gather<float>((float[])_targets, length, indices, MemoryMarshal.Cast<byte, float>(targets));
    }

    public Normalization? Statistics() => _statistics.Value;
}
