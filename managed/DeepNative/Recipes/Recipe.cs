using System.Globalization;
using DeepNative.Data;
using DeepNative.Optimizers;

namespace DeepNative.Recipes;

/// <summary>
/// How a model is trained, and who says so: plain numbers and words, as in a recipe's JSON file, where the keys are
/// these names in snake_case and what is left out is as here.
/// </summary>
public sealed record Recipe
{
    /// <summary>What <see cref="ClassWeights"/> may say instead of numbers.</summary>
    public const string Balanced = "balanced";

    /// <summary>What it is asked for by: the file's name without ".json".</summary>
    public string Name { get; init; } = "";

    /// <summary>The registered models that it is for.</summary>
    public required IReadOnlyList<string> Models { get; init; }

    /// <summary>The data set's name, such as "mnist", or a folder.</summary>
    public required string Data { get; init; }

    /// <summary>Paper or slide that the numbers are from, or that they are this library's choice.</summary>
    public required string Source { get; init; }

    /// <summary>Passes over the training set, at least 1.</summary>
    public required int Epochs { get; init; }

    /// <summary>Examples in a step, at least 1.</summary>
    public required int Batch { get; init; }

    /// <summary>The update rule, one of <see cref="OptimizerRules.Names"/>.</summary>
    public required string Optimizer { get; init; }

    /// <summary>The rate that the schedule multiplies, above 0.</summary>
    public required float LearningRate { get; init; }

    /// <summary>Of the rules that have one; 0: none.</summary>
    public float Momentum { get; init; }

    /// <summary>Whether momentum looks ahead; sgd only.</summary>
    public bool Nesterov { get; init; }

    /// <summary>The factor of the weights in the update.</summary>
    public float WeightDecay { get; init; }

    /// <summary>Decay of the first moment, or of the squares' mean (rho, alpha); null: the rule's usual one.</summary>
    public float? Beta1 { get; init; }

    /// <summary>Decay of the second moment; null: the rule's usual one.</summary>
    public float? Beta2 { get; init; }

    /// <summary>What keeps the rule from dividing by 0; null: the rule's usual one.</summary>
    public float? Epsilon { get; init; }

    /// <summary>Parameters with numbers of their own; the first that contains a parameter counts.</summary>
    public IReadOnlyList<RecipeGroup> Groups { get; init; } = [];

    /// <summary>How the rate changes, as <see cref="Schedules"/> reads it: "cosine"; empty: not at all.</summary>
    public string Schedule { get; init; } = "";

    /// <summary>Steps over which the rate rises first.</summary>
    public int Warmup { get; init; }

    /// <summary>The largest norm of all gradients together; 0: any.</summary>
    public float ClipNorm { get; init; }

    /// <summary>The largest size of one gradient; 0: any.</summary>
    public float ClipValue { get; init; }

    /// <summary>Batches whose gradients make one step, at least 1.</summary>
    public int Accumulate { get; init; } = 1;

    /// <summary>The part of the weights' moving average that a step keeps; 0: there is no average.</summary>
    public float Ema { get; init; }

    /// <summary>The part of each target that is spread over all classes, 0 to 1.</summary>
    public float LabelSmoothing { get; init; }

    /// <summary>
    /// "balanced": examples of rare classes count more, so that all classes weigh the same; or a factor for each class,
    /// "1,2.5,1"; empty: all examples weigh the same.
    /// </summary>
    public string ClassWeights { get; init; } = "";

    /// <summary>
    /// "borders": U-Net's weights of pixels, see <see cref="BorderWeights"/>, for pictures with masks; empty: all pixels
    /// count the same.
    /// </summary>
    public string PixelWeights { get; init; } = "";

    /// <summary>What is computed in: "f32", "bf16" or "f16".</summary>
    public string Precision { get; init; } = "f32";

    /// <summary>The part of the training set that is held out to validate on; 0: none is.</summary>
    public float Validation { get; init; }

    /// <summary>Epochs without a better validation error after which training ends; 0: it never does.</summary>
    public int Patience { get; init; }

    /// <summary>Rows and columns to which pictures of a folder are brought; 0: the model's usual size.</summary>
    public int ImageSize { get; init; }

    /// <summary>How training pictures vary; null: not at all.</summary>
    public Augmentation? Augmentation { get; init; }

    /// <summary>Makes the update rule.</summary>
    /// <returns>The rule with its numbers and groups.</returns>
    /// <exception cref="RecipeException">A name is unknown or a number outside its range.</exception>
    public Optimizer CreateOptimizer() => OptimizerRules.Create(this);

    /// <summary>Makes the schedule, warm-up included.</summary>
    /// <returns>The schedule.</returns>
    /// <exception cref="RecipeException">The text is not one, or a number is outside its range.</exception>
    public LearningRateSchedule CreateSchedule() => Schedules.Create(Schedule, Warmup);

    /// <summary>How gradients are bounded.</summary>
    /// <returns>The rule, or null.</returns>
    /// <exception cref="RecipeException">Both rules are asked for, or a number is outside its range.</exception>
    public GradientClipping? CreateClipping()
    {
        if (ClipNorm != 0f && ClipValue != 0f) throw new RecipeException("clip_norm and clip_value exclude each other");
        return ClipNorm != 0f ? RecipeException.Checked("clip_norm", () => GradientClipping.ByNorm(ClipNorm))
            : ClipValue != 0f ? RecipeException.Checked("clip_value", () => GradientClipping.ByValue(ClipValue))
            : null;
    }

    /// <summary>How pixels are weighted.</summary>
    /// <returns>The rule, or null.</returns>
    public BorderWeights? CreatePixelWeights() => PixelWeights == "borders" ? new BorderWeights() : null;

    /// <summary>How weights are averaged.</summary>
    /// <returns>The rule, or null.</returns>
    /// <exception cref="RecipeException">The decay is outside its range.</exception>
    public ExponentialAverage? CreateAveraging() =>
        Ema != 0f ? RecipeException.Checked("ema", () => new ExponentialAverage(Ema)) : null;

    /// <summary>Checks every name and number.</summary>
    /// <exception cref="RecipeException">Something is unknown or outside its range; the text names the key.</exception>
    public void Check()
    {
        if (Models.Contains(null!)) throw new RecipeException("models has an element that is null");
        if (Groups.Contains(null!)) throw new RecipeException("groups has an element that is null");
        AtLeast(1, Epochs, "epochs");
        AtLeast(1, Batch, "batch");
        AtLeast(0, Warmup, "warmup");
        AtLeast(1, Accumulate, "accumulate");
        AtLeast(0, Patience, "patience");
        AtLeast(0, ImageSize, "image_size");
        if (!(LabelSmoothing >= 0f && LabelSmoothing < 1f)) throw new RecipeException($"label_smoothing is {LabelSmoothing}, expected 0 or more, below 1");
        if (!(Validation >= 0f && Validation < 1f)) throw new RecipeException($"validation is {Validation}, expected 0 or more, below 1");
        if (ClassWeights is not ("" or Balanced) && !ClassWeights.Split(',').All(IsWeight))
            throw new RecipeException($"class_weights is '{ClassWeights}', expected 'balanced', or numbers with commas between them, 0 or more");
        if (PixelWeights is not ("" or "borders")) throw new RecipeException($"pixel_weights is '{PixelWeights}', expected 'borders' or nothing");
        if (Precision is not ("f32" or "bf16" or "f16")) throw new RecipeException($"precision is '{Precision}', expected f32, bf16 or f16");
        CreateOptimizer();
        CreateSchedule();
        CreateClipping();
        CreateAveraging();

        static bool IsWeight(string text) =>
            float.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out var weight) && weight >= 0f && float.IsFinite(weight);

        static void AtLeast(int least, int value, string key)
        {
            if (value < least) throw new RecipeException($"{key} is {value}, expected {least} or more");
        }
    }
}
