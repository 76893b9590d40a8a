using DeepNative.Optimizers;

namespace DeepNative.Training;

/// <summary>Where a run stands: all that a resumed one needs beside tensors.</summary>
internal sealed class RunPosition
{
    /// <summary>Whole epochs of the run that are done.</summary>
    public int Epoch { get; set; }

    /// <summary>Batches of the current epoch that are done; a multiple of those of a step.</summary>
    public int Batch { get; set; }

    /// <summary>Steps of the run that are done.</summary>
    public long Step { get; set; }

    /// <summary>Which of the seed's example orders the current epoch has; never repeats, also over several runs.</summary>
    public int Order { get; set; }

    /// <summary>Sum of the current epoch's losses over its examples.</summary>
    public double LossSum { get; set; }

    /// <summary>The current epoch's examples done.</summary>
    public long Examples { get; set; }

    /// <summary>The batch size that <see cref="Batch"/> counts in; 0: not known.</summary>
    public int BatchSize { get; set; }

    /// <summary>The size of the training set that <see cref="Batch"/> counts in; 0: not known.</summary>
    public int DataCount { get; set; }

    /// <summary>What a schedule that waits for a plateau has seen.</summary>
    public PlateauState Plateau { get; set; } = PlateauState.Start;

    /// <summary>The best epoch so far, where they are compared.</summary>
    public BestEpoch Best { get; set; } = BestEpoch.None;

    /// <summary>Whether the next call of Fit goes on with this run.</summary>
    public bool Unfinished { get; set; }

    /// <summary>Begins another run.</summary>
    public void Restart()
    {
        Epoch = 0;
        Step = 0;
        Plateau = PlateauState.Start;
        Best = BestEpoch.None;
        AbandonEpoch();
    }

    private void AbandonEpoch()
    {
        if (Batch > 0) Order++;
        Batch = 0;
        LossSum = 0;
        Examples = 0;
    }
}
