namespace DeepNative.Data;

/// <summary>How <see cref="Datasets"/> makes examples of a data set.</summary>
public sealed record DataOptions
{
    /// <summary>
    /// The inputs that are wanted, (C, H, W): pictures of folders are brought to it, generated ones drawn so, those of
    /// data sets that are fetched stay as they are; null: their own.
    /// </summary>
    public Shape? InputShape { get; init; }

    /// <summary>The random resized crop of pictures of a folder; null: none.</summary>
    public Augmentation? Augmentation { get; init; }

    /// <summary>
    /// Pictures with masks: by how much the inputs are larger on each side than the classes that are asked for; 0 or more.
    /// </summary>
    public int Margin { get; init; }

    /// <summary>Pictures with masks: how training weighs pixels; null: all the same.</summary>
    public BorderWeights? Borders { get; init; }

    /// <summary>See <see cref="PictureFolderOptions.SkipBad"/>; pictures with masks cannot be left out.</summary>
    public bool SkipBad { get; init; }

    /// <summary>Threads that check or read the files of a folder; 0: one for each core.</summary>
    public int Workers { get; init; }

    /// <summary>Where files are kept; null: the default folder.</summary>
    public DatasetCache? Cache { get; init; }
}
