namespace DeepNative.Models;

/// <summary>The columns of table 1 of Simonyan, Zisserman: "Very deep convolutional networks for large-scale image recognition", 2015.</summary>
public enum VggConfiguration
{
    /// <summary>11 layers with weights: 132,863,336 parameters for 1000 classes.</summary>
    A,

    /// <summary>A with local response normalisation behind the first convolution.</summary>
    ALrn,

    /// <summary>13 layers: 133,047,848.</summary>
    B,

    /// <summary>16 layers, three of them 1 x 1 convolutions: 133,638,952.</summary>
    C,

    /// <summary>16 layers: 138,357,544.</summary>
    D,

    /// <summary>19 layers: 143,667,240.</summary>
    E,
}
