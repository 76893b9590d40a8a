using System.Diagnostics;
using DeepNative.Optimizers;

namespace DeepNative.Training;

/// <summary>One call of Fit: the loop over epochs and steps. A step allocates nothing.</summary>
internal sealed class TrainingRun : IDisposable
{
    private readonly RunSetup _setup;
    private readonly RunPosition _position;
    private readonly BatchFeed _feed;
    private readonly LossRing _ring;
    private readonly StepProgram _full;
    private readonly StepProgram _last;
    private readonly StepProgram? _collect;
    private readonly long _start;

    private long _firstStepEnd;
    private long _paused;
    private long _lastReport;
    private long _steps;
    private long _timedImages;
    private float _rate = float.NaN;
    private string? _lastCheckpoint;
    private EvaluationResult? _validation;
    private EvaluationResult? _training;

    public TrainingRun(RunSetup setup, RunPosition position, long start)
    {
        _setup = setup;
        _position = position;
        _start = start;
        var options = setup.Options;
        var batch = Math.Min(options.Batch, setup.Data.Count);
        _feed = BatchFeed.ForTraining(
            setup.Device, setup.Data, batch, setup.Seed, options.Shuffle, setup.Resident.Find(setup.Data), setup.Feed);
        try
        {
            var rest = _feed.CountOf(_feed.BatchCount - 1);
            _full = setup.Programs.Training(batch, setup.Update, _feed);
            _last = rest == batch ? _full : setup.Programs.Training(rest, setup.Update, _feed);
            if (setup.Update.BatchesPerUpdate > 1) _collect = setup.Programs.Training(batch, setup.Update, _feed, collect: true);
            setup.Update.Begin();
            _ring = new LossRing(setup.Device, () => _lastCheckpoint, Listener(setup))
            {
                Sum = position.LossSum,
                Examples = position.Examples,
            };
        }
        catch
        {
            _feed.Dispose();
            throw;
        }
    }

    public FitResult Execute(CancellationToken cancellation)
    {
        var options = _setup.Options;
        foreach (var observer in options.Observers) observer.OnBegin(Start());
        var loss = double.NaN;
        var completed = true;
        while (completed && _position.Epoch < options.Epochs && !IsStalled)
        {
            completed = RunEpoch(cancellation);
            loss = _ring.Mean;
            if (completed) EndEpoch();
        }

        if (!completed && options.Checkpoint is not null) Save();
        _position.Unfinished = !completed;
        if (completed && options.Selection is { Restore: true } selection && _position.Best.Epoch > 0 && _position.Best.Epoch != _position.Epoch)
            _setup.Restore(_position.Best, selection.Path);
        var result = new FitResult(
            loss, _position.Epoch, _steps, Stopwatch.GetElapsedTime(_start).TotalSeconds, ImagesPerSecond(),
            _steps > 0 ? Stopwatch.GetElapsedTime(_start, _firstStepEnd).TotalSeconds : double.NaN, completed, _validation)
        {
            DataOnDevice = _feed.Data is not null,
            DataSeconds = _feed.Waited.TotalSeconds,
            BestEpoch = _position.Best.Epoch,
            StoppedEarly = completed && _position.Epoch < options.Epochs,
        };
        foreach (var observer in options.Observers) observer.OnEnd(result);
        return result;
    }

    public void Dispose()
    {
        _ring.Dispose();
        _feed.Dispose();
    }

    // False when cancelled.
    private bool RunEpoch(CancellationToken cancellation)
    {
        _feed.StartEpoch(_position.Order, _position.Batch);
        while (_position.Batch < _feed.BatchCount)
        {
            if (cancellation.IsCancellationRequested)
            {
                _ring.Drain();
                (_position.LossSum, _position.Examples) = (_ring.Sum, _ring.Examples);
                return false;
            }

            Step();
        }

        _ring.Drain();
        return true;
    }

    private void Step()
    {
        var examples = 0;
        var batches = Math.Min(_setup.Update.BatchesPerUpdate, _feed.BatchCount - _position.Batch);
        for (var batch = 1; batch <= batches; batch++) examples += RunBatch(isUpdate: batch == batches);
        _position.Step++;
        _steps++;
        if (_steps == 1)
        {
            _ring.Drain();
            _lastReport = _firstStepEnd = Stopwatch.GetTimestamp();
        }
        else
        {
            _timedImages += examples;
        }

        if (_setup.Options.Checkpoint is { EverySteps: > 0 } checkpoint && _position.Step % checkpoint.EverySteps == 0
            && _position.Batch < _feed.BatchCount)
            Save();
        if (_setup.Options.Progress is { } progress && Stopwatch.GetElapsedTime(_lastReport) >= _setup.ProgressInterval
            && _position.Batch < _feed.BatchCount)
            progress.Report(Progress(isEpochEnd: false));
    }

    private int RunBatch(bool isUpdate)
    {
        var count = _feed.CountOf(_position.Batch);
        var program = !isUpdate ? _collect! : count == _full.Batch ? _full : _last;
        _ring.Reserve();
        if (isUpdate) SendRate();
        _feed.Next(program);
        program.Program.Run();
        _ring.Submit(
            program.Loss!, new LossRing.Batch(count, _position.Epoch + 1, _position.Step + 1, isUpdate, _rate), isUpdate ? _setup.Update.Norm : null);
        _position.Batch++;
        return count;
    }

    private void SendRate()
    {
        var rate = (float)(_setup.Optimizer.LearningRate * _setup.Schedule.Factor(Schedule()));
        // The first comparison is with NaN, which equals nothing.
        if (rate == _rate) return;
        _ring.SendRate(_setup.Update.State.LearningRate, rate);
        _rate = rate;
    }

    private void EndEpoch()
    {
        _position.Epoch++;
        _position.Order++;
        _position.Batch = 0;
        var mean = _ring.Mean;
        var pause = Stopwatch.GetTimestamp();
        if (_setup.Options.Validation is { } validation)
        {
            _validation = EvaluationRun.Run(
                _setup.Device, _setup.Programs, validation, _setup.Resident.Find(validation), _setup.Options.Batch, _setup.Feed);
        }

        if (_setup.Options.MeasuresTraining)
        {
            _training = EvaluationRun.Run(
                _setup.Device, _setup.Programs, _setup.Data, _setup.Resident.Find(_setup.Data), _setup.Options.Batch, _setup.Feed);
        }

        if (_setup.Schedule.PlateauRule is { } plateau && _validation is { } measured)
            _position.Plateau = plateau.After(_position.Plateau, measured.Loss, measured.Error);
        if (_setup.Options.Selection is { } selection && _validation is { } result) Compare(selection, selection.ValueOf(result));
        _paused += Stopwatch.GetTimestamp() - pause;
        var report = Progress(isEpochEnd: true, mean);
        foreach (var observer in _setup.Options.Observers) observer.OnEpoch(report);
        _setup.Options.Progress?.Report(report);
        (_ring.Sum, _ring.Examples) = (0, 0);
        (_position.LossSum, _position.Examples) = (0, 0);
        if (_setup.Options.Checkpoint is { } checkpoint && IsDue(checkpoint)) Save();
    }

    private bool IsStalled => _setup.Options.Selection is { Patience: > 0 } selection && _position.Best.Stalled >= selection.Patience;

    private void Compare(ModelSelection selection, double value)
    {
        var best = _position.Best;
        if (!best.IsBeatenBy(value, selection.MinDelta))
        {
            _position.Best = best with { Stalled = best.Stalled + 1 };
            return;
        }

        if (selection.Path is { } path && _setup.SaveWeights(path) is { } tensor)
            throw new TrainingDivergedException(_position.Step, tensor, _lastCheckpoint);
        _position.Best = new BestEpoch(_position.Epoch, value, Stalled: 0)
        {
            Rule = selection.Rule,
            Weights = selection is { Path: null, Restore: true } ? _setup.CopyWeights() : null,
        };
    }

    private bool IsDue(CheckpointOptions checkpoint) =>
        (checkpoint.EveryEpochs > 0 && _position.Epoch % checkpoint.EveryEpochs == 0)
        || (checkpoint.EverySteps > 0 && _position.Step % checkpoint.EverySteps == 0);

    // Before anything is written every loss so far is known to be finite, and the writer looks at the tensors.
    private void Save()
    {
        var pause = Stopwatch.GetTimestamp();
        _ring.Drain();
        (_position.LossSum, _position.Examples) = (_ring.Sum, _ring.Examples);
        var path = _setup.Options.Checkpoint!.Path;
        if (_setup.Save(path) is { } tensor) throw new TrainingDivergedException(_position.Step, tensor, _lastCheckpoint);
        _lastCheckpoint = path;
        _paused += Stopwatch.GetTimestamp() - pause;
    }

    private TrainingProgress Progress(bool isEpochEnd, double? loss = null)
    {
        _lastReport = Stopwatch.GetTimestamp();
        return new TrainingProgress(
            isEpochEnd ? _position.Epoch : _position.Epoch + 1, _setup.Options.Epochs,
            StepsOf(isEpochEnd ? _feed.BatchCount : _position.Batch), StepsOf(_feed.BatchCount), _position.Step, loss ?? _ring.Mean, _rate,
            ImagesPerSecond(), Stopwatch.GetElapsedTime(_start).TotalSeconds, isEpochEnd, isEpochEnd ? _validation : null)
        {
            DataSeconds = _feed.Waited.TotalSeconds,
            Training = isEpochEnd ? _training : null,
            BestEpoch = _position.Best.Epoch,
        };
    }

    private TrainingStart Start() => new()
    {
        Model = _setup.Model,
        Data = _setup.Data,
        Options = _setup.Options,
        Epoch = _position.Epoch,
        Step = _position.Step,
        StepsPerEpoch = StepsOf(_feed.BatchCount),
        Seed = _setup.Seed,
    };

    // Null: nobody wants to know.
    private static Action<LossRing.Batch, float, float>? Listener(RunSetup setup)
    {
        var (every, observers, norms) = (setup.Options.StepInterval, setup.Options.Observers, setup.GradientNorm);
        if ((every == 0 || observers.Count == 0) && norms is null) return null;
        var (sum, examples) = (0.0, 0L);
        return (batch, loss, norm) =>
        {
            if (batch.IsUpdate) norms?.Invoke(batch.Step, norm);
            if (every == 0) return;
            (sum, examples) = (sum + (double)loss * batch.Examples, examples + batch.Examples);
            if (!batch.IsUpdate || batch.Step % every != 0) return;
            var step = new TrainingStep(batch.Epoch, batch.Step, sum / examples, batch.LearningRate, norm);
            (sum, examples) = (0.0, 0L);
            foreach (var observer in observers) observer.OnStep(step);
        };
    }

    private double ImagesPerSecond()
    {
        if (_timedImages == 0) return double.NaN;
        var ticks = Stopwatch.GetTimestamp() - _firstStepEnd - _paused;
        return _timedImages / ((double)Math.Max(1, ticks) / Stopwatch.Frequency);
    }

    private SchedulePosition Schedule()
    {
        var stepsPerEpoch = StepsOf(_feed.BatchCount);
        return new SchedulePosition(_position.Step, stepsPerEpoch, (long)stepsPerEpoch * _setup.Options.Epochs)
        {
            PlateauFactor = _position.Plateau.Factor,
        };
    }

    private int StepsOf(int batches) => (int)(((long)batches + _setup.Update.BatchesPerUpdate - 1) / _setup.Update.BatchesPerUpdate);
}
