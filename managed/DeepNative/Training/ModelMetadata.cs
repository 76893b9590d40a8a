using System.Diagnostics.CodeAnalysis;
using System.Globalization;
using System.Text;
using System.Text.Json;
using DeepNative.Data;
using DeepNative.Models;
using DeepNative.Optimizers;

namespace DeepNative.Training;

/// <summary>The free text of the files that a trainer writes.</summary>
internal static class ModelMetadata
{
    public const string Format = "format";
    public const string FormatName = "deepnative";
    public const string Version = "format_version";
    public const string CurrentVersion = "1";
    public const string Kind = "kind";
    public const string Weights = "weights";
    public const string CheckpointKind = "checkpoint";
    public const string Model = "model";
    public const string Data = "data";
    public const string Epoch = "epoch";
    public const string Batch = "batch_index";
    public const string Step = "step";
    public const string Order = "data_order";
    public const string Seed = "seed";
    public const string BatchSize = "batch";
    public const string DataCount = "examples";
    public const string LossSum = "epoch_loss_sum";
    public const string Examples = "epoch_examples";
    public const string Optimizer = "optimizer";
    public const string Schedule = "schedule";

    private const string PlateauBest = "plateau_best";
    private const string PlateauStalled = "plateau_stalled";
    private const string PlateauCooldown = "plateau_cooldown";
    private const string PlateauFactor = "plateau_factor";
    private const string ModelClasses = "model_classes";
    private const string ClassNames = "class_names";
    private const string ModelInputShape = "model_input_shape";
    private const string BestEpochKey = "best_epoch";
    private const string BestValue = "best_value";
    private const string BestStalled = "best_stalled";
    private const string BestRule = "best_rule";
    private const string InputShape = "input_shape";
    private const string InputType = "input_type";
    private const string Mean = "normalization_mean";
    private const string Deviation = "normalization_deviation";

    public static void Write(Dictionary<string, string> metadata, InputSpec input)
    {
        metadata[InputShape] = string.Join(',', input.Shape);
        metadata[InputType] = input.Type.ToString();
        if (input.Normalization is not { } normalization) return;
        metadata[Mean] = Join(normalization.Mean);
        metadata[Deviation] = Join(normalization.Deviation);
    }

    public static void Write(Dictionary<string, string> metadata, PlateauState plateau)
    {
        metadata[PlateauBest] = Text(plateau.Best);
        metadata[PlateauStalled] = Text(plateau.Stalled);
        metadata[PlateauCooldown] = Text(plateau.Cooldown);
        metadata[PlateauFactor] = Text(plateau.Factor);
    }

    public static PlateauState ReadPlateau(IReadOnlyDictionary<string, string> metadata, string path) => new(
        Real(metadata, PlateauBest, path), Number<int>(metadata, PlateauStalled, path),
        Number<int>(metadata, PlateauCooldown, path), Real(metadata, PlateauFactor, path));

    public static void Write(Dictionary<string, string> metadata, ModelOptions options)
    {
        if (options.Classes is { } classes) metadata[ModelClasses] = Text(classes);
        if (options.InputShape is { } shape) metadata[ModelInputShape] = string.Join(',', shape);
    }

    /// <summary>What a registered model was made for; the usual where the file does not say.</summary>
    public static ModelOptions ReadOptions(IReadOnlyDictionary<string, string> metadata, string path) => new()
    {
        Classes = metadata.ContainsKey(ModelClasses) ? Math.Max(1, Number<int>(metadata, ModelClasses, path)) : null,
        InputShape = metadata.TryGetValue(ModelInputShape, out var text) ? ReadShape(text, path, ModelInputShape) : null,
    };

    /// <summary>The classes' names, as a JSON array.</summary>
    public static void WriteClassNames(Dictionary<string, string> metadata, IReadOnlyList<string> names)
    {
        if (names.Count == 0) return;
        using var bytes = new MemoryStream();
        using (var writer = new Utf8JsonWriter(bytes))
        {
            writer.WriteStartArray();
            foreach (var name in names) writer.WriteStringValue(name);
            writer.WriteEndArray();
        }

        metadata[ClassNames] = Encoding.UTF8.GetString(bytes.ToArray());
    }

    /// <summary>The classes' names; none where the file does not say.</summary>
    public static IReadOnlyList<string> ReadClassNames(IReadOnlyDictionary<string, string> metadata, string path)
    {
        if (!metadata.TryGetValue(ClassNames, out var text)) return [];
        try
        {
            using var document = JsonDocument.Parse(text);
            return [.. document.RootElement.EnumerateArray().Select(name => name.GetString() ?? throw Broken(path, ClassNames, text))];
        }
        catch (Exception error) when (error is JsonException or InvalidOperationException)
        {
            throw Broken(path, ClassNames, text);
        }
    }

    public static void Write(Dictionary<string, string> metadata, BestEpoch best)
    {
        if (best == BestEpoch.None) return;
        metadata[BestEpochKey] = Text(best.Epoch);
        metadata[BestValue] = Text(best.Value);
        metadata[BestStalled] = Text(best.Stalled);
        metadata[BestRule] = best.Rule;
    }

    public static BestEpoch ReadBest(IReadOnlyDictionary<string, string> metadata, string path) =>
        metadata.ContainsKey(BestEpochKey)
            ? new BestEpoch(Number<int>(metadata, BestEpochKey, path), Real(metadata, BestValue, path), Number<int>(metadata, BestStalled, path))
            {
                Rule = Text(metadata, BestRule, path),
            }
            : BestEpoch.None;

    /// <summary>What the model was fed with; null where the file does not say, as one of another program's.</summary>
    public static InputSpec? ReadInput(IReadOnlyDictionary<string, string> metadata, string path)
    {
        if (!metadata.TryGetValue(InputShape, out var shapeText)) return null;
        if (!Enum.TryParse<DType>(Text(metadata, InputType, path), out var type) || type is not (DType.UInt8 or DType.Float32))
            throw Broken(path, InputType, metadata[InputType]);
        var shape = ReadShape(shapeText, path, InputShape);
        Normalization? normalization = null;
        if (metadata.TryGetValue(Mean, out var mean))
        {
            try
            {
                normalization = new Normalization(
                    Split<float>(mean, path, Mean), Split<float>(Text(metadata, Deviation, path), path, Deviation));
            }
            catch (ArgumentException error)
            {
                throw new InvalidDataException($"{path}: {error.Message}", error);
            }
        }

        return new InputSpec(shape, type, normalization);
    }

    public static string Text(IReadOnlyDictionary<string, string> metadata, string key, string path) =>
        metadata.TryGetValue(key, out var text)
            ? text
            : throw new InvalidDataException($"{path}: the metadata has no '{key}'; it is not a complete checkpoint.");

    /// <summary>A number that is not negative.</summary>
    public static T Number<T>(IReadOnlyDictionary<string, string> metadata, string key, string path)
        where T : struct, ISpanParsable<T>, IComparable<T>
    {
        var text = Text(metadata, key, path);
        return T.TryParse(text, CultureInfo.InvariantCulture, out var number) && number.CompareTo(default) >= 0
            ? number
            : throw Broken(path, key, text);
    }

    /// <summary>A number that may be negative but is finite.</summary>
    public static double Real(IReadOnlyDictionary<string, string> metadata, string key, string path)
    {
        var text = Text(metadata, key, path);
        return double.TryParse(text, CultureInfo.InvariantCulture, out var number) && double.IsFinite(number)
            ? number
            : throw Broken(path, key, text);
    }

    // "R": the shortest text that reads back as the same number.
    public static string Text(double number) => number.ToString("R", CultureInfo.InvariantCulture);

    public static string Text<T>(T number) where T : IFormattable => number.ToString(null, CultureInfo.InvariantCulture);

    private static Shape ReadShape(string text, string path, string key)
    {
        var extents = Split<long>(text, path, key);
        foreach (var extent in extents)
            if (extent < 1) throw Broken(path, key, text);
        return extents.Length < Shape.MaxRank ? new Shape(extents) : throw Broken(path, key, text);
    }

    private static string Join(ReadOnlySpan<float> numbers)
    {
        var texts = new string[numbers.Length];
        for (var i = 0; i < texts.Length; i++) texts[i] = numbers[i].ToString("R", CultureInfo.InvariantCulture);
        return string.Join(',', texts);
    }

    [SuppressMessage("Performance", "CA1859", Justification = "The parsers differ by type only.")]
    private static T[] Split<T>(string text, string path, string key) where T : ISpanParsable<T>
    {
        if (text.Length == 0) return [];
        var parts = text.Split(',');
        var numbers = new T[parts.Length];
        for (var i = 0; i < parts.Length; i++)
            if (!T.TryParse(parts[i], CultureInfo.InvariantCulture, out numbers[i]!)) throw Broken(path, key, text);
        return numbers;
    }

    private static InvalidDataException Broken(string path, string key, string text) =>
        new($"{path}: metadata '{key}' is '{text}'.");
}
