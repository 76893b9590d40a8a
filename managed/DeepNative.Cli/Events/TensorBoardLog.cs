using DeepNative.Cli.Reports;
using DeepNative.Training;

namespace DeepNative.Cli.Events;

/// <summary>
/// Writes an event file for TensorBoard: numbers of steps and epochs, and each epoch the distribution of the weights
/// and the first layer's filters; of a large model these only at the end.
/// </summary>
/// <param name="folder">The folder of the run.</param>
internal sealed class TensorBoardLog(string folder) : ITrainingObserver, IDisposable
{
    private const long SmallModel = 1_000_000;

    private EventFile? _file;
    private TrainingStart? _start;
    private long _step;
    private bool _weightsWritten;

    /// <inheritdoc/>
    public void OnBegin(TrainingStart start)
    {
        _file?.Dispose();
        _start = start;
        _step = start.Step;
        _file = new EventFile(folder, start.Step);
    }

    /// <inheritdoc/>
    public void OnStep(in TrainingStep latest)
    {
        _file!.Scalars(
            latest.Step, ("steps/train_loss", latest.Loss), ("steps/learning_rate", latest.LearningRate),
            ("steps/gradient_norm", float.IsNaN(latest.GradientNorm) ? null : latest.GradientNorm));
        _step = latest.Step;
    }

    /// <inheritdoc/>
    public void OnEpoch(TrainingProgress epoch)
    {
        var validation = epoch.Validation;
        _file!.Scalars(
            epoch.Step, ("loss/train", epoch.Loss), ("loss/validation", validation?.Loss),
            ("error/train", epoch.Training is null || double.IsNaN(epoch.Training.Error) ? null : epoch.Training.Error),
            ("error/validation", validation is null || double.IsNaN(validation.Error) ? null : validation.Error),
            ("learning_rate", epoch.LearningRate), ("images_per_second", double.IsNaN(epoch.ImagesPerSecond) ? null : epoch.ImagesPerSecond));
        _step = epoch.Step;
        _weightsWritten = _start!.Model.ParameterCount() <= SmallModel;
        if (_weightsWritten) WriteWeights();
        _file.Flush();
    }

    /// <inheritdoc/>
    public void OnEnd(FitResult result)
    {
        if (!_weightsWritten && result.Steps > 0) WriteWeights();
        _file!.Flush();
    }

    /// <summary>Closes the file.</summary>
    public void Dispose() => _file?.Dispose();

    private void WriteWeights()
    {
        var model = _start!.Model;
        foreach (var parameter in model.Parameters())
            if (parameter is { Trainable: true, DType: DType.Float32, Tensor: { } tensor }) _file!.Histogram(_step, parameter.Name, tensor.ToArray<float>());
        if (Filters.Of(model, _start.Data.InputShape) is { } filters)
            _file!.Image(_step, "filters/" + filters.Tensor, filters.Width, filters.Height, filters.Channels, filters.Png);
    }
}
