namespace DeepNative.Data;

/// <summary>Where a <see cref="DataLoader"/> takes its samples from: uint8 inputs of one size and int32 labels.</summary>
public interface ISampleSource
{
    /// <summary>Number of samples, at least 1.</summary>
    int Count { get; }

    /// <summary>Bytes of one sample's input.</summary>
    int SampleBytes { get; }

    /// <summary>Copies samples. Called on the loader's thread; must not allocate where steps must not.</summary>
    /// <param name="indices">Which samples, each in [0, Count).</param>
    /// <param name="images">uint8 (indices.Length, SampleBytes), to be filled.</param>
    /// <param name="labels">int32 (indices.Length), to be filled.</param>
    void Read(ReadOnlySpan<int> indices, Span<byte> images, Span<int> labels);
}
