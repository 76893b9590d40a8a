using System.Runtime.CompilerServices;
using System.Text.Json;
using DeepNative.Models;
using DeepNative.Recipes;

namespace DeepNative.Tests.Bench;

/// <summary>The targets that bench/recipes/run trains name models and recipes that there are.</summary>
[TestFixture]
public class RecipeTargetTests
{
    private static string Folder => Path.Combine(Path.GetDirectoryName(ThisFile())!, "..", "..", "..", "bench", "recipes");

    [Test]
    public void Every_target_names_a_model_its_recipe_and_a_bound()
    {
        using var document = JsonDocument.Parse(File.ReadAllText(Path.Combine(Folder, "targets.json")));
        var names = new HashSet<string>();
        foreach (var target in document.RootElement.EnumerateArray())
        {
            var name = target.GetProperty("name").GetString()!;
            Assert.That(names.Add(name), name);
            var model = target.GetProperty("model").GetString()!;
            Assert.That(ModelRegistry.TryGet(model, out _), $"{name}: model {model}");
            Recipe(model, target.GetProperty("recipe").GetString()!, name);
            foreach (var bound in target.GetProperty("bounds").EnumerateObject())
            {
                var limit = bound.Value.EnumerateObject().Single();
                Assert.That(limit.Name, Is.EqualTo("at_most").Or.EqualTo("at_least"), $"{name}: {bound.Name}");
                Assert.That(limit.Value.GetDouble(), Is.Positive, $"{name}: {bound.Name}");
            }
        }

        Assert.That(names, Has.Count.GreaterThanOrEqualTo(10));
    }

    [TestCase("relu-tanh", "cifar-quick-$unit", "cifar-quick", "relu tanh")]
    [TestCase("plain-residual", "$net-cifar", "plain-against-residual", "plain34 resnet34")]
    public void Every_figure_names_models_of_its_recipe(string figure, string pattern, string recipe, string parts)
    {
        var script = File.ReadAllText(Path.Combine(Folder, figure));
        Assert.That(script, Does.Contain($" in {parts};").And.Contain($"\"{pattern}\" --recipe {recipe} "));
        foreach (var part in parts.Split(' '))
            Recipe(pattern.Replace("$unit", part, StringComparison.Ordinal).Replace("$net", part, StringComparison.Ordinal), recipe, figure);
    }

    private static void Recipe(string model, string recipe, string user) =>
        Assert.That(RecipeBook.For(model).Select(known => known.Name), Does.Contain(recipe), $"{user}: {model} by {recipe}");

    private static string ThisFile([CallerFilePath] string path = "") => path;
}
