using System.CommandLine;
using DeepNative.Cli.Output;
using DeepNative.Data;
using DeepNative.Models;
using DeepNative.Operators;
using DeepNative.Recipes;
using DeepNative.Training;

namespace DeepNative.Cli.Commands;

/// <summary>Draws pictures of a data set as training sees them: a row each, the first as it is, the others varied.</summary>
internal sealed class DataShowCommand : Command
{
    private const int Gap = 2;

    // Between the pictures, so that black borders can be told from it.
    private const byte GapGray = 96;

    // Small pictures are drawn larger.
    private const int LeastSide = 96;

    /// <summary>Creates the command.</summary>
    /// <param name="output">Standard output.</param>
    /// <param name="error">Standard error.</param>
    public DataShowCommand(TextWriter output, TextWriter error)
        : base("show", "Draws training pictures, varied as a recipe says, as a PNG")
    {
        var name = new Argument<string>("name") { Description = $"One of {string.Join(", ", Datasets.Names)}, or a folder" };
        var recipe = new Option<string?>("--recipe") { Description = "A recipe's name or file, for its augmentation and its size of pictures; none: pictures as they are", HelpName = "NAME|FILE" };
        var rows = new Option<int>("--rows") { Description = "Pictures", DefaultValueFactory = _ => 6 };
        var columns = new Option<int>("--columns") { Description = "How often each is drawn", DefaultValueFactory = _ => 9 };
        var seed = new Option<ulong>("--seed") { Description = "Decides how they vary", DefaultValueFactory = _ => 0UL };
        var file = new Option<string>("--out") { Description = "The PNG to write", DefaultValueFactory = _ => "pictures.png", HelpName = "FILE" };
        var folder = CommonOptions.DataFolder();
        var skipBad = CommonOptions.SkipBad();
        foreach (var symbol in (Symbol[])[name, recipe, rows, columns, seed, file, folder, skipBad])
        {
            if (symbol is Argument argument) Arguments.Add(argument);
            else Options.Add((Option)symbol);
        }

        SetAction(parsed => Show(
            new Terminal(output, error), parsed.GetRequiredValue(name), parsed.GetValue(recipe), parsed.GetValue(rows), parsed.GetValue(columns),
            parsed.GetValue(seed), parsed.GetRequiredValue(file), new DataOptions { SkipBad = parsed.GetValue(skipBad), Cache = new DatasetCache(parsed.GetValue(folder)) },
            parsed.GetValue(folder)));
    }

    private static int Show(
        Terminal terminal, string name, string? recipe, int rows, int columns, ulong seed, string file, DataOptions options, string? folder)
    {
        if (rows < 1 || columns < 1) throw new UsageException("--rows and --columns are at least 1");
        DataCommand.Check(name, folder);
        var augmentation = Augmentation.None;
        Func<ExampleSplits> open = () => Datasets.Open(name, options, new LineProgress(terminal));
        var found = recipe is null ? null : Find(recipe);
        if (found is not null)
        {
            augmentation = found.Augmentation ?? throw new UsageException($"the recipe '{found.Name}' varies nothing");
            options = As(found, name, folder, options);
        }

        var splits = found is null ? open() : DataCommand.Open(found, open);
        DataCommand.TellBad(splits, terminal);
        var data = splits.Train;
        if (data.InputType != DType.UInt8 || data.InputShape.Rank != 3 || data.InputShape[0] > 4)
            throw new UsageException($"{data.Name}: inputs are {data.InputType} {data.InputShape}, no pictures");
        rows = Math.Min(rows, data.Count);
        var picture = Draw(data, augmentation, rows, columns, seed);
        File.WriteAllBytes(file, PictureEncoder.Png(picture));
        terminal.Line($"{file}: {rows} pictures of {data.Name}; augmentation: {augmentation}");
        return ExitCodes.Success;
    }

    private static Recipe Find(string recipe) =>
        File.Exists(recipe) ? RecipeBook.Read(recipe)
        : RecipeBook.TryGet(recipe, out var known) ? known
        : throw new UsageException($"there is no recipe '{recipe}', neither in the library nor as a file");

    // As the first of the recipe's models is trained.
    private static DataOptions As(Recipe recipe, string data, string? folder, DataOptions options)
    {
        options = options with { Augmentation = recipe.Augmentation };
        if (recipe.Models.Count == 0 || !ModelRegistry.TryGet(recipe.Models[0], out var model) || model.InputShape.Rank != 3) return options;
        var shape = recipe.ImageSize > 0 ? new Shape(model.InputShape[0], recipe.ImageSize, recipe.ImageSize) : model.InputShape;
        return options with { InputShape = shape, Margin = DataCommand.MarginOf(model, shape, data, folder) };
    }

    private static Picture Draw(IExampleSource data, Augmentation augmentation, int rows, int columns, ulong seed)
    {
        using var device = Device.Open("cpu");
        var shape = data.InputShape;
        var (channels, height, width) = ((int)shape[0], (int)shape[1], (int)shape[2]);
        var (windowHeight, windowWidth) = (augmentation.WindowHeight > 0 ? augmentation.WindowHeight : height, augmentation.WindowWidth > 0 ? augmentation.WindowWidth : width);
        var (cellHeight, cellWidth) = (Math.Max(height, windowHeight), Math.Max(width, windowWidth));
        var zoom = Math.Max(1, LeastSide / Math.Max(cellHeight, cellWidth));
        var colors = channels >= 3 ? 3 : 1;
        var (fullWidth, fullHeight) = (columns * (cellWidth * zoom + Gap) - Gap, rows * (cellHeight * zoom + Gap) - Gap);
        var planes = new byte[colors * fullWidth * fullHeight];
        Array.Fill(planes, GapGray);

        using var images = new Tensor(device, DType.UInt8, new Shape(rows).Concat(shape));
        using var state = new Tensor(device, DType.Int64, [2]);
        using var result = new Tensor(device, DType.Float32, [rows, channels, windowHeight, windowWidth]);
        var bytes = new byte[shape.Count * rows];
        var targets = new byte[rows * data.TargetShape.Count * data.TargetType.Size()];
        int[] examples = [.. Enumerable.Range(0, rows)];
        data.Gather(examples, bytes, targets);
        images.Write<byte>(bytes);
        state.Write<long>([(long)seed, 0]);
        var mean = MeanOf(data, channels);
        var ones = new float[channels];
        Array.Fill(ones, 1f);
        var graph = new Graph(training: true, "show");
        graph.Store(ImageDecode.Apply(graph.Bind(images, "images"), mean, ones, augmentation, graph.Bind(state, "state")), result);
        using var program = graph.Compile(device);
        var numbers = new float[rows * channels * windowHeight * windowWidth];
        for (var column = 0; column < columns; column++)
        {
            if (column > 0)
            {
                if (data is IRandomExampleSource random)
                {
                    random.Gather(examples, bytes, targets, seed, column);
                    images.Write<byte>(bytes);
                }

                program.Run();
                result.Read<float>(numbers);
            }

            var (drawnHeight, drawnWidth) = column == 0 ? (height, width) : (windowHeight, windowWidth);
            for (var row = 0; row < rows; row++)
            {
                for (var c = 0; c < colors; c++)
                {
                    var from = (row * channels + c) * drawnHeight * drawnWidth;
                    for (var y = 0; y < drawnHeight * zoom; y++)
                    {
                        var to = (c * fullHeight + row * (cellHeight * zoom + Gap) + y) * fullWidth + column * (cellWidth * zoom + Gap);
                        for (var x = 0; x < drawnWidth * zoom; x++)
                        {
                            var at = from + y / zoom * drawnWidth + x / zoom;
                            planes[to + x] = column == 0 ? bytes[at] : (byte)Math.Clamp(MathF.Round(numbers[at] + mean[c]), 0f, 255f);
                        }
                    }
                }
            }
        }

        return new Picture(fullWidth, fullHeight, colors, planes);
    }

    // What a square is filled with, and contrast turns around.
    private static float[] MeanOf(IExampleSource data, int channels)
    {
        var mean = new float[channels];
        if (data.Statistics() is { } statistics)
            for (var c = 0; c < channels; c++) mean[c] = 255f * statistics.Mean[statistics.Channels == 1 ? 0 : c];
        return mean;
    }
}
