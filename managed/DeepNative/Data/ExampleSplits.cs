namespace DeepNative.Data;

/// <summary>A data set of any kind, divided into what is learned from and what is measured with.</summary>
/// <param name="Train">To learn from.</param>
/// <param name="Test">To measure with.</param>
public sealed record ExampleSplits(IExampleSource Train, IExampleSource Test)
{
    /// <summary>To choose by, where the data set comes with such a part; or null.</summary>
    public IExampleSource? Validation { get; init; }

    /// <summary>One name per class; empty where there are none.</summary>
    public IReadOnlyList<string> ClassNames { get; init; } = [];

    /// <summary>
    /// Pictures that were left out, see <see cref="PictureFolderOptions.SkipBad"/>. Of a folder it grows at its end where pictures
    /// turn bad while they are trained on or measured with; thread-safe.
    /// </summary>
    public IReadOnlyList<BadPicture> Bad { get; init; } = [];
}
