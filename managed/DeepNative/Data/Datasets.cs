namespace DeepNative.Data;

/// <summary>The data sets that the library knows by name, and folders of the user's own.</summary>
public static class Datasets
{
    private const int ShapesTrain = 4000;
    private const int ShapesTest = 1000;
    private const int ShapesSize = 64;

    private static readonly DatasetDescription[] _fetched =
        [Cifar10.Description, Cifar100.Description, FashionMnist.Description, Mnist.Description];

    private static readonly (string Name, IReadOnlyList<string> ClassNames, Func<ShapesOptions, string, IExampleSource> Draw)[] _drawn =
    [
        ("shapes", ShapesDataset.ClassNames, static (options, name) => new ShapesDataset(options, name).ToImages().AsExamples()),
        ("shapes-heatmap", ShapesDataset.ClassNames,
            static (options, name) => new ShapesDataset(options with { MostObjects = 3 }, name).ToHeatmaps()),
        ("shapes-masks", ["background", "object"], static (options, name) =>
            new ShapesDataset(options with { MostObjects = 3, Size = options.Size * 3 / 2 }, name).ToObjectMasks(options.Size)),
        ("shapes-segmentation", ["background", .. ShapesDataset.ClassNames],
            static (options, name) => new ShapesDataset(options with { MostObjects = 3 }, name).ToMasks()),
    ];

    /// <summary>All names, in alphabetical order: of those that are fetched and those that are drawn.</summary>
    public static IReadOnlyList<string> Names { get; } =
        [.. _fetched.Select(static set => set.Name).Concat(_drawn.Select(static set => set.Name)).Order(StringComparer.Ordinal)];

    /// <summary>The description of a data set that is fetched.</summary>
    /// <param name="name">Its name, in any case.</param>
    /// <returns>The description.</returns>
    /// <exception cref="ArgumentException">There is no such data set; the message lists the known ones.</exception>
    public static DatasetDescription Find(string name) =>
        TryFind(name) ?? throw new ArgumentException(
            $"Unknown data set '{name}'; known are {string.Join(", ", _fetched.Select(static set => set.Name))}.", nameof(name));

    /// <summary>The classes of a data set of <see cref="Names"/>, without opening it.</summary>
    /// <param name="name">Its name, in any case.</param>
    /// <returns>One name per class; null where the name is no data set's.</returns>
    public static IReadOnlyList<string>? ClassNamesOf(string name) =>
        TryFind(name)?.ClassNames ?? (Array.Find(_drawn, set => string.Equals(set.Name, name, StringComparison.OrdinalIgnoreCase)) is { Name: not null } drawn
            ? drawn.ClassNames
            : null);

    /// <summary>Loads a data set, fetching what the cache lacks.</summary>
    /// <param name="name">Its name, in any case.</param>
    /// <param name="cache">Where files are kept; null for the default folder.</param>
    /// <param name="progress">Receives a line per noteworthy step; or null.</param>
    /// <param name="token">Ends the fetching.</param>
    /// <returns>Both parts, in memory.</returns>
    /// <exception cref="ArgumentException">There is no such data set; the message lists the known ones.</exception>
    /// <exception cref="DatasetUnavailableException">No source gave the files; the message says what to put where.</exception>
    public static ImageSplits Load(
        string name, DatasetCache? cache = null, IProgress<string>? progress = null, CancellationToken token = default) =>
        Load(Find(name), cache, progress, token);

    /// <summary>Loads a described data set, fetching what the cache lacks.</summary>
    /// <param name="description">The data set.</param>
    /// <param name="cache">Where files are kept; null for the default folder.</param>
    /// <param name="progress">Receives a line per noteworthy step; or null.</param>
    /// <param name="token">Ends the fetching.</param>
    /// <returns>Both parts, in memory.</returns>
    /// <exception cref="DatasetUnavailableException">No source gave the files; the message says what to put where.</exception>
    public static ImageSplits Load(
        DatasetDescription description, DatasetCache? cache = null, IProgress<string>? progress = null,
        CancellationToken token = default)
    {
        ArgumentNullException.ThrowIfNull(description);
        var folder = (cache ?? new DatasetCache()).Fetch(description, progress, token);
        return description.Format.Read(description.Name, folder, description.ClassNames);
    }

    /// <summary>The folder that a name means, where it means none of <see cref="Names"/>.</summary>
    /// <param name="data">A path, or the name of a folder in the cache.</param>
    /// <param name="cache">The cache; null for the default folder.</param>
    /// <returns>The full path without a separator at its end; null where there is no such folder.</returns>
    public static string? FindFolder(string data, DatasetCache? cache = null)
    {
        ArgumentNullException.ThrowIfNull(data);
        if (data.Length == 0) return null;
        var folder = Directory.Exists(data) ? data : Path.Combine((cache ?? new DatasetCache()).Folder, data);
        return Directory.Exists(folder) ? Path.TrimEndingDirectorySeparator(Path.GetFullPath(folder)) : null;
    }

    /// <summary>Opens any data set: one of <see cref="Names"/>, or a folder.</summary>
    /// <param name="data">
    /// A name, in any case; or a folder (a path, or the name of a folder in the cache) of pictures in folders by class, see
    /// <see cref="PictureFolder"/>, or of pictures and masks, see <see cref="SegmentationFolder"/>.
    /// </param>
    /// <param name="options">How examples are made; null: the usual way.</param>
    /// <param name="progress">Receives a line per noteworthy step; or null.</param>
    /// <param name="token">Ends it.</param>
    /// <returns>The parts.</returns>
    /// <exception cref="ArgumentException">There is no such data set or folder; or it cannot have such examples.</exception>
    /// <exception cref="DatasetUnavailableException">No source gave the files; the message says what to put where.</exception>
    /// <exception cref="InvalidDataException">The folder is not of one of those forms; the message says why.</exception>
    /// <exception cref="BadPicturesException">Files that cannot be used, unless they are to be skipped.</exception>
    public static ExampleSplits Open(
        string data, DataOptions? options = null, IProgress<string>? progress = null, CancellationToken token = default)
    {
        ArgumentNullException.ThrowIfNull(data);
        options ??= new DataOptions();
        if (TryFind(data) is { } description) return Open(description, options, progress, token);
        foreach (var (name, classNames, draw) in _drawn)
        {
            if (!string.Equals(name, data, StringComparison.OrdinalIgnoreCase)) continue;
            CheckTakes(name, options, crops: false, borders: false);
            return Draw(name, classNames, draw, options.InputShape);
        }

        var folder = FindFolder(data, options.Cache) ?? throw new ArgumentException(
            $"'{data}' is no data set and no folder; known are {string.Join(", ", Names)}, and folders of pictures.", nameof(data));
        var shape = options.InputShape;
        if (shape is { Rank: not 3 }) throw new ArgumentException($"{folder}: inputs are (C, H, W), not {shape}.", nameof(options));
        var hasMasks = SegmentationFolder.Matches(folder);
        CheckTakes(folder, options, crops: !hasMasks, borders: hasMasks);
        if (hasMasks) return Windows(SegmentationFolder.Open(folder, (int)(shape?[0] ?? 0), workers: options.Workers, token: token), options);
        var pictures = new PictureFolderOptions
        {
            SkipBad = options.SkipBad,
            Workers = options.Workers,
            Augmentation = options.Augmentation ?? Augmentation.None,
            Cache = options.Cache,
        };
        if (shape is { } wanted) pictures = pictures with { Channels = (int)wanted[0], Height = (int)wanted[1], Width = (int)wanted[2] };
        return PictureFolder.Open(folder, pictures, progress, token);
    }

    /// <summary>Opens a described data set, fetching what the cache lacks.</summary>
    /// <param name="description">The data set.</param>
    /// <param name="options">How examples are made; null: the usual way.</param>
    /// <param name="progress">Receives a line per noteworthy step; or null.</param>
    /// <param name="token">Ends it.</param>
    /// <returns>Both parts, in memory.</returns>
    /// <exception cref="ArgumentException">It has no such examples.</exception>
    /// <exception cref="DatasetUnavailableException">No source gave the files; the message says what to put where.</exception>
    public static ExampleSplits Open(
        DatasetDescription description, DataOptions? options = null, IProgress<string>? progress = null, CancellationToken token = default)
    {
        ArgumentNullException.ThrowIfNull(description);
        if (options is not null) CheckTakes(description.Name, options, crops: false, borders: false);
        var (train, test) = Load(description, options?.Cache, progress, token);
        return new ExampleSplits(train.AsExamples(), test.AsExamples()) { ClassNames = train.ClassNames };
    }

    // What would be ignored, by its key in recipes.
    private static void CheckTakes(string name, DataOptions options, bool crops, bool borders)
    {
        if (options.Augmentation is { CropsAtRandom: true } && !crops)
            throw new ArgumentException($"{name}: crop_scale_min is for folders of pictures by class, which are cut when they are decoded.", nameof(options));
        if (options.Borders is not null && !borders)
            throw new ArgumentException($"{name}: pixel_weights are for folders of pictures and masks.", nameof(options));
    }

    // Pictures as they are where they have the size that is wanted, else parts of that size.
    private static ExampleSplits Windows(ExampleSplits data, DataOptions options)
    {
        if (options.InputShape is not { } wanted) return data;
        var found = data.Train.InputShape;
        if (wanted == found && options.Margin == 0 && options.Borders is null) return data;
        if (wanted[1] != wanted[2])
            throw new ArgumentException($"{data.Train.Name}: windows of pictures are squares, not {wanted[1]} x {wanted[2]}.", nameof(options));
        var size = (int)wanted[1] - 2 * options.Margin;
        if (size < 1 || size > found[1] || size > found[2])
            throw new ArgumentException(
                $"{data.Train.Name}: pictures of {found[1]} x {found[2]} have no windows of {size} x {size}; a smaller image_size asks for smaller ones.", nameof(options));

        // As many windows as cover each picture four times.
        var count = (int)Math.Ceiling(4.0 * found[1] * found[2] / ((double)size * size));
        return data with
        {
            Train = SegmentationWindows.Random(data.Train, size, count, options.Margin, options.Borders),
            Test = SegmentationWindows.Tiles(data.Test, size, options.Margin),
            Validation = data.Validation is null ? null : SegmentationWindows.Tiles(data.Validation, size, options.Margin),
        };
    }

    private static DatasetDescription? TryFind(string name) =>
        Array.Find(_fetched, set => string.Equals(set.Name, name, StringComparison.OrdinalIgnoreCase));

    private static ExampleSplits Draw(
        string name, IReadOnlyList<string> classNames, Func<ShapesOptions, string, IExampleSource> draw, Shape? wanted)
    {
        if (wanted is { } shape && (shape.Rank != 3 || shape[1] != shape[2] || shape[0] is not (1 or 3) || shape[1] < 16))
            throw new ArgumentException($"{name}: pictures are (1 or 3, S, S) with S of 16 or more, not {shape}.", nameof(wanted));
        var options = new ShapesOptions { Size = (int)(wanted?[1] ?? ShapesSize), Channels = (int)(wanted?[0] ?? 3) };
        var train = draw(options with { Count = ShapesTrain, Seed = 1 }, name);
        var test = draw(options with { Count = ShapesTest, Seed = 2 }, $"{name}, test");
        return new ExampleSplits(train, test) { ClassNames = classNames };
    }
}
