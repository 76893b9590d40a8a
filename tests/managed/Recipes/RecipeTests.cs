using DeepNative.Data;
using DeepNative.Models;
using DeepNative.Optimizers;
using DeepNative.Recipes;
using DeepNative.Tests.Training;

namespace DeepNative.Tests.Recipes;

internal sealed class RecipeTests
{
    private static readonly Recipe _recipe = new()
    {
        Name = "test",
        Models = ["mnistnet"],
        Data = "mnist",
        Source = "test",
        Epochs = 2,
        Batch = 3,
        Optimizer = "sgd",
        LearningRate = 0.1f,
        Momentum = 0.9f,
        Nesterov = true,
        WeightDecay = 0.5f,
    };

    private static IEnumerable<string> Names => RecipeBook.All.Select(recipe => recipe.Name);

    [TestCaseSource(nameof(Names))]
    public void Every_recipe_can_be_carried_out(string name)
    {
        Assert.That(RecipeBook.TryGet(name.ToUpperInvariant(), out var recipe));
        recipe!.Check();
        Assert.That(recipe.Source, Is.Not.Empty);
        Assert.That(recipe.Models, Is.Not.Empty);
        foreach (var model in recipe.Models)
        {
            Assert.That(ModelRegistry.TryGet(model, out _), model);
            Assert.That(RecipeBook.For(model), Does.Contain(recipe));
        }

        foreach (var group in recipe.CreateOptimizer().Groups)
            Assert.That(ModelRegistry.Get(recipe.Models[0]).Create().Parameters().Any(group.Contains), group.Name);
    }

    [Test]
    public void A_models_own_recipe_is_its_first()
    {
        foreach (var recipe in RecipeBook.All)
            if (ModelRegistry.TryGet(recipe.Name, out var model) && recipe.Models.Contains(model.Name)) Assert.That(model.Recipe, Is.EqualTo(recipe));
        Assert.That(RecipeBook.For("nosuchnet"), Is.Empty);
    }

    [Test]
    public void A_file_is_read_with_comments_and_what_it_leaves_out_is_usual()
    {
        var recipe = Read(
            """
            {
              // Of a user.
              "models": ["lenet300"], "data": "mnist", "source": "me", "epochs": 3, "batch": 7, "optimizer": "adam", "learning_rate": 0.002,
              "beta2": 0.99, "schedule": "cosine", "warmup": 5, "clip_norm": 1.5, "ema": 0.5,
              "augmentation": { "padding": 4, "flip": 0.5 },
              "groups": [{ "pattern": "*.bias", "weight_decay": 0, "learning_rate_factor": 2 }],
            }
            """);
        Assert.That((recipe.Name, recipe.Epochs, recipe.Batch, recipe.Accumulate), Is.EqualTo(("own", 3, 7, 1)));
        var adam = (Adam)recipe.CreateOptimizer();
        Assert.That((adam.LearningRate, adam.Beta1, adam.Beta2, adam.WeightDecay), Is.EqualTo((0.002f, 0.9f, 0.99f, 0f)));
        Assert.That((adam.Groups[0].Name, adam.Groups[0].LearningRateFactor, adam.Groups[0].WeightDecay), Is.EqualTo(("*.bias", 2f, 0f)));
        Assert.That(recipe.CreateSchedule().ToString(), Is.EqualTo("warm-up of 5 steps, then cosine to 0"));
        Assert.That(recipe.Augmentation, Is.EqualTo(new Augmentation { Padding = 4, Flip = 0.5f }));
        Assert.That(recipe.CreateClipping(), Is.Not.Null);
        Assert.That(recipe.CreateAveraging()!.Decay, Is.EqualTo(0.5f));
    }

    [TestCase("", "JSON")]
    [TestCase("""{ "models": ["lenet300"] }""", "epochs")]
    [TestCase("""{ @, "learning_speed": 1 }""", "learning_speed")]
    [TestCase("""{ @, "momentum": 2 }""", "momentum")]
    [TestCase("""{ @, "schedule": "sine" }""", "sine")]
    [TestCase("""{ @, "accumulate": 0 }""", "accumulate")]
    [TestCase("""{ @, "ema": 1.5 }""", "ema")]
    [TestCase("""{ @, "label_smoothing": 1 }""", "label_smoothing")]
    [TestCase("""{ @, "class_weights": "equal" }""", "class_weights")]
    [TestCase("""{ @, "precision": "f8" }""", "precision")]
    [TestCase("""{ @, "validation": 1 }""", "validation")]
    [TestCase("""{ @, "patience": -1 }""", "patience")]
    [TestCase("""{ @, "augmentation": { "turn": 5 } }""", "turn")]
    [TestCase("""{ @, "augmentation": { "flip": 2 } }""", "Flip")]
    [TestCase("""{ @, "clip_norm": -1 }""", "clip_norm")]
    [TestCase("""{ @, "clip_norm": 1, "clip_value": 1 }""", "clip_value")]
    [TestCase("""{ @, "groups": [{ "pattern": "*", "learning_rate_factor": 0 }] }""", "group '*'")]
    [TestCase("""{ @, "batch": 8 }""", "batch")]
    [TestCase("""{ @, "warmup": "many" }""", "warmup")]
    [TestCase("""{ @, "class_weights": null }""", "class_weights")]
    [TestCase("""{ @, "groups": null }""", "groups")]
    [TestCase("""{ @, "groups": [null] }""", "groups")]
    [TestCase("""{ @, "groups": [{ "pattern": null }] }""", "pattern")]
    [TestCase("""{ @, "beta1": 0.9 }""", "beta1 is of adam, adamw, adadelta, rmsprop, adamax, nadam; sgd has none")]
    public void A_wrong_file_is_refused_with_its_name_and_key(string content, string named)
    {
        const string usual = "\"models\": [\"lenet300\"], \"data\": \"mnist\", \"source\": \"me\", \"epochs\": 3, \"batch\": 7, \"optimizer\": \"sgd\", \"learning_rate\": 0.1";
        var error = Assert.Throws<RecipeException>(() => Read(content.Replace("@", usual, StringComparison.Ordinal)))!;
        Assert.That(error.Message, Does.Contain("own.json").And.Contain(named));
    }

    [Test]
    public void Another_rule_brings_its_usual_numbers()
    {
        var adam = OptimizerRules.Exchange(_recipe, "adam", learningRate: null);
        Assert.That((adam.Optimizer, adam.LearningRate, adam.Momentum, adam.Nesterov, adam.WeightDecay), Is.EqualTo(("adam", 1e-3f, 0f, false, 0.5f)));
        adam.Check();
        Assert.That(OptimizerRules.Exchange(_recipe, "sgd", 0.3f), Is.EqualTo(_recipe with { LearningRate = 0.3f }));
        Assert.That(OptimizerRules.Exchange(_recipe with { WeightDecay = 0f }, "adamw", null).WeightDecay, Is.EqualTo(new AdamW().WeightDecay));
        Assert.Throws<RecipeException>(() => OptimizerRules.Exchange(_recipe, "lars", null));
        Assert.Throws<RecipeException>(() => OptimizerRules.Exchange(_recipe, "lion", 1f));
    }

    [Test]
    public void What_a_rule_does_not_take_is_refused()
    {
        var plain = _recipe with { Momentum = 0f, Nesterov = false };
        Assert.Throws<RecipeException>(() => (plain with { Optimizer = "adagrad", Beta1 = 0.9f }).Check());
        Assert.Throws<RecipeException>(() => (plain with { Optimizer = "rmsprop", Beta2 = 0.9f }).Check());
        Assert.Throws<RecipeException>(() => (plain with { Optimizer = "lars", Beta2 = 0.9f }).Check());
        Assert.Throws<RecipeException>(() => (plain with { Epsilon = 1e-8f }).Check());
        (plain with { Optimizer = "nadam", Beta1 = 0.8f, Beta2 = 0.9f, Epsilon = 1e-8f }).Check();
        Assert.Throws<RecipeException>(() => (_recipe with { Optimizer = "adam" }).Check());
        Assert.Throws<RecipeException>(() => (_recipe with { Optimizer = "rmsprop" }).Check());
        (_recipe with { Optimizer = "rmsprop", Nesterov = false }).Check();
    }

    private static Recipe Read(string content)
    {
        using var folder = new TemporaryFolder();
        var path = folder.File("own.json");
        File.WriteAllText(path, content);
        return RecipeBook.Read(path);
    }
}
