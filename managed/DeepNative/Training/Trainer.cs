using System.Diagnostics;
using DeepNative.Data;
using DeepNative.Layers;
using DeepNative.Losses;
using DeepNative.Optimizers;

namespace DeepNative.Training;

/// <summary>
/// Trains, evaluates and runs a model on one device. The whole training step (forward, loss, gradients,
/// update) is one program; numbers that change from step to step live on the device.
/// </summary>
/// <remarks>
/// The same seed, data and device give the same result to the bit, also when a run is interrupted and
/// resumed from a checkpoint. Not thread-safe.
/// </remarks>
public sealed partial class Trainer : IDisposable
{
    private readonly Layer _model;
    private readonly Loss _loss;
    private readonly Optimizer _optimizer;
    private readonly Device _device;
    private readonly TrainerOptions _options;
    private readonly StepUpdate _update;
    private readonly InputAugmenter? _augmenter;
    private readonly DeviceDatasets _resident;
    private RunPosition _position = new();
    private readonly bool _ownsModel;
    private readonly List<BatchNorm> _frozen = [];
    private ModelPrograms? _programs;
    private InputSpec? _input;
    private ulong _seed;
    private bool _disposed;

    /// <summary>Puts the model on the device, with first values where it has none yet.</summary>
    /// <param name="model">What is trained.</param>
    /// <param name="loss">What training makes small.</param>
    /// <param name="optimizer">How gradients change parameters.</param>
    /// <param name="device">Where it runs; it must outlive the trainer.</param>
    /// <param name="seed">Decides first values, the order of examples, dropout and augmentation.</param>
    /// <param name="options">Null: the defaults.</param>
    /// <exception cref="ArgumentException">Nothing is trained, or one of the optimiser's groups contains no parameter.</exception>
    /// <exception cref="InvalidOperationException">The model already lives on another device.</exception>
    /// <exception cref="OutOfDeviceMemoryException">The device's memory is exhausted.</exception>
    public Trainer(
        Layer model, Loss loss, Optimizer optimizer, Device device, ulong seed = 0, TrainerOptions? options = null)
    {
        ArgumentNullException.ThrowIfNull(model);
        ArgumentNullException.ThrowIfNull(loss);
        ArgumentNullException.ThrowIfNull(optimizer);
        ArgumentNullException.ThrowIfNull(device);
        _model = model;
        _loss = loss;
        _optimizer = optimizer;
        _device = device;
        _seed = seed;
        _options = options ?? new TrainerOptions();
        ArgumentOutOfRangeException.ThrowIfLessThan(_options.AccumulationSteps, 1, nameof(options));
        _resident = new DeviceDatasets(device, _options.KeepDataOnDevice, data => _programs?.Forget(data));
        var trained = optimizer.Trained(model);
        FreezeStatistics(model);
        _ownsModel = model.Parameters().All(parameter => parameter.Tensor is null);
        model.Materialize(device, seed);
        var state = new OptimizerState(device, trained);
        optimizer.CreateState(state);
        _update = new StepUpdate(device, optimizer, state, _options);
        if (_options.Augmentation is { OnDevice: true } augmentation) _augmenter = new InputAugmenter(device, augmentation, seed);
    }

    /// <summary>The model.</summary>
    public Layer Model => _model;

    /// <summary>What the order of examples and dropout come from; a resumed checkpoint brings its own.</summary>
    public ulong Seed => _seed;

    /// <summary>
    /// Whether evaluation, also that of the validation set, prediction and <see cref="Save"/> take the moving average
    /// of the weights where <see cref="TrainerOptions.Averaging"/> keeps one; true by default.
    /// </summary>
    public bool UseAverage { get; set; } = true;

    /// <summary>Whole epochs of the current run that are done.</summary>
    public int Epoch => _position.Epoch;

    /// <summary>Trains on images; bytes are normalised on the device.</summary>
    /// <param name="data">The training set.</param>
    /// <param name="epochs">Passes over the data, at least 1, counted from the beginning of the run.</param>
    /// <param name="batch">Images in a step, at least 1.</param>
    /// <param name="shuffle">Whether every epoch has its own random order.</param>
    /// <param name="progress">Told at the end of every epoch and in between.</param>
    /// <param name="checkpoint">When the run's state is written; null: never.</param>
    /// <param name="validation">Evaluated at the end of every epoch; null: nothing is.</param>
    /// <param name="cancellation">
    /// Ends training after the current step; the checkpoint is written, and the result says that it is not complete.
    /// </param>
    /// <returns>Loss, time and speed.</returns>
    /// <exception cref="ShapeException">The images do not fit the model; the layer is named.</exception>
    /// <exception cref="ArgumentException">A label is outside the model's classes.</exception>
    /// <exception cref="TrainingDivergedException">The loss is not finite.</exception>
    public FitResult Fit(
        ImageDataset data, int epochs, int batch, bool shuffle = true, IProgress<TrainingProgress>? progress = null,
        CheckpointOptions? checkpoint = null, ImageDataset? validation = null, CancellationToken cancellation = default) =>
        Fit(
            new ImageExamples(data),
            new FitOptions
            {
                Epochs = epochs,
                Batch = batch,
                Shuffle = shuffle,
                Progress = progress,
                Checkpoint = checkpoint,
                Validation = validation is null ? null : new ImageExamples(validation),
            },
            cancellation);

    /// <summary>Trains on images, telling one line per epoch: <c>progress: Console.WriteLine</c>.</summary>
    /// <param name="data">The training set.</param>
    /// <param name="epochs">Passes over the data, at least 1, counted from the beginning of the run.</param>
    /// <param name="batch">Images in a step, at least 1.</param>
    /// <param name="progress">Receives the line.</param>
    /// <param name="shuffle">Whether every epoch has its own random order.</param>
    /// <param name="checkpoint">When the run's state is written; null: never.</param>
    /// <param name="validation">Evaluated at the end of every epoch; null: nothing is.</param>
    /// <param name="cancellation">Ends training after the current step.</param>
    /// <returns>Loss, time and speed.</returns>
    /// <exception cref="ShapeException">The images do not fit the model; the layer is named.</exception>
    /// <exception cref="ArgumentException">A label is outside the model's classes.</exception>
    /// <exception cref="TrainingDivergedException">The loss is not finite.</exception>
    public FitResult Fit(
        ImageDataset data, int epochs, int batch, Action<string> progress, bool shuffle = true,
        CheckpointOptions? checkpoint = null, ImageDataset? validation = null, CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(progress);
        return Fit(data, epochs, batch, shuffle, new EpochLines(progress), checkpoint, validation, cancellation);
    }

    /// <summary>Trains on any examples.</summary>
    /// <param name="data">The training set.</param>
    /// <param name="options">Epochs, batch and the rest.</param>
    /// <param name="cancellation">
    /// Ends training after the current step; the checkpoint is written, and the result says that it is not complete.
    /// </param>
    /// <returns>Loss, time and speed.</returns>
    /// <remarks>
    /// A run that was cancelled or resumed from a checkpoint is continued, up to the epochs asked for;
    /// otherwise a new run begins, with the parameters as they are.
    /// </remarks>
    /// <exception cref="ShapeException">The examples do not fit the model; the layer is named.</exception>
    /// <exception cref="ArgumentException">
    /// The data set is empty, or its targets do not fit the loss or the number that epochs are selected by.
    /// </exception>
    /// <exception cref="InvalidOperationException">
    /// A resumed run stands inside an epoch of other data or another batch size, or selected its best epoch in another way.
    /// </exception>
    /// <exception cref="TrainingDivergedException">The loss is not finite.</exception>
    public FitResult Fit(IExampleSource data, FitOptions options, CancellationToken cancellation = default)
    {
        ObjectDisposedException.ThrowIf(_disposed, this);
        ArgumentNullException.ThrowIfNull(data);
        ArgumentNullException.ThrowIfNull(options);
        ArgumentOutOfRangeException.ThrowIfLessThan(options.Epochs, 1);
        ArgumentOutOfRangeException.ThrowIfLessThan(options.Batch, 1);
        ArgumentOutOfRangeException.ThrowIfNegative(options.StepInterval);
        var start = Stopwatch.GetTimestamp();
        var programs = Programs(data);
        CheckExamples(data, programs);
        _augmenter?.Check(data);
        if (options.Validation is { } validation)
        {
            if (!SpecOf(validation).SameAs(programs.Input)) throw Differs(validation, programs.Input);
            CheckExamples(validation, programs);
        }
        else if (_options.Schedule.PlateauRule is not null)
        {
            throw new ArgumentException($"the schedule, {_options.Schedule}, needs a validation set.", nameof(options));
        }

        if (options is { Selection: not null, Validation: null })
            throw new ArgumentException("to select an epoch needs a validation set.", nameof(options));
        if (options.Selection is { Metric: ValidationMetric.MeanIntersectionOverUnion } && !EvaluationReport.HasOverlapFor(_loss, programs.OutputShape))
            throw new ArgumentException(
                $"to select by intersection over union needs maps of classes; loss {_loss.GetType().Name} has none for the model's output "
                + $"{programs.OutputShape}. Select by another metric.", nameof(options));
        if (!_position.Unfinished) _position.Restart();
        CheckContinues(data, options);
        _position.Unfinished = true;
        _position.BatchSize = options.Batch;
        _position.DataCount = data.Count;
        var setup = new RunSetup
        {
            Device = _device,
            Model = _model,
            Data = data,
            Resident = _resident,
            Options = options,
            Optimizer = _optimizer,
            Update = _update,
            GradientNorm = _options.GradientNorm,
            Schedule = _options.Schedule,
            Programs = programs,
            Seed = _seed,
            Feed = Feed,
            ProgressInterval = _options.ProgressInterval,
            Save = WriteCheckpoint,
            SaveWeights = WriteWeights,
            CopyWeights = CopyWeights,
            Restore = RestoreBest,
        };
        using var run = new TrainingRun(setup, _position, start);
        return run.Execute(cancellation);
    }

    /// <summary>Measures the model on images.</summary>
    /// <param name="data">The images.</param>
    /// <param name="batch">Images at once, at least 1: how much memory it takes.</param>
    /// <returns>Mean loss and fraction of wrong predictions.</returns>
    /// <exception cref="ShapeException">The images do not fit the model; the layer is named.</exception>
    /// <exception cref="ArgumentException">A label is outside the model's classes.</exception>
    public EvaluationResult Evaluate(ImageDataset data, int batch = 100) => Evaluate(new ImageExamples(data), batch);

    /// <summary>Measures the model on any examples.</summary>
    /// <param name="data">The examples.</param>
    /// <param name="batch">Examples at once, at least 1: how much memory it takes.</param>
    /// <returns>Mean loss and, for classifiers, the fraction of wrong predictions.</returns>
    /// <remarks>Inputs are normalised as in training; before any training, by the statistics of this data.</remarks>
    /// <exception cref="ShapeException">The examples do not fit the model; the layer is named.</exception>
    /// <exception cref="ArgumentException">The data set is empty, or its targets do not fit the loss.</exception>
    public EvaluationResult Evaluate(IExampleSource data, int batch = 100)
    {
        ObjectDisposedException.ThrowIf(_disposed, this);
        ArgumentNullException.ThrowIfNull(data);
        ArgumentOutOfRangeException.ThrowIfLessThan(batch, 1);
        var programs = Programs(data);
        CheckExamples(data, programs);
        return EvaluationRun.Run(_device, programs, data, _resident.Find(data), batch, Feed);
    }

    /// <summary>Predicts for one or more images.</summary>
    /// <param name="images">uint8 (N, C, H, W), row-major.</param>
    /// <returns>Probabilities and classes, or what the loss's prediction is.</returns>
    /// <exception cref="InvalidOperationException">The model was neither trained nor loaded: what it is fed with is not known.</exception>
    /// <exception cref="ArgumentException">The bytes are not whole images of the size the model takes.</exception>
    public Prediction Predict(ReadOnlySpan<byte> images) => PredictionRun.Run(KnownPrograms(), images);

    /// <summary>Predicts for one or more float32 inputs.</summary>
    /// <param name="inputs">float32 (N, ...), row-major.</param>
    /// <returns>Probabilities and classes, or what the loss's prediction is.</returns>
    /// <exception cref="InvalidOperationException">The model was neither trained nor loaded: what it is fed with is not known.</exception>
    /// <exception cref="ArgumentException">The values are not whole inputs of the size the model takes.</exception>
    public Prediction Predict(ReadOnlySpan<float> inputs) => PredictionRun.Run(KnownPrograms(), inputs);

    /// <summary>Frees programs, optimiser state, and the model's tensors if this trainer made them.</summary>
    public void Dispose()
    {
        if (_disposed) return;
        _disposed = true;
        _programs?.Dispose();
        _resident.Dispose();
        _update.Dispose();
        _augmenter?.Dispose();
        if (_ownsModel) _model.ReleaseTensors();
        foreach (var layer in _frozen) layer.Frozen = false;
    }

    // Statistics follow their layer: where all its parameters are frozen, it does as in evaluation.
    private void FreezeStatistics(Layer layer)
    {
        foreach (var child in layer.Children) FreezeStatistics(child);
        if (layer is not BatchNorm { Frozen: false } norm) return;
        var parameters = norm.Parameters();
        var trainable = parameters.Where(parameter => parameter.Trainable).ToArray();
        if (trainable.Length == parameters.Count) return;
        if (!(trainable.Length > 0 ? trainable : parameters).All(parameter => _optimizer.GroupOf(parameter) is { Frozen: true })) return;
        norm.Frozen = true;
        _frozen.Add(norm);
    }

    private ModelPrograms KnownPrograms()
    {
        ObjectDisposedException.ThrowIf(_disposed, this);
        if (_input is null) throw new InvalidOperationException("the model was neither trained nor loaded; its input is not known.");
        return Programs(_input);
    }

    private ModelPrograms Programs(IExampleSource data) => Programs(SpecOf(data));

    private FeedOptions Feed => new(_options.Prefetch, _options.Workers);

    private AveragedWeights? Average => UseAverage ? _update.Average : null;

    private ModelPrograms Programs(InputSpec input)
    {
        if (_programs is not null && _programs.Input.SameAs(input))
        {
            _programs.Average = Average;
            return _programs;
        }

        var programs = new ModelPrograms(_device, _model, _loss, input, _options.CompileOptions, _options.Metrics, _augmenter) { Average = Average };
        _programs?.Dispose();
        _programs = programs;
        _input = input;
        return programs;
    }

    // Once known, the normalisation stays: validation and test data go the way of the training data.
    private InputSpec SpecOf(IExampleSource data)
    {
        var normalization = _input is not null && _input.Type == data.InputType
            ? _input.Normalization
            : _options.Normalization ?? data.Statistics();
        return new InputSpec(data.InputShape, data.InputType, normalization);
    }

    private void CheckExamples(IExampleSource data, ModelPrograms programs)
    {
        if (data.Count < 1) throw new ArgumentException($"{data.Name} is empty.", nameof(data));
        var output = programs.OutputShape;
        var target = _loss.TargetShape(output).From(1);
        var isType = data.TargetType == _loss.TargetType || (data.TargetType == DType.UInt8 && _loss.TargetType == DType.Int32);
        if (!isType || data.TargetShape != target)
            throw new ArgumentException(
                $"{data.Name}: targets are {data.TargetType} {data.TargetShape}, loss {_loss.GetType().Name} expects "
                + $"{_loss.TargetType} {target} for the model's output {output}.", nameof(data));
        if (_loss.Classes(output) is { } classes && data.MaxLabel is { } largest && largest >= classes)
            throw new ArgumentException(
                $"{data.Name}: label {largest} is outside the model's {classes} classes, 0 to {classes - 1}.", nameof(data));
    }

    private void CheckContinues(IExampleSource data, FitOptions options)
    {
        if (options.Selection is { } selection && _position.Best is { Epoch: > 0 } best)
        {
            if (best.Rule != selection.Rule)
                throw new InvalidOperationException(
                    $"the run's best epoch so far, {best.Epoch}, was selected by {best.Rule}; it cannot go on with {selection.Rule}.");
            if (selection is { Restore: true, Path: { } path } && !File.Exists(path))
                throw new InvalidOperationException($"'{path}' does not exist; it has the weights of the run's best epoch so far, {best.Epoch}.");
        }

        if (_position.Batch == 0) return;
        if (_position.DataCount != data.Count || _position.BatchSize != options.Batch)
            throw new InvalidOperationException(
                $"the run stands at batch {_position.Batch} of an epoch of {_position.DataCount} examples in batches of "
                + $"{_position.BatchSize}; it cannot go on with {data.Count} examples in batches of {options.Batch}.");
    }

    private static ArgumentException Differs(IExampleSource data, InputSpec input) =>
        new($"{data.Name}: inputs are {data.InputType} {data.InputShape}, expected {input.Type} {input.Shape} as in training.");

    private sealed class EpochLines(Action<string> write) : IProgress<TrainingProgress>
    {
        public void Report(TrainingProgress value)
        {
            if (value.IsEpochEnd) write(value.ToString());
        }
    }
}
