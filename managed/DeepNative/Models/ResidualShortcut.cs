namespace DeepNative.Models;

/// <summary>What passes beside the convolutions of a residual block (He, Zhang, Ren, Sun 2016, section 4.1).</summary>
public enum ResidualShortcut
{
    /// <summary>Nothing: a plain net.</summary>
    None,

    /// <summary>Option A: the input, every second pixel where the block halves it, with channels of zeros where it has more. No parameters.</summary>
    PaddedIdentity,

    /// <summary>Option B: the input, and a 1 x 1 convolution where the shapes differ.</summary>
    ProjectionWhereNeeded,

    /// <summary>Option C: a 1 x 1 convolution everywhere.</summary>
    Projection,
}
