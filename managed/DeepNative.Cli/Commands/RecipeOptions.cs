using System.CommandLine;
using System.CommandLine.Parsing;
using System.Numerics;
using DeepNative.Recipes;

namespace DeepNative.Cli.Commands;

/// <summary>The options that change a recipe: each stands for one of its keys.</summary>
internal sealed class RecipeOptions
{
    private readonly List<Binding> _bindings = [];
    private readonly Option<int?> _epochs = Number<int>("--epochs", "Passes over the training set, those before --resume included");
    private readonly Option<string?> _optimizer = new("--optimizer") { Description = "The update rule" };
    private readonly Option<float?> _rate = Number<float>("--lr", "The learning rate");

    /// <summary>Creates the options.</summary>
    public RecipeOptions()
    {
        _optimizer.AcceptOnlyFromAmong([.. OptimizerRules.Names]);
        Add(CommonOptions.Data(), recipe => recipe.Data, (recipe, data) => recipe with { Data = DataCommand.NameOf(data) });
        Add(Number<int>("--batch", "Images in a step"), recipe => recipe.Batch, (recipe, batch) => recipe with { Batch = batch });
        Add(Number<int>("--image-size", "Rows and columns to which pictures of a folder are brought"), recipe => recipe.ImageSize,
            (recipe, size) => recipe with { ImageSize = size });
        Add(Number<float>("--momentum", "Momentum of sgd, rmsprop and lars", zero: true), recipe => recipe.Momentum,
            (recipe, momentum) => recipe with { Momentum = momentum, Nesterov = recipe.Nesterov && momentum > 0f });
        Add(Number<float>("--weight-decay", "The factor of the weights in the gradient", zero: true), recipe => recipe.WeightDecay,
            (recipe, decay) => recipe with { WeightDecay = decay });
        Add(
            new Option<string?>("--schedule")
            {
                Description = $"How the learning rate changes: {Schedules.Forms}; epochs of multi-step as 30/60. Default: the recipe's",
                HelpName = "SCHEDULE",
            },
            recipe => recipe.Schedule, (recipe, schedule) => recipe with { Schedule = schedule });
        Add(Number<int>("--warmup", "Steps over which the rate rises first"), recipe => recipe.Warmup, (recipe, steps) => recipe with { Warmup = steps });
        // One excludes the other.
        Add(Number<float>("--clip-norm", "Scale all gradients together down to this norm"), recipe => recipe.ClipNorm,
            (recipe, norm) => recipe with { ClipNorm = norm });
        Add(Number<float>("--clip-value", "Bound each gradient to this size"), recipe => recipe.ClipValue,
            (recipe, value) => recipe with { ClipValue = value });
        Add(Number<int>("--accumulate", "Batches whose gradients make one step"), recipe => recipe.Accumulate,
            (recipe, batches) => recipe with { Accumulate = batches });
        Add(
            Number<float>("--ema", "Average the weights, keeping this part of the average in every step, and test and save the average"),
            recipe => recipe.Ema, (recipe, decay) => recipe with { Ema = decay });
        Add(Number<float>("--label-smoothing", "Spread this part of each target over all classes", zero: true), recipe => recipe.LabelSmoothing,
            (recipe, part) => recipe with { LabelSmoothing = part });
        Add(
            new Option<string?>("--class-weights")
            {
                Description = "balanced: every class weighs the same, however rare; or a factor for each class, 1,2.5,1. Default: the recipe's",
                HelpName = "WEIGHTS",
            },
            recipe => recipe.ClassWeights, (recipe, weights) => recipe with { ClassWeights = weights });
        Add(Number<float>("--validation", "Hold this part of the training set out and measure it after every epoch", zero: true), recipe => recipe.Validation,
            (recipe, part) => recipe with { Validation = part });
        Add(Number<int>("--patience", "End after so many epochs without a better validation error", zero: true), recipe => recipe.Patience,
            (recipe, epochs) => recipe with { Patience = epochs });
        Add(CommonOptions.Precision("the recipe's"), recipe => recipe.Precision, (recipe, precision) => recipe with { Precision = precision });
    }

    /// <summary>All options.</summary>
    public IEnumerable<Option> All => [_epochs, _optimizer, _rate, .. _bindings.Select(binding => binding.Option)];

    /// <summary>A recipe with what the command line says instead.</summary>
    /// <param name="parsed">The command line.</param>
    /// <param name="recipe">The recipe.</param>
    /// <returns>The changed recipe.</returns>
    /// <exception cref="RecipeException">The optimiser needs a learning rate.</exception>
    public Recipe Apply(ParseResult parsed, Recipe recipe)
    {
        recipe = OptimizerRules.Exchange(recipe, parsed.GetValue(_optimizer) ?? recipe.Optimizer, parsed.GetValue(_rate));
        if (parsed.GetValue(_epochs) is { } epochs) recipe = recipe with { Epochs = epochs };
        foreach (var binding in _bindings) recipe = binding.Apply(parsed, recipe);
        return recipe;
    }

    /// <summary>The recipe of a run that goes on: only the number of epochs may be told anew.</summary>
    /// <param name="parsed">The command line.</param>
    /// <param name="recipe">The run's recipe.</param>
    /// <param name="same">Told each option, what is asked for or null, and what the run has; throws where they differ.</param>
    /// <returns>The recipe, with the epochs asked for.</returns>
    public Recipe Continue(ParseResult parsed, Recipe recipe, Action<string, object?, object> same)
    {
        same(_optimizer.Name, parsed.GetValue(_optimizer), recipe.Optimizer);
        same(_rate.Name, parsed.GetValue(_rate), recipe.LearningRate);
        // What is asked for as the recipe would have it: a folder is a full path there.
        foreach (var binding in _bindings) same(binding.Option.Name, binding.Of(binding.Apply(parsed, recipe)), binding.Of(recipe));
        return parsed.GetValue(_epochs) is { } epochs ? recipe with { Epochs = epochs } : recipe;
    }

    private void Add<T>(Option<T?> option, Func<Recipe, T> of, Func<Recipe, T, Recipe> with)
        where T : struct, INumber<T> => _bindings.Add(new Binding(
            option, recipe => of(recipe),
            (parsed, recipe) => parsed.GetValue(option) is { } value ? with(recipe, value) : recipe));

    private void Add(Option<string?> option, Func<Recipe, string> of, Func<Recipe, string, Recipe> with) => _bindings.Add(new Binding(
        option, of, (parsed, recipe) => parsed.GetValue(option) is { } value ? with(recipe, value) : recipe));

    private static Option<T?> Number<T>(string name, string description, bool zero = false)
        where T : struct, INumber<T> => CommonOptions.Number<T>(name, description + ". Default: the recipe's", zero);

    /// <summary>An option, what a recipe has in its place, and how it changes the recipe.</summary>
    private sealed record Binding(Option Option, Func<Recipe, object> Of, Func<ParseResult, Recipe, Recipe> Apply);
}
