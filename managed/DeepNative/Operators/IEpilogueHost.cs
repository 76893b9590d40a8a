namespace DeepNative.Operators;

/// <summary>An operator that can apply an expression to each finished element before it is written.</summary>
internal interface IEpilogueHost
{
    /// <summary>Whether it can take one (now; it takes one only).</summary>
    bool TakesEpilogue { get; }

    /// <summary>Takes over a pointwise node's expression and output.</summary>
    /// <param name="epilogue">Input 0 is the finished element, 1, 2, ... are <paramref name="inputs"/>.</param>
    /// <param name="inputs">Values of the output's shape.</param>
    /// <param name="output">What becomes the node's output.</param>
    void TakeEpilogue(Expression epilogue, ReadOnlySpan<Value> inputs, Value output);
}
