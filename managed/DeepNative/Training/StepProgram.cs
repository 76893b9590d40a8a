namespace DeepNative.Training;

/// <summary>A compiled program for one batch size, with the tensors that are its own.</summary>
internal sealed class StepProgram : IDisposable
{
    public required int Batch { get; init; }

    public required CompiledProgram Program { get; init; }

    /// <summary>Absent where the program reads a data set on the device.</summary>
    public InputBuffer? Input { get; init; }

    /// <summary>Absent for prediction, and where the program reads a data set on the device.</summary>
    public InputBuffer? Target { get; init; }

    /// <summary>Weights of the targets; absent where they have none, and where the program reads a data set on the device.</summary>
    public InputBuffer? Weight { get; init; }

    /// <summary>Mean loss of the batch, float32 (); for training.</summary>
    public Tensor? Loss { get; init; }

    /// <summary>What the numbers of <see cref="Row"/> are; for evaluation.</summary>
    public EvaluationReport? Report { get; init; }

    /// <summary>All that evaluation says of the batch, float32 (K).</summary>
    public Tensor? Row { get; init; }

    /// <summary>For prediction.</summary>
    public Tensor? Output { get; init; }

    /// <summary>When it was last asked for, on the cache's clock.</summary>
    public long LastUse { get; set; }

    public void Dispose()
    {
        Program.Dispose();
        Input?.Dispose();
        Target?.Dispose();
        Weight?.Dispose();
        Loss?.Dispose();
        Row?.Dispose();
        Output?.Dispose();
    }
}
