using System.Globalization;
using DeepNative.Optimizers;

namespace DeepNative.Cli.Runs;

/// <summary>The update rules by name.</summary>
internal static class OptimizerRules
{
    /// <summary>Stochastic gradient descent.</summary>
    public const string Sgd = "sgd";

    // As they are usually used; rates of sgd and lars fit one model only.
    private static readonly Rule[] _rules =
    [
        new(Sgd, new Sgd(1f), HasRate: false),
        new("adam", new Adam()),
        new("adamw", new AdamW()),
        new("adagrad", new Adagrad()),
        new("adadelta", new Adadelta()),
        new("rmsprop", new RmsProp()),
        new("adamax", new Adamax()),
        new("nadam", new NAdam()),
        new("lars", new Lars(1f), HasRate: false),
    ];

    /// <summary>All names.</summary>
    public static string[] Names { get; } = Array.ConvertAll(_rules, rule => rule.Name);

    /// <summary>The name of a rule.</summary>
    /// <param name="optimizer">The rule.</param>
    /// <returns>The name.</returns>
    public static string NameOf(Optimizer optimizer) => Array.Find(_rules, rule => rule.Usual.GetType() == optimizer.GetType())!.Name;

    /// <summary>The numbers of a rule where nothing else is said: the recipe's, or else the usual ones.</summary>
    /// <param name="name">The rule's name.</param>
    /// <param name="recipe">The optimiser of the model's recipe.</param>
    /// <returns>The rate, or null where there is no usual one; the momentum, or null where the rule has none; the decay.</returns>
    public static (float? Rate, float? Momentum, float Decay) Usual(string name, Optimizer recipe)
    {
        var rule = Find(name);
        if (NameOf(recipe) == name) return (recipe.LearningRate, Momentum(recipe), Decay(recipe));
        var decay = Decay(recipe) > 0f ? Decay(recipe) : Decay(rule.Usual);
        return (rule.HasRate ? rule.Usual.LearningRate : null, Momentum(rule.Usual), decay);
    }

    /// <summary>Makes the rule of a run; what a configuration does not hold is as in the model's recipe.</summary>
    /// <param name="configuration">The run.</param>
    /// <param name="recipe">The optimiser of the model's recipe.</param>
    /// <returns>The rule.</returns>
    /// <exception cref="UsageException">A number is outside its range.</exception>
    public static Optimizer Create(RunConfiguration configuration, Optimizer recipe)
    {
        var name = configuration.Optimizer;
        var (rate, momentum, decay) = (configuration.LearningRate, configuration.Momentum, configuration.WeightDecay);
        var known = NameOf(recipe) == name ? recipe : Find(name).Usual;
        return Checked(name, () => known switch
        {
            Sgd rule => new Sgd(
                rate, momentum, decay, rule.Nesterov && momentum > 0f, momentum > 0f ? rule.Dampening : 0f) { Groups = rule.Groups },
            Adam rule => new Adam(rate, rule.Beta1, rule.Beta2, rule.Epsilon, decay, rule.Decoupled) { Groups = rule.Groups },
            AdamW rule => new AdamW(rate, rule.Beta1, rule.Beta2, rule.Epsilon, decay) { Groups = rule.Groups },
            Adagrad rule => new Adagrad(rate, rule.Epsilon, decay, rule.InitialSum) { Groups = rule.Groups },
            Adadelta rule => new Adadelta(rate, rule.Rho, rule.Epsilon, decay) { Groups = rule.Groups },
            RmsProp rule => new RmsProp(rate, rule.Alpha, rule.Epsilon, momentum, decay, rule.Centered) { Groups = rule.Groups },
            Adamax rule => new Adamax(rate, rule.Beta1, rule.Beta2, rule.Epsilon, decay) { Groups = rule.Groups },
            NAdam rule => new NAdam(rate, rule.Beta1, rule.Beta2, rule.Epsilon, decay, rule.MomentumDecay, rule.Decoupled) { Groups = rule.Groups },
            Lars rule => new Lars(rate, momentum, decay, rule.TrustCoefficient, rule.Epsilon) { Groups = rule.Groups },
            _ => (Optimizer)known,
        });
    }

    /// <summary>Makes something of numbers that somebody typed.</summary>
    /// <typeparam name="T">What is made.</typeparam>
    /// <param name="name">Named in messages.</param>
    /// <param name="create">Makes it.</param>
    /// <returns>The thing.</returns>
    /// <exception cref="UsageException">A number is outside its range.</exception>
    public static T Checked<T>(string name, Func<T> create)
    {
        try
        {
            return create();
        }
        catch (ArgumentOutOfRangeException exception)
        {
            // The rest of the text is for programmers.
            var rule = exception.Message.Split(" (Parameter")[0];
            throw new UsageException(string.Create(
                CultureInfo.InvariantCulture, $"{name}: {exception.ParamName} is {exception.ActualValue}, {rule}"));
        }
        catch (ArgumentException exception)
        {
            throw new UsageException($"{name}: {exception.Message.Split(" (Parameter")[0]}");
        }
    }

    private static Rule Find(string name) =>
        Array.Find(_rules, rule => rule.Name == name) ?? throw new UsageException($"there is no optimizer '{name}'; known are {string.Join(", ", Names)}");

    private static float? Momentum(Optimizer optimizer) => optimizer switch
    {
        Sgd rule => rule.Momentum,
        RmsProp rule => rule.Momentum,
        Lars rule => rule.Momentum,
        _ => null,
    };

    private static float Decay(Optimizer optimizer) => optimizer switch
    {
        Sgd rule => rule.WeightDecay,
        Adam rule => rule.WeightDecay,
        AdamW rule => rule.WeightDecay,
        Adagrad rule => rule.WeightDecay,
        Adadelta rule => rule.WeightDecay,
        RmsProp rule => rule.WeightDecay,
        Adamax rule => rule.WeightDecay,
        NAdam rule => rule.WeightDecay,
        Lars rule => rule.WeightDecay,
        _ => 0f,
    };

    private sealed record Rule(string Name, Optimizer Usual, bool HasRate = true);
}
