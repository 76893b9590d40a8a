using DeepNative.Recipes;

namespace DeepNative.Cli.Runs;

/// <summary>config.json: everything that is needed to repeat a run, and where it ran.</summary>
internal sealed record RunConfiguration
{
    /// <summary>The registry's name of the model.</summary>
    public required string Model { get; init; }

    /// <summary>How it is trained: the recipe with what the command line changed.</summary>
    public required Recipe Recipe { get; init; }

    /// <summary>The update rule with all its numbers, as text.</summary>
    public string OptimizerSettings { get; init; } = "";

    /// <summary>How the learning rate changes, in words.</summary>
    public string ScheduleSettings { get; init; } = "";

    /// <summary>The file whose weights it began with; empty: random ones.</summary>
    public string From { get; init; } = "";

    /// <summary>The classes of the head that was made anew; 0: none was.</summary>
    public int ReplaceHead { get; init; }

    /// <summary>Which epoch's weights it ends with: "best" by the validation set, "last", or empty: best where there is such a set.</summary>
    public string Keep { get; init; } = "";

    /// <summary>Whether pictures that cannot be read are left out.</summary>
    public bool SkipBad { get; init; }

    /// <summary>The seed of initial weights, of the order of examples and of dropout.</summary>
    public required ulong Seed { get; init; }

    /// <summary>Mean per channel that was subtracted from the inputs, where pixels are 0 to 1.</summary>
    public float[] InputMean { get; init; } = [];

    /// <summary>Standard deviation per channel that the inputs were divided by.</summary>
    public float[] InputDeviation { get; init; } = [];

    /// <summary>One input, (C, H, W) for pictures.</summary>
    public long[] InputShape { get; init; } = [];

    /// <summary>The classes' names, in the order of the outputs.</summary>
    public string[] ClassNames { get; init; } = [];

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
