using System.Diagnostics.CodeAnalysis;
using System.Reflection;
using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.Json.Serialization;
using DeepNative.Data;

namespace DeepNative.Recipes;

/// <summary>The recipes that come with the library, each a JSON file of its own, and files of users.</summary>
public static class RecipeBook
{
    private const string Extension = ".json";

    private static readonly JsonDocumentOptions _syntax = new() { CommentHandling = JsonCommentHandling.Skip, AllowTrailingCommas = true, AllowDuplicateProperties = false };

    private static readonly JsonObject _usual = Without(
        JsonSerializer.SerializeToNode(
            new Recipe { Models = [], Data = "", Source = "", Epochs = 1, Batch = 1, Optimizer = "", LearningRate = 1f }, RecipeJson.Default.Recipe),
        "models", "data", "source", "epochs", "batch", "optimizer", "learning_rate");

    private static readonly JsonObject _usualGroup = Without(
        JsonSerializer.SerializeToNode(new RecipeGroup { Pattern = "" }, RecipeJson.Default.RecipeGroup), "pattern");

    private static readonly JsonObject _usualAugmentation = Without(
        JsonSerializer.SerializeToNode(Augmentation.None, RecipeJson.Default.Augmentation));

    private static readonly Lazy<Recipe[]> _all = new(ReadAll);

    /// <summary>All recipes, by name.</summary>
    public static IReadOnlyList<Recipe> All => _all.Value;

    /// <summary>The recipes of a model: its usual one first, the one of the model's own name where there is such.</summary>
    /// <param name="model">The model's registered name.</param>
    /// <returns>The recipes; may be none.</returns>
    public static IReadOnlyList<Recipe> For(string model) =>
        [.. All.Where(recipe => recipe.Models.Contains(model, StringComparer.OrdinalIgnoreCase))
            .OrderBy(recipe => !string.Equals(recipe.Name, model, StringComparison.OrdinalIgnoreCase))];

    /// <summary>Finds a recipe.</summary>
    /// <param name="name">Its name, in any case.</param>
    /// <param name="recipe">The recipe, or null.</param>
    /// <returns>Whether there is one.</returns>
    public static bool TryGet(string name, [NotNullWhen(true)] out Recipe? recipe)
    {
        recipe = Array.Find(_all.Value, known => string.Equals(known.Name, name, StringComparison.OrdinalIgnoreCase));
        return recipe is not null;
    }

    /// <summary>Reads a recipe from a file; comments and trailing commas are allowed.</summary>
    /// <param name="path">The JSON file.</param>
    /// <returns>The recipe, checked; named as the file.</returns>
    /// <exception cref="RecipeException">The file is no recipe; the text names file and key.</exception>
    /// <exception cref="IOException">The file cannot be read.</exception>
    public static Recipe Read(string path) => Parse(File.ReadAllBytes(path), Path.GetFileNameWithoutExtension(path), path);

    private static Recipe[] ReadAll()
    {
        var assembly = Assembly.GetExecutingAssembly();
        var prefix = typeof(RecipeBook).Namespace + ".";
        var recipes = new List<Recipe>();
        foreach (var resource in assembly.GetManifestResourceNames().Order(StringComparer.Ordinal))
        {
            if (!resource.StartsWith(prefix, StringComparison.Ordinal) || !resource.EndsWith(Extension, StringComparison.Ordinal)) continue;
            using var stream = assembly.GetManifestResourceStream(resource)!;
            var content = new byte[stream.Length];
            stream.ReadExactly(content);
            var name = resource[prefix.Length..^Extension.Length];
            recipes.Add(Parse(content, name, name));
        }

        // By name, not by file: "alexnet" before "alexnet-modern".
        return [.. recipes.OrderBy(recipe => recipe.Name, StringComparer.Ordinal)];
    }

    private static Recipe Parse(byte[] content, string name, string path)
    {
        try
        {
            var recipe = WithUsual(JsonNode.Parse(content, documentOptions: _syntax)).Deserialize(RecipeJson.Default.Recipe)! with { Name = name };
            recipe.Check();
            return recipe;
        }
        catch (Exception error) when (error is JsonException or RecipeException or ArgumentException)
        {
            throw new RecipeException($"recipe {path}: {error.Message}", error);
        }
    }

    // What a file leaves out is written into it: generated readers give properties that it does not have 0 or null
    // instead of what the type says.
    private static JsonObject WithUsual(JsonNode? content)
    {
        var recipe = content as JsonObject ?? throw new RecipeException("it is not a JSON object");
        Fill(recipe, _usual);
        if (recipe["augmentation"] is JsonObject augmentation) Fill(augmentation, _usualAugmentation);
        foreach (var group in recipe["groups"] as JsonArray ?? [])
            if (group is JsonObject known) Fill(known, _usualGroup);
        return recipe;
    }

    private static void Fill(JsonObject content, JsonObject usual)
    {
        foreach (var (key, value) in usual)
            if (!content.ContainsKey(key)) content[key] = value?.DeepClone();
    }

    private static JsonObject Without(JsonNode? usual, params ReadOnlySpan<string> required)
    {
        var content = usual!.AsObject();
        foreach (var key in required) content.Remove(key);
        return content;
    }
}

[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower, WriteIndented = true, UnmappedMemberHandling = JsonUnmappedMemberHandling.Disallow,
    RespectNullableAnnotations = true)]
[JsonSerializable(typeof(Recipe))]
internal sealed partial class RecipeJson : JsonSerializerContext;
