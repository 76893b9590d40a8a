namespace DeepNative.Cli.Runs;

/// <summary>config.json: everything that is needed to repeat a run, and where it ran.</summary>
internal sealed record RunConfiguration
{
    /// <summary>The registry's name of the model.</summary>
    public required string Model { get; init; }

    /// <summary>The name of the data set.</summary>
    public required string Data { get; init; }

    /// <summary>Passes over the training set.</summary>
    public required int Epochs { get; init; }

    /// <summary>Examples in a step.</summary>
    public required int Batch { get; init; }

    /// <summary>The update rule's name: "sgd".</summary>
    public required string Optimizer { get; init; }

    /// <summary>The rate that the schedule multiplies.</summary>
    public required float LearningRate { get; init; }

    /// <summary>Of the rules that have one.</summary>
    public required float Momentum { get; init; }

    /// <summary>The factor of the weights in the gradient.</summary>
    public required float WeightDecay { get; init; }

    /// <summary>The rule with all its numbers, as text.</summary>
    public string OptimizerSettings { get; init; } = "";

    /// <summary>How the learning rate changes, in words.</summary>
    public required string Schedule { get; init; }

    /// <summary>The schedule as it was asked for; empty: the recipe's.</summary>
    public string? ScheduleSetting { get; init; }

    /// <summary>Steps of a linear rise of the rate; 0: none.</summary>
    public int Warmup { get; init; }

    /// <summary>The largest norm of all gradients together; 0: any.</summary>
    public float ClipNorm { get; init; }

    /// <summary>The largest size of one gradient; 0: any.</summary>
    public float ClipValue { get; init; }

    /// <summary>Batches whose gradients make one step; 0 as 1.</summary>
    public int Accumulate { get; init; }

    /// <summary>The decay of the weights' moving average; 0: there is none.</summary>
    public float Ema { get; init; }

    /// <summary>The seed of initial weights, of the order of examples and of dropout.</summary>
    public required ulong Seed { get; init; }

    /// <summary>What is computed in: "f32".</summary>
    public required string Precision { get; init; }

    /// <summary>Mean per channel that was subtracted from the inputs, where pixels are 0 to 1.</summary>
    public float[] InputMean { get; init; } = [];

    /// <summary>Standard deviation per channel that the inputs were divided by.</summary>
    public float[] InputDeviation { get; init; } = [];

    /// <summary>The device's name.</summary>
    public string Device { get; init; } = "";

    /// <summary>Threads that the CPU device computed with; 0 on a GPU.</summary>
    public int Threads { get; init; }

    /// <summary>The processor.</summary>
    public string DeviceDescription { get; init; } = "";

    /// <summary>Instruction set and library versions.</summary>
    public string DeviceDetail { get; init; } = "";

    /// <summary>The version of DeepNative, and the commit that it was built from.</summary>
    public required string Version { get; init; }

    /// <summary>The version of .NET.</summary>
    public required string Framework { get; init; }

    /// <summary>The operating system.</summary>
    public required string OperatingSystem { get; init; }

    /// <summary>When the run was started, UTC.</summary>
    public required DateTime Started { get; init; }
}
