namespace DeepNative;

/// <summary>What a node's derivative may ask: the gradients of its outputs, and which of its inputs need one.</summary>
internal readonly struct DerivativeContext(Value?[] gradOutputs, bool[] needs)
{
    /// <summary>The gradient of the loss by an output; null when the loss does not depend on it.</summary>
    public Value? GradOutput(int output) => gradOutputs[output];

    /// <summary>Whether anybody needs the gradient by this input.</summary>
    public bool Needs(int input) => input < needs.Length && needs[input];
}
