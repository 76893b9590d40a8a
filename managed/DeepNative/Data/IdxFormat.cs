namespace DeepNative.Data;

/// <summary>Four IDX files, as MNIST has them.</summary>
/// <param name="TrainImages">Images to learn from.</param>
/// <param name="TrainLabels">Their labels.</param>
/// <param name="TestImages">Images to measure with.</param>
/// <param name="TestLabels">Their labels.</param>
public sealed record IdxFormat(
    DatasetFile TrainImages, DatasetFile TrainLabels, DatasetFile TestImages, DatasetFile TestLabels) : DatasetFormat
{
    /// <inheritdoc/>
    public override IReadOnlyList<DatasetFile> Files => [TrainImages, TrainLabels, TestImages, TestLabels];

    /// <inheritdoc/>
    public override ImageSplits Read(string name, string folder, IReadOnlyList<string> classNames)
    {
        return new ImageSplits(Part("train", TrainImages, TrainLabels), Part("test", TestImages, TestLabels));

        ImageDataset Part(string part, DatasetFile images, DatasetFile labels) =>
            ImageDataset.FromIdx($"{name} {part}", Path.Combine(folder, images.Name), Path.Combine(folder, labels.Name), classNames);
    }
}
