namespace DeepNative;

/// <summary>How a graph becomes a program.</summary>
public sealed record CompileOptions
{
    /// <summary>Optimised, without a race: the same program to the bit each time.</summary>
    public static CompileOptions Default { get; } = new();

    /// <summary>Whether to remove, merge and join operators; off only to look for a defect.</summary>
    public bool Optimize { get; init; } = true;

    /// <summary>
    /// Time that the engine may spend measuring kernels against each other, in milliseconds; 0: it takes
    /// the first of its preference. Different kernels round differently. What a race finds is kept in
    /// <c>DEEPNATIVE_CACHE</c>, or the user's cache folder, and the same question is not asked again.
    /// </summary>
    public int RaceMilliseconds { get; init; }

    /// <summary>
    /// Whether float32 matrix products and convolutions may cut their operands to the 10 mantissa bits of
    /// TF32, which a GPU's tensor cores multiply; sums stay float32. Off by default.
    /// </summary>
    public bool AllowTf32 { get; init; }

    /// <summary>
    /// What convolutions and matrix products multiply, and what is kept between them; float32 by default. Operators for
    /// which the device has no kernel of 16 bits stay float32.
    /// </summary>
    public Precision Precision { get; init; }
}
