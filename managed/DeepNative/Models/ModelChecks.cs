namespace DeepNative.Models;

/// <summary>Checks of what a model is asked to be made for.</summary>
internal static class ModelChecks
{
    /// <summary>Refuses what is not (C, H, W).</summary>
    public static void Picture(string model, Shape input)
    {
        if (input.Rank != 3 || input.Count < 1) throw new ArgumentException($"{model} takes pictures (C, H, W); the input is {input}.", nameof(input));
    }
}
