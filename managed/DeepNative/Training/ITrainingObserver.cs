namespace DeepNative.Training;

/// <summary>
/// Told what happens in a run, in order, by the training thread, which waits: files of metrics, reports, displays.
/// What is not implemented is not listened to.
/// </summary>
/// <remarks>An exception ends the training.</remarks>
public interface ITrainingObserver
{
    /// <summary>A call of Fit begins; nothing is compiled yet that the first step needs.</summary>
    /// <param name="start">What it will do, and what was done before.</param>
    void OnBegin(TrainingStart start)
    {
    }

    /// <summary>Steps are done, as many as <see cref="FitOptions.StepInterval"/>; told a few steps later.</summary>
    /// <param name="latest">The last of them.</param>
    void OnStep(in TrainingStep latest)
    {
    }

    /// <summary>An epoch is done, with its validation; before the checkpoint is written.</summary>
    /// <param name="epoch">Where the run stands.</param>
    void OnEpoch(TrainingProgress epoch)
    {
    }

    /// <summary>The call ends, complete or cancelled; not told where it fails.</summary>
    /// <param name="result">What it will return.</param>
    void OnEnd(FitResult result)
    {
    }
}
