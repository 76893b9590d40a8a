namespace DeepNative.Losses;

/// <summary>How the losses of elements or samples become the loss of a batch.</summary>
public enum Reduction
{
    /// <summary>Their mean, so that the loss does not depend on the batch's size.</summary>
    Mean,

    /// <summary>Their sum.</summary>
    Sum,

    /// <summary>Their sum over the number of samples, the extent of the first axis.</summary>
    BatchMean,

    /// <summary>They stay as they are; training needs one of the others.</summary>
    None,
}
