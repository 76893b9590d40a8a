using DeepNative.Interop;

namespace DeepNative;

/// <summary>How a node's output is related to its inputs, for those of them that are data.</summary>
internal enum DataRule
{
    /// <summary>Whatever types its inputs have, its outputs have any: element-wise, computed in float32 in between.</summary>
    Free,

    /// <summary>One type for all: pooling, normalisation, joining and cutting.</summary>
    Uniform,

    /// <summary>The first two inputs are multiplied; sums are float32. The output, and what is done to it, have their type.</summary>
    Product,

    /// <summary>The same, but the output, and what is done to it, may also stay float32.</summary>
    FreeProduct,
}

/// <summary>
/// What of a node may have 16 bits: where a device has kernels of the kind for it. A node that says nothing computes
/// in float32.
/// </summary>
/// <param name="Rule">How types go together.</param>
/// <param name="Kind">The operator, of which the device is asked.</param>
/// <param name="Backward">Whether it is asked for its derivative's kernels.</param>
/// <param name="Inputs">Which inputs are data; bit i is input i, the last bit all from there on.</param>
/// <param name="Outputs">Which outputs are, in the same way.</param>
internal readonly record struct NodeData(DataRule Rule, OperatorKind Kind, bool Backward = false, uint Inputs = 1, uint Outputs = 1)
{
    /// <summary>All inputs or outputs.</summary>
    public const uint All = uint.MaxValue;

    /// <summary>Of convolutions and products: both operands, and behind the bias what is done to the result.</summary>
    public const uint Operands = ~4u;

    public bool IsProduct => Rule is DataRule.Product or DataRule.FreeProduct;

    public bool IsInput(int index) => Contains(Inputs, index);

    public bool IsOutput(int index) => Contains(Outputs, index);

    /// <summary>Whether an input is one of those that are multiplied.</summary>
    public bool IsOperand(int input) => IsProduct && input < 2;

    private static bool Contains(uint set, int index) => (set >> Math.Min(index, 31) & 1) != 0;
}
