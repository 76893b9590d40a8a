using System.Drawing;

namespace DeepNative.Data;

/// <summary>How the pictures of a folder become inputs.</summary>
public sealed record PictureFolderOptions
{
    /// <summary>Rows of an input, at least 1.</summary>
    /// <exception cref="ArgumentOutOfRangeException">Below 1.</exception>
    public int Height { get; init => field = Positive(value, nameof(Height)); } = 224;

    /// <summary>Columns of an input, at least 1.</summary>
    /// <exception cref="ArgumentOutOfRangeException">Below 1.</exception>
    public int Width { get; init => field = Positive(value, nameof(Width)); } = 224;

    /// <summary>1: grey; 3: red, green, blue. Pictures of the other kind are converted.</summary>
    /// <exception cref="ArgumentOutOfRangeException">Neither.</exception>
    public int Channels
    {
        get;
        init => field = value is 1 or 3 ? value : throw new ArgumentOutOfRangeException(nameof(Channels), value, "expected 1 or 3.");
    } = 3;

    /// <summary>The random resized crop of training (its other numbers are of the training program).</summary>
    public Augmentation Augmentation { get; init; } = Augmentation.None;

    /// <summary>
    /// What is measured with, and trained with where no crop is random: the middle of a picture, as large as fits in the
    /// input's proportions times this; above 0 to 1. 224/256 is the usual "resize to 256, crop 224".
    /// </summary>
    /// <exception cref="ArgumentOutOfRangeException">Outside that range.</exception>
    public double CenterCrop
    {
        get;
        init => field = value is > 0.0 and <= 1.0
            ? value
            : throw new ArgumentOutOfRangeException(nameof(CenterCrop), value, "expected above 0 to 1.");
    } = 224.0 / 256.0;

    /// <summary>
    /// Files that cannot be used are left out, also those that turn bad while training (another picture of the same part takes
    /// the place), see <see cref="ExampleSplits.Bad"/>; else they are an error.
    /// </summary>
    public bool SkipBad { get; init; }

    /// <summary>
    /// The most bytes of a part that are decoded once and kept in memory, and so on a device that has room, where nothing is
    /// random about its pictures: what is measured with always, what is trained with where no crop is random. 0: none.
    /// </summary>
    /// <exception cref="ArgumentOutOfRangeException">Below 0.</exception>
    public long MostKeptBytes
    {
        get;
        init
        {
            ArgumentOutOfRangeException.ThrowIfNegative(value, nameof(MostKeptBytes));
            field = value;
        }
    } = 1L << 29;

    /// <summary>Threads that check the files; 0: one for each core.</summary>
    /// <exception cref="ArgumentOutOfRangeException">Below 0.</exception>
    public int Workers
    {
        get;
        init
        {
            ArgumentOutOfRangeException.ThrowIfNegative(value, nameof(Workers));
            field = value;
        }
    }

    /// <summary>What is refused from a picture's header.</summary>
    public PictureLimits Limits { get; init; } = PictureLimits.Default;

    /// <summary>Where it is kept which files were checked and how they were; null: the default folder.</summary>
    public DatasetCache? Cache { get; init; }

    /// <summary>The part of a picture that is measured with, see <see cref="CenterCrop"/>.</summary>
    /// <param name="width">Columns of the upright picture, at least 1.</param>
    /// <param name="height">Its rows, at least 1.</param>
    /// <returns>The part, which is resized to <see cref="Width"/> and <see cref="Height"/>.</returns>
    public Rectangle MeasuredPart(int width, int height) => PictureCrop.Center(width, height, Width, Height, CenterCrop);

    private static int Positive(int value, string name)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(value, name);
        return value;
    }
}
