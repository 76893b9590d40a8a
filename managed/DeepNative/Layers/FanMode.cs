namespace DeepNative.Layers;

/// <summary>Which connections of a parameter decide the variance of its first values.</summary>
public enum FanMode
{
    /// <summary>The inputs that one output element sums over: keeps the size of activations.</summary>
    In,

    /// <summary>The outputs that one input element feeds: keeps the size of gradients.</summary>
    Out,

    /// <summary>The mean of both.</summary>
    Average,
}
