namespace DeepNative.Data;

/// <summary>
/// CIFAR-100: colour photographs of 32 x 32 in a hundred classes, 50,000 to train and 10,000 to test (Krizhevsky:
/// "Learning multiple layers of features from tiny images", 2009). Labels are the fine ones.
/// </summary>
public static class Cifar100
{
    /// <summary>Files, hashes and sources.</summary>
    public static DatasetDescription Description { get; } = new()
    {
        Name = "cifar100",
        Format = new CifarFormat(
            [new("train.bin", 153_700_000, "f31298fc616915fa142368359df1c4ca2ae984d6915ca468b998a5ec6aeebf29")],
            [new("test.bin", 30_740_000, "d8b1e6b7b3bee4020055f0699b111f60b1af1e262aeb93a0b659061746f8224a")])
        {
            LabelBytes = 2,
            Label = 1,
        },
        ClassNames =
        [
            "apple", "aquarium fish", "baby", "bear", "beaver", "bed", "bee", "beetle", "bicycle", "bottle",
            "bowl", "boy", "bridge", "bus", "butterfly", "camel", "can", "castle", "caterpillar", "cattle",
            "chair", "chimpanzee", "clock", "cloud", "cockroach", "couch", "crab", "crocodile", "cup", "dinosaur",
            "dolphin", "elephant", "flatfish", "forest", "fox", "girl", "hamster", "house", "kangaroo", "keyboard",
            "lamp", "lawn mower", "leopard", "lion", "lizard", "lobster", "man", "maple tree", "motorcycle", "mountain",
            "mouse", "mushroom", "oak tree", "orange", "orchid", "otter", "palm tree", "pear", "pickup truck", "pine tree",
            "plain", "plate", "poppy", "porcupine", "possum", "rabbit", "raccoon", "ray", "road", "rocket",
            "rose", "sea", "seal", "shark", "shrew", "skunk", "skyscraper", "snail", "snake", "spider",
            "squirrel", "streetcar", "sunflower", "sweet pepper", "table", "tank", "telephone", "television", "tiger", "tractor",
            "train", "trout", "tulip", "turtle", "wardrobe", "whale", "willow tree", "wolf", "woman", "worm",
        ],
        Archives = [new("https://www.cs.toronto.edu/~kriz/cifar-100-binary.tar.gz")],
    };

    /// <summary>Loads CIFAR-100: images (N, 3, 32, 32) uint8, labels 0 to 99; fetches what the cache lacks.</summary>
    /// <param name="cache">Where files are kept; null for the default folder.</param>
    /// <param name="progress">Receives a line per noteworthy step; or null.</param>
    /// <param name="token">Ends the fetching.</param>
    /// <returns>Both parts, in memory (184 MB).</returns>
    /// <exception cref="DatasetUnavailableException">No source gave the files; the message says what to put where.</exception>
    public static ImageSplits Load(
        DatasetCache? cache = null, IProgress<string>? progress = null, CancellationToken token = default) =>
        Datasets.Load(Description, cache, progress, token);
}
