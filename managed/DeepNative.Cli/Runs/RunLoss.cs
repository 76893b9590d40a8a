using System.Globalization;
using DeepNative.Data;
using DeepNative.Losses;
using DeepNative.Models;
using DeepNative.Recipes;
using DeepNative.Training;

namespace DeepNative.Cli.Runs;

/// <summary>What a run makes small: the model's loss with the recipe's label smoothing and class weights.</summary>
internal static class RunLoss
{
    /// <summary>Makes the loss.</summary>
    /// <param name="model">The model.</param>
    /// <param name="recipe">The recipe.</param>
    /// <param name="train">The training set, whose classes are counted for balanced weights.</param>
    /// <param name="classes">The number of classes.</param>
    /// <returns>The loss.</returns>
    /// <exception cref="UsageException">The model's loss has no such numbers, or there are not as many weights as classes.</exception>
    public static Loss Create(ModelEntry model, Recipe recipe, IExampleSource train, int classes)
    {
        var loss = model.Loss();
        if (recipe.LabelSmoothing == 0f && recipe.ClassWeights.Length == 0) return loss;
        if (loss is not SoftmaxCrossEntropy softmax)
            throw new UsageException($"label smoothing and class weights are of softmax cross-entropy; {model.Name} is trained by {loss.GetType().Name}");
        return softmax.With(Weights(recipe.ClassWeights, train, classes), recipe.LabelSmoothing);
    }

    private static float[]? Weights(string text, IExampleSource train, int classes)
    {
        if (text.Length == 0) return null;
        if (text == Recipe.Balanced) return ClassBalance.Weights(ClassBalance.Counts(train, classes));
        var weights = Array.ConvertAll(text.Split(','), number => float.Parse(number, CultureInfo.InvariantCulture));
        return weights.Length == classes
            ? weights
            : throw new UsageException($"there are {weights.Length} class weights, but {train.Name} has {classes} classes");
    }
}
