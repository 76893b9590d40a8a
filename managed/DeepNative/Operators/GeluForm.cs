namespace DeepNative.Operators;

/// <summary>How <see cref="Activations.Gelu"/> takes the normal distribution.</summary>
public enum GeluForm
{
    /// <summary>By the error function.</summary>
    Exact,

    /// <summary>By a hyperbolic tangent: at most 5e-4 from the exact one.</summary>
    Tanh,
}
