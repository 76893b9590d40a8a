namespace DeepNative.Data;

/// <summary>One batch, in the loader's own pinned memory: valid until the loader's next call.</summary>
public readonly ref struct Batch
{
    internal Batch(ReadOnlySpan<byte> images, ReadOnlySpan<int> labels, int epoch, int index)
    {
        Images = images;
        Labels = labels;
        Epoch = epoch;
        Index = index;
    }

    /// <summary>uint8 (Count, SampleBytes); pinned, so its address may be handed to native code.</summary>
    public ReadOnlySpan<byte> Images { get; }

    /// <summary>int32 (Count); pinned as well.</summary>
    public ReadOnlySpan<int> Labels { get; }

    /// <summary>Number of samples; less than the batch size only in an epoch's last batch.</summary>
    public int Count => Labels.Length;

    /// <summary>The epoch it belongs to.</summary>
    public int Epoch { get; }

    /// <summary>Its place in the epoch, from 0.</summary>
    public int Index { get; }
}
