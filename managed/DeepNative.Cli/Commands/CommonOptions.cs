using System.CommandLine;
using System.Globalization;
using System.Numerics;
using DeepNative.Data;

namespace DeepNative.Cli.Commands;

/// <summary>Options that several commands have, each with one meaning and one text.</summary>
internal static class CommonOptions
{
    /// <summary>The seed where none is given.</summary>
    public const ulong DefaultSeed = 1;

    /// <summary>Where to compute.</summary>
    public static Option<string?> Device() => new("--device")
    {
        Description = "The device to compute on: cpu, cuda:0, ... (see deepnative devices). Default: the best one",
        HelpName = "NAME",
    };

    /// <summary>Host threads.</summary>
    public static Option<int?> Threads() => Number<int>("--threads", "Threads to compute with on the CPU. Default: all");

    /// <summary>Which data set.</summary>
    public static Option<string?> Data() => new("--data")
    {
        Description = $"The data set: {string.Join(", ", Datasets.Names)}; or a folder with one of pictures for each class, "
            + "or with image/ and label/. Default: the model's own",
        HelpName = "NAME",
    };

    /// <summary>Where data sets lie.</summary>
    public static Option<string?> DataFolder() => new("--data-folder")
    {
        Description = "The folder of the data sets. Default: DEEPNATIVE_DATA, or ~/.cache/deepnative",
        HelpName = "FOLDER",
    };

    /// <summary>What is done with pictures that cannot be read.</summary>
    public static Option<bool> SkipBad() => new("--skip-bad")
    {
        Description = "Leave out pictures of folders by class that cannot be read, instead of stopping",
    };

    /// <summary>Where the measurement goes.</summary>
    public static Option<string?> Json() => new("--json")
    {
        Description = "Write the result as JSON; - is standard output, with the text on standard error then",
        HelpName = "FILE",
    };

    /// <summary>The seed of random numbers.</summary>
    public static Option<ulong?> Seed() =>
        Number<ulong>("--seed", "Decides initial weights, the order of examples and dropout. Default: 1", zero: true);

    /// <summary>What to compute in.</summary>
    /// <param name="usual">What counts where nothing is said, for the description.</param>
    public static Option<string?> Precision(string usual = Precisions.Float32)
    {
        var option = new Option<string?>("--precision")
        {
            Description = $"What products multiply and what flows between them: f32, bf16, f16; weights and statistics are f32. Default: {usual}",
        };
        return option.AcceptOnlyFromAmong(Precisions.Names);
    }

    /// <summary>An option whose value is a number, with a text that says what is wrong with another.</summary>
    /// <param name="name">The option's name.</param>
    /// <param name="description">What it is for.</param>
    /// <param name="zero">Whether 0 is allowed; numbers below never are.</param>
    public static Option<T?> Number<T>(string name, string description, bool zero = false)
        where T : struct, INumber<T> => new(name)
        {
            Description = description,
            HelpName = "NUMBER",
            CustomParser = result =>
            {
                var text = result.Tokens[0].Value;
                if (T.TryParse(text, CultureInfo.InvariantCulture, out var value) && T.IsFinite(value)
                    && (zero ? value >= T.Zero : value > T.Zero))
                    return value;
                var kind = typeof(T) == typeof(float) ? "a number" : "a whole number";
                result.AddError($"{name} is '{text}', expected {kind}, {(zero ? "0 or more" : "more than 0")}");
                return null;
            },
        };

    /// <summary>The shape of one input.</summary>
    /// <param name="name">The option's name.</param>
    /// <param name="description">What it is for.</param>
    public static Option<Shape?> InputShape(string name, string description) => new(name)
    {
        Description = description,
        HelpName = "CxHxW",
        CustomParser = result =>
        {
            var text = result.Tokens[0].Value;
            var parts = text.Split('x', 'X');
            var extents = new long[parts.Length];
            for (var i = 0; i < parts.Length; i++)
            {
                if (parts.Length <= 4 && int.TryParse(parts[i], NumberStyles.None, CultureInfo.InvariantCulture, out var extent) && extent > 0)
                {
                    extents[i] = extent;
                    continue;
                }

                result.AddError($"{name} is '{text}', expected extents above 0 with x between, such as 3x224x224");
                return null;
            }

            return new Shape(extents);
        },
    };

    /// <summary>Opens the device that the options name.</summary>
    public static Device Open(string? device, int? threads) =>
        device is null ? DeepNative.Device.Best(threads ?? 0) : DeepNative.Device.Open(device, threads ?? 0);

    /// <summary>A device as commands name it.</summary>
    public static string Describe(Device device) =>
        device.Info.ThreadCount switch
        {
            0 => $"{device.Info.Name}: {device.Info.Description}",
            1 => $"{device.Info.Name}: {device.Info.Description}, 1 thread",
            _ => $"{device.Info.Name}: {device.Info.Description}, {device.Info.ThreadCount} threads",
        };
}
