namespace DeepNative.Training;

/// <summary>By which number of the validation set epochs are compared.</summary>
public enum ValidationMetric
{
    /// <summary>The fraction of wrong predictions; the loss where it has no such notion.</summary>
    Error,

    /// <summary>The mean loss.</summary>
    Loss,

    /// <summary>The mean intersection over union of maps of classes, of which more is better.</summary>
    MeanIntersectionOverUnion,
}
