using System.Diagnostics.CodeAnalysis;

namespace DeepNative;

/// <summary>
/// What a program computes in. Weights, statistics, losses, gradients of weights and all sums are float32 in each
/// (Micikevicius et al., "Mixed precision training", 2018).
/// </summary>
[SuppressMessage("Naming", "CA1720", Justification = "Here the type names are the meaning.")]
public enum Precision
{
    /// <summary>Float32 throughout.</summary>
    Float32,

    /// <summary>
    /// Convolutions and matrix products multiply bfloat16, and what flows between them is kept in it. It has float32's
    /// range and 8 bits of precision.
    /// </summary>
    BFloat16,

    /// <summary>The same with float16: 11 bits of precision, but numbers below 6e-8 vanish, so that gradients are scaled (<see cref="Training.LossScaling"/>).</summary>
    Float16,
}
