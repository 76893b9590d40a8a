using System.Globalization;
using DeepNative.Optimizers;

namespace DeepNative.Cli.Runs;

/// <summary>The update rules by name.</summary>
internal static class OptimizerRules
{
    /// <summary>Stochastic gradient descent.</summary>
    public const string Sgd = "sgd";

    /// <summary>Kingma and Ba 2015.</summary>
    public const string Adam = "adam";

    /// <summary>The name of a rule.</summary>
    /// <param name="optimizer">The rule.</param>
    /// <returns>The name.</returns>
    public static string NameOf(Optimizer optimizer) => optimizer is Adam ? Adam : Sgd;

    /// <summary>Makes the rule of a run; what a configuration does not hold is as in the model's recipe.</summary>
    /// <param name="configuration">The run.</param>
    /// <param name="recipe">The optimiser of the model's recipe.</param>
    /// <returns>The rule.</returns>
    /// <exception cref="UsageException">A number is outside its range.</exception>
    public static Optimizer Create(RunConfiguration configuration, Optimizer recipe)
    {
        var (rate, decay) = (configuration.LearningRate, configuration.WeightDecay);
        try
        {
            if (configuration.Optimizer != Adam)
                return new Sgd(rate, configuration.Momentum, decay, recipe is Sgd { Nesterov: true } && configuration.Momentum > 0f);
            return recipe is Adam adam
                ? new Adam(rate, adam.Beta1, adam.Beta2, adam.Epsilon, decay, adam.Decoupled)
                : new Adam(rate, weightDecay: decay);
        }
        catch (ArgumentOutOfRangeException exception)
        {
            // The rest of the text is for programmers.
            var rule = exception.Message.Split(" (Parameter")[0];
            throw new UsageException(string.Create(
                CultureInfo.InvariantCulture, $"{configuration.Optimizer}: {exception.ParamName} is {exception.ActualValue}, {rule}"));
        }
    }
}
