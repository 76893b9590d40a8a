namespace DeepNative.Data;

/// <summary>
/// Fashion-MNIST: pictures of clothing in MNIST's form, 60,000 to train and 10,000 to test (Xiao, Rasul,
/// Vollgraf: "Fashion-MNIST: a novel image dataset for benchmarking machine learning algorithms", 2017).
/// </summary>
public static class FashionMnist
{
    /// <summary>Files, hashes and sources.</summary>
    public static DatasetDescription Description { get; } = new()
    {
        Name = "fashion-mnist",
        Format = new IdxFormat(
            new("train-images-idx3-ubyte", 47_040_016,
                "c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888"),
            new("train-labels-idx1-ubyte", 60_008,
                "bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9"),
            new("t10k-images-idx3-ubyte", 7_840_016,
                "5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b"),
            new("t10k-labels-idx1-ubyte", 10_008,
                "0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34")),
        ClassNames =
        [
            "T-shirt/top", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot",
        ],
        LocalFolders = ["/usr/share/datasets/fashion-mnist"],
        Mirrors =
        [
            // Plain http is what this bucket serves; the hash decides, not the channel.
            new("http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/"),
            new("https://raw.githubusercontent.com/zalandoresearch/fashion-mnist/master/data/fashion/"),
        ],
        DebianPackage = "dataset-fashion-mnist",
    };

    /// <summary>Loads Fashion-MNIST: images (N, 1, 28, 28) uint8, labels 0 to 9; fetches what the cache lacks.</summary>
    /// <param name="cache">Where files are kept; null for the default folder.</param>
    /// <param name="progress">Receives a line per noteworthy step; or null.</param>
    /// <param name="token">Ends the fetching.</param>
    /// <returns>Both parts, in memory (55 MB).</returns>
    /// <exception cref="DatasetUnavailableException">No source gave the files; the message says what to put where.</exception>
    public static ImageSplits Load(
        DatasetCache? cache = null, IProgress<string>? progress = null, CancellationToken token = default) =>
        Datasets.Load(Description, cache, progress, token);
}
