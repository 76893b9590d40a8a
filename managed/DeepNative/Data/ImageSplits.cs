namespace DeepNative.Data;

/// <summary>A data set as its authors divided it.</summary>
/// <param name="Train">To learn from.</param>
/// <param name="Test">To measure with.</param>
public sealed record ImageSplits(ImageDataset Train, ImageDataset Test);
