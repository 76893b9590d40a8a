using System.Drawing;
using System.Runtime.InteropServices;

namespace DeepNative.Data;

/// <summary>
/// Classified pictures (JPEG, PNG, PGM, PPM) of a folder, decoded when they are needed: uint8 (C, H, W) with class indices.
/// Training takes a random resized crop of each, anew each epoch; measuring takes the middle. Small parts about which nothing
/// is random are decoded once and kept, see <see cref="PictureFolderOptions.MostKeptBytes"/>.
/// </summary>
public sealed class PictureFolder : IRandomExampleSource, ILabeledExamples
{
    // Of a folder without a test part.
    private const double HeldOut = 0.1;

    private readonly PictureFolderOptions _options;
    private readonly string[] _paths;
    private readonly int[] _labels;
    private readonly Size[] _sizes;
    private readonly Normalization _statistics;
    private readonly LeftOutPictures _leftOut;

    private PictureFolder(
        string name, PictureFolderOptions options, IReadOnlyList<string> classNames, string[] paths, int[] labels, Size[] sizes,
        Normalization statistics, LeftOutPictures leftOut)
    {
        Name = name;
        ClassNames = classNames;
        MaxLabel = classNames.Count - 1;
        _options = options;
        _paths = paths;
        _labels = labels;
        _sizes = sizes;
        _statistics = statistics;
        _leftOut = leftOut;
    }

    /// <inheritdoc/>
    public string Name { get; }

    /// <inheritdoc/>
    public int Count => _paths.Length;

    /// <inheritdoc/>
    public Shape InputShape => new(_options.Channels, _options.Height, _options.Width);

    /// <inheritdoc/>
    public DType InputType => DType.UInt8;

    /// <inheritdoc/>
    public Shape TargetShape => Shape.Scalar;

    /// <inheritdoc/>
    public DType TargetType => DType.Int32;

    /// <inheritdoc/>
    public int? MaxLabel { get; }

    /// <inheritdoc/>
    public ReadOnlySpan<int> Labels => _labels;

    /// <summary>The names of the folders, in ordinal order.</summary>
    public IReadOnlyList<string> ClassNames { get; }

    /// <summary>The files, in the order of the examples.</summary>
    public IReadOnlyList<string> Paths => _paths;

    /// <summary>
    /// Opens a folder that has one folder of pictures for each class, or train/ and val/ or test/ with such folders. Every
    /// file is decoded once, by several threads, unless it is known from before; names that begin with "." are ignored.
    /// </summary>
    /// <param name="folder">The folder.</param>
    /// <param name="options">How pictures become inputs; null: (3, 224, 224).</param>
    /// <param name="progress">Receives a line a second while files are checked; or null.</param>
    /// <param name="token">Ends the check.</param>
    /// <returns>
    /// The parts. Where only one of val/ and test/ exists, it is the test part; where none does, a tenth of each class is
    /// held out for it, always the same one.
    /// </returns>
    /// <exception cref="DirectoryNotFoundException">There is no such folder.</exception>
    /// <exception cref="InvalidDataException">No pictures, an empty class, a single class, too few to hold some out; the message says where.</exception>
    /// <exception cref="BadPicturesException">Files that cannot be used, unless they are to be skipped.</exception>
    public static ExampleSplits Open(
        string folder, PictureFolderOptions? options = null, IProgress<string>? progress = null, CancellationToken token = default)
    {
        ArgumentNullException.ThrowIfNull(folder);
        options ??= new PictureFolderOptions();
        var tree = PictureTree.Scan(folder);
        var paths = tree.Parts.SelectMany(static part => part.Paths).ToArray();
        var (found, bad) = new PictureCheck(tree.Folder, options).Run(paths, progress, token);
        if (bad.Count > 0 && !options.SkipBad)
            throw new BadPicturesException(tree.Folder, bad, paths.Length, "Remove them, or go on without them by --skip-bad (PictureFolderOptions.SkipBad).");
        var leftOut = new LeftOutPictures(bad);
        var next = 0;
        var parts = new List<Checked[]>();
        foreach (var part in tree.Parts)
        {
            parts.Add(Usable(tree, part, found.AsSpan(next, part.Paths.Length)));
            next += part.Paths.Length;
        }

        CheckClasses(tree, parts[0], "can be used to train");
        if (parts.Count == 1) parts = HoldOut(tree, parts[0]);
        var statistics = Normalize(parts[0], options);
        var name = Path.GetFileName(tree.Folder);
        var train = Make(parts[0], name);
        return new ExampleSplits(options.Augmentation.CropsAtRandom ? train : Keep(train), Keep(Make(parts[^1], $"{name}, test")))
        {
            Validation = parts.Count > 2 ? Keep(Make(parts[1], $"{name}, validation")) : null,
            ClassNames = tree.Classes,
            Bad = leftOut,
        };

        PictureFolder Make(Checked[] pictures, string title) => new(
            title, options, tree.Classes, Array.ConvertAll(pictures, static one => one.Path), Array.ConvertAll(pictures, static one => one.Label),
            Array.ConvertAll(pictures, static one => new Size(one.Found.Width, one.Found.Height)), statistics, leftOut);

        // Where one turned bad just now, a copy would have another in its place for good, whichever part that one goes to.
        IExampleSource Keep(PictureFolder part)
        {
            var before = leftOut.Count;
            var kept = KeptExamples.Of(part, options.MostKeptBytes, options.Workers, token);
            return leftOut.Count == before ? kept : part;
        }
    }

    /// <summary>Some of the pictures: what turns bad is replaced by one of them, never by one that was held out.</summary>
    internal PictureFolder Select(int[] indices, string name) => new(
        name, _options, ClassNames, Array.ConvertAll(indices, i => _paths[i]), Array.ConvertAll(indices, i => _labels[i]),
        Array.ConvertAll(indices, i => _sizes[i]), _statistics, _leftOut);

    /// <inheritdoc/>
    public void Gather(ReadOnlySpan<int> indices, Span<byte> inputs, Span<byte> targets) => Read(indices, inputs, targets, draw: null);

    /// <inheritdoc/>
    public void Gather(ReadOnlySpan<int> indices, Span<byte> inputs, Span<byte> targets, ulong seed, int epoch) =>
        Read(indices, inputs, targets, _options.Augmentation.CropsAtRandom ? (seed, epoch) : null);

    /// <summary>Mean and deviation of the training part's pictures, each resized to an input and so counting the same.</summary>
    /// <returns>One number per channel, in units of byte / 255.</returns>
    public Normalization? Statistics() => _statistics;

    private void Read(ReadOnlySpan<int> indices, Span<byte> inputs, Span<byte> targets, (ulong Seed, int Epoch)? draw)
    {
        var bytes = _options.Channels * _options.Height * _options.Width;
        var labels = MemoryMarshal.Cast<byte, int>(targets);
        for (var i = 0; i < indices.Length; i++)
        {
            // One that turned bad is replaced by the next that is sound: the same one in every run.
            var example = indices[i];
            while (!TryDecode(example, draw, inputs.Slice(i * bytes, bytes)))
            {
                example = (example + 1) % Count;
                if (example == indices[i]) throw new BadPicturesException($"{Name}: no picture can be read any more.");
            }

            labels[i] = _labels[example];
        }
    }

    private bool TryDecode(int example, (ulong Seed, int Epoch)? draw, Span<byte> planes)
    {
        var path = _paths[example];
        var size = _sizes[example];
        var crop = draw is { } by
            ? PictureCrop.Random(size.Width, size.Height, _options.Augmentation, by.Seed, by.Epoch, example)
            : _options.MeasuredPart(size.Width, size.Height);
        try
        {
            using var file = PictureReader.Open(path, _options.Limits);
            PictureDecoder.DecodeResized(file.Bytes, _options.Channels, crop, _options.Width, _options.Height, flip: false, planes, _options.Limits);
            return true;
        }
        catch (Exception error) when (PictureReader.ReasonOf(error) is not null || error is ArgumentException)
        {
            // A crop that does not fit: the file is not the one that was checked.
            var bad = new BadPicture(path, PictureReader.ReasonOf(error) ?? "the picture has another size than when it was checked");
            if (!_options.SkipBad) throw new PictureException(bad.Reason, error).At(path);
            _leftOut.Add(bad);
            return false;
        }
    }

    private static Checked[] Usable(PictureTree tree, PictureTree.Part part, ReadOnlySpan<PictureCheck.Found?> found)
    {
        var usable = new List<Checked>();
        for (var i = 0; i < found.Length; i++)
            if (found[i] is { } one) usable.Add(new Checked(part.Paths[i], part.Labels[i], one));
        var folder = part == tree.Test ? "test part" : part == tree.Validation ? "validation part" : "training part";
        return usable.Count > 0
            ? [.. usable]
            : throw new InvalidDataException($"{tree.Folder}: none of the {found.Length} files of its {folder} is a picture that can be used.");
    }

    private static List<Checked[]> HoldOut(PictureTree tree, Checked[] all)
    {
        if (Math.Round(HeldOut * all.Length, MidpointRounding.AwayFromZero) < 1)
            throw new InvalidDataException($"{tree.Folder}: {all.Length} pictures are too few to hold a tenth of them out to test; add pictures, or put them into train and test.");
        var (train, test) = ExampleSplit.Divide(tree.Folder, all.Length, Array.ConvertAll(all, static one => one.Label), HeldOut, seed: 0);
        List<Checked[]> parts = [Array.ConvertAll(train, i => all[i]), Array.ConvertAll(test, i => all[i])];
        CheckClasses(tree, parts[0], "is left to train with where a tenth is held out to test; add pictures, or put them into train and test");
        return parts;
    }

    private static void CheckClasses(PictureTree tree, Checked[] train, string what)
    {
        var counts = ClassBalance.Counts(Array.ConvertAll(train, static one => one.Label), tree.Classes.Count);
        for (var label = 0; label < counts.Length; label++)
            if (counts[label] == 0)
                throw new InvalidDataException($"{tree.Folder}: no picture of class \"{tree.Classes[label]}\" {what}.");
    }

    private static Normalization Normalize(Checked[] train, PictureFolderOptions options)
    {
        var (sums, squares) = (new long[options.Channels], new long[options.Channels]);
        foreach (var one in train)
        {
            for (var channel = 0; channel < sums.Length; channel++)
            {
                sums[channel] += one.Found.Sums[channel];
                squares[channel] += one.Found.Squares[channel];
            }
        }

        return PlaneStatistics.From(sums, squares, (long)train.Length * options.Height * options.Width);
    }

    private readonly record struct Checked(string Path, int Label, PictureCheck.Found Found);
}
