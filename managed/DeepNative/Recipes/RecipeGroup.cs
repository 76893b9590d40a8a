using DeepNative.Optimizers;

namespace DeepNative.Recipes;

/// <summary>Parameters that a recipe treats differently from the rest.</summary>
public sealed record RecipeGroup
{
    /// <summary>Full names: "*" stands for any characters, "?" for one: "*.bias".</summary>
    public required string Pattern { get; init; }

    /// <summary>What the learning rate is multiplied by, above 0.</summary>
    public float LearningRateFactor { get; init; } = 1f;

    /// <summary>The factor of the weights in their update; null: the recipe's.</summary>
    public float? WeightDecay { get; init; }

    /// <summary>Whether the parameters stay as they are.</summary>
    public bool Frozen { get; init; }

    internal ParameterGroup Create() => RecipeException.Checked(
        $"group '{Pattern}'",
        () => new ParameterGroup(Pattern) { LearningRateFactor = LearningRateFactor, WeightDecay = WeightDecay, Frozen = Frozen });
}
