namespace DeepNative.Data;

/// <summary>Examples that lie in memory as a device wants them: all inputs, all targets, in order.</summary>
internal interface IContiguousExamples
{
    ReadOnlySpan<byte> Inputs { get; }

    ReadOnlySpan<byte> Targets { get; }

    /// <summary>What the memory belongs to: views of one thing are one data set.</summary>
    object Owner { get; }
}
