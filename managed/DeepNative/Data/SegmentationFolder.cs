namespace DeepNative.Data;

/// <summary>
/// Pictures with a class for each pixel, in memory: a folder image/ and a folder label/ whose files have the same names
/// but for their endings. Pictures and masks are all of one size.
/// </summary>
public static class SegmentationFolder
{
    // Beyond it grey values are no classes: a photograph, or a mask that was packed with loss.
    private const int MostClasses = 64;
    private const double TestPart = 0.2;
    private const string ListFile = "test.txt";
    private const string Remedy = "Replace them, or remove both files of their pairs: a picture cannot do without its mask.";

    /// <summary>Whether a folder has the form that <see cref="Open"/> takes.</summary>
    /// <param name="folder">The folder.</param>
    /// <returns>True when it, or its folder train, has folders image and label.</returns>
    public static bool Matches(string folder) => IsPart(folder) || IsPart(Path.Combine(folder, "train"));

    /// <summary>
    /// Reads a folder with image/ and label/, or with train/ and perhaps val/ and test/ that have them. Where there is no test
    /// part, the file test.txt says which names it has, one a line without endings; without it the last fifth is it, by
    /// name with numbers as numbers (of 0 to 29: 24 to 29).
    /// </summary>
    /// <param name="folder">The folder.</param>
    /// <param name="channels">1: grey; 3: red, green, blue; 0: as the first picture has.</param>
    /// <param name="limits">What is refused from a picture's header; null: the usual.</param>
    /// <param name="workers">Threads that read the files; 0: one for each core.</param>
    /// <param name="token">Ends the reading.</param>
    /// <returns>
    /// uint8 (C, H, W) and int32 (H, W): a mask's values themselves where they are 0 to K - 1, else their ranks, as 0 and 255
    /// become 0 and 1. Class names are the values.
    /// </returns>
    /// <exception cref="ArgumentOutOfRangeException">Other channels; less than 0 threads.</exception>
    /// <exception cref="DirectoryNotFoundException">There is no such folder.</exception>
    /// <exception cref="InvalidDataException">Names or sizes that do not match, too many values; the message names the file.</exception>
    /// <exception cref="BadPicturesException">Files that cannot be read: a pair cannot do without one.</exception>
    public static ExampleSplits Open(string folder, int channels = 0, PictureLimits? limits = null, int workers = 0, CancellationToken token = default)
    {
        ArgumentNullException.ThrowIfNull(folder);
        if (channels is not (0 or 1 or 3)) throw new ArgumentOutOfRangeException(nameof(channels), channels, "expected 1 or 3, or 0 for those of the first picture.");
        ArgumentOutOfRangeException.ThrowIfNegative(workers);
        folder = Path.TrimEndingDirectorySeparator(Path.GetFullPath(folder));
        if (!Directory.Exists(folder)) throw new DirectoryNotFoundException($"{folder}: there is no such folder.");
        if (!Matches(folder)) throw new InvalidDataException($"{folder}: expected folders image and label in it, or train with those in it.");
        var name = Path.GetFileName(folder);
        var root = IsPart(folder) ? folder : Path.Combine(folder, "train");
        var train = Pairs(root);
        var validation = Beside(folder, "val", "valid", "validation");
        var test = Beside(folder, "test") ?? validation;
        if (test == validation) validation = null;
        if (test is null) (train, test) = HoldOut(folder, root, train);
        List<Pair>[] parts = validation is null ? [train, test] : [train, test, validation];
        var read = Read(folder, [.. parts.SelectMany(static part => part)], channels, limits ?? PictureLimits.Default, workers, token);
        var values = Values(folder, read);
        var next = 0;
        string[] names = [name, $"{name}, test", $"{name}, validation"];
        var sources = parts.Select((part, i) => Source(names[i], read.AsSpan((next += part.Count) - part.Count, part.Count), values)).ToArray();
        return new ExampleSplits(sources[0], sources[1])
        {
            Validation = sources.Length > 2 ? sources[2] : null,
            ClassNames = [.. values.Select(static value => value.ToString(System.Globalization.CultureInfo.InvariantCulture))],
        };
    }

    private static bool IsPart(string folder) => Directory.Exists(Path.Combine(folder, "image")) && Directory.Exists(Path.Combine(folder, "label"));

    private static List<Pair>? Beside(string folder, params string[] names) =>
        names.Select(name => Path.Combine(folder, name)).Where(IsPart).Select(Pairs).FirstOrDefault();

    private static List<Pair> Pairs(string folder)
    {
        var images = Stems(Path.Combine(folder, "image"));
        var labels = Stems(Path.Combine(folder, "label"));
        foreach (var (stem, path) in images)
            if (!labels.ContainsKey(stem)) throw new InvalidDataException($"{path}: there is no mask of the name \"{stem}\" in {Path.Combine(folder, "label")}.");
        foreach (var (stem, path) in labels)
            if (!images.ContainsKey(stem)) throw new InvalidDataException($"{path}: there is no picture of the name \"{stem}\" in {Path.Combine(folder, "image")}.");
        if (images.Count == 0) throw new InvalidDataException($"{Path.Combine(folder, "image")}: there are no pictures in it.");
        return [.. images.Keys.Order(NaturalOrder.Instance).Select(stem => new Pair(stem, images[stem], labels[stem]))];
    }

    private static Dictionary<string, string> Stems(string folder)
    {
        var stems = new Dictionary<string, string>(StringComparer.Ordinal);
        foreach (var path in Directory.EnumerateFiles(folder).Order(StringComparer.Ordinal))
        {
            if (Path.GetFileName(path).StartsWith('.')) continue;
            var stem = Path.GetFileNameWithoutExtension(path);
            if (!stems.TryAdd(stem, path)) throw new InvalidDataException($"{path}: {stems[stem]} has the same name.");
        }

        return stems;
    }

    private static (List<Pair> Train, List<Pair> Test) HoldOut(string folder, string root, List<Pair> all)
    {
        var list = new[] { folder, root }.Select(place => Path.Combine(place, ListFile)).FirstOrDefault(File.Exists);
        HashSet<string> names = list is null
            ? [.. all.TakeLast((int)Math.Round(TestPart * all.Count)).Select(static pair => pair.Stem)]
            : [.. File.ReadLines(list).Select(static line => line.Trim()).Where(static line => line.Length > 0)];
        var unknown = names.FirstOrDefault(name => !all.Exists(pair => pair.Stem == name));
        if (unknown is not null) throw new InvalidDataException($"{list}: there is no picture of the name \"{unknown}\".");
        var (train, test) = (all.FindAll(pair => !names.Contains(pair.Stem)), all.FindAll(pair => names.Contains(pair.Stem)));
        if (train.Count == 0 || test.Count == 0)
            throw new InvalidDataException($"{list ?? folder}: {train.Count} pairs to train and {test.Count} to test, expected some of both.");
        return (train, test);
    }

    private static Loaded[] Read(string folder, Pair[] pairs, int channels, PictureLimits limits, int workers, CancellationToken token)
    {
        var loaded = new Loaded[pairs.Length];
        var bad = new BadPicture?[2 * pairs.Length];
        if (channels == 0 && Try(pairs[0].Image, limits, bytes => PictureDecoder.Probe(bytes, limits).Channels, out channels) is { } fault)
            throw new BadPicturesException(folder, [fault], checkedFiles: 1, Remedy);
        Workers.For(pairs.Length, workers, i =>
        {
            bad[2 * i] = Try(pairs[i].Image, limits, bytes => PictureDecoder.Decode(bytes, channels, limits), out var image);
            bad[2 * i + 1] = Try(pairs[i].Label, limits, bytes => PictureDecoder.DecodeIndices(bytes, limits), out var mask);
            if (image is not null && mask is not null) loaded[i] = new Loaded(pairs[i], image, mask);
        }, token);
        var faults = bad.OfType<BadPicture>().ToArray();
        if (faults.Length > 0) throw new BadPicturesException(folder, faults, bad.Length, Remedy);
        var first = loaded[0].Image;
        foreach (var one in loaded)
        {
            if ((one.Mask.Width, one.Mask.Height) != (one.Image.Width, one.Image.Height))
                throw new InvalidDataException($"{one.Pair.Label}: {one.Mask.Width} x {one.Mask.Height}, its picture is {one.Image.Width} x {one.Image.Height}.");
            if ((one.Image.Width, one.Image.Height) != (first.Width, first.Height))
                throw new InvalidDataException(
                    $"{one.Pair.Image}: {one.Image.Width} x {one.Image.Height}, others are {first.Width} x {first.Height}; bring all to one size.");
        }

        var bytes = (long)loaded.Length * first.Planes.Length;
        if (Math.Max(bytes, (long)loaded.Length * first.Width * first.Height) > Array.MaxLength)
            throw new InvalidDataException($"{folder}: {bytes} bytes of pixels, at most {Array.MaxLength} are held in memory.");
        return loaded;
    }

    private delegate T Decoder<T>(ReadOnlySpan<byte> bytes);

    private static BadPicture? Try<T>(string path, PictureLimits limits, Decoder<T> decode, out T? result)
    {
        result = default;
        try
        {
            using var file = PictureReader.Open(path, limits);
            result = decode(file.Bytes);
            return null;
        }
        catch (Exception error) when (PictureReader.ReasonOf(error) is not null)
        {
            return new BadPicture(path, PictureReader.ReasonOf(error)!);
        }
    }

    private static byte[] Values(string folder, Loaded[] loaded)
    {
        var seen = new bool[256];
        foreach (var one in loaded)
            foreach (var value in one.Mask.Planes) seen[value] = true;
        byte[] values = [.. Enumerable.Range(0, 256).Where(value => seen[value]).Select(static value => (byte)value)];
        return values.Length switch
        {
            1 => throw new InvalidDataException($"{folder}: all masks are {values[0]} everywhere, there is nothing to tell apart."),
            > MostClasses => throw new InvalidDataException(
                $"{folder}: the masks have {values.Length} different values, expected at most {MostClasses}, one for each class."),
            _ => values,
        };
    }

    private static ByteExamples Source(string name, ReadOnlySpan<Loaded> pairs, byte[] values)
    {
        var image = pairs[0].Image;
        var (inputs, targets) = (new byte[pairs.Length * image.Planes.Length], new int[pairs.Length * image.Width * image.Height]);
        Span<int> rank = stackalloc int[256];
        for (var i = 0; i < values.Length; i++) rank[values[i]] = i;
        for (var i = 0; i < pairs.Length; i++)
        {
            pairs[i].Image.Planes.CopyTo(inputs, (long)i * image.Planes.Length);
            var mask = pairs[i].Mask.Planes;
            for (var pixel = 0; pixel < mask.Length; pixel++) targets[i * mask.Length + pixel] = rank[mask[pixel]];
        }

        return new ByteExamples(
            name, new Shape(image.Channels, image.Height, image.Width), inputs, new Shape(image.Height, image.Width), targets, values.Length);
    }

    private sealed record Pair(string Stem, string Image, string Label);

    private sealed record Loaded(Pair Pair, Picture Image, Picture Mask);
}
