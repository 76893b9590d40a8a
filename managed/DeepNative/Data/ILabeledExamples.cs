namespace DeepNative.Data;

/// <summary>Examples whose classes are known without reading their inputs.</summary>
public interface ILabeledExamples : IExampleSource
{
    /// <summary>int32 (Count): the class of each example; empty where targets are no class indices.</summary>
    ReadOnlySpan<int> Labels { get; }

    /// <summary>One name per class; empty where classes have no names.</summary>
    IReadOnlyList<string> ClassNames { get; }
}
