using DeepNative.Layers;
using DeepNative.Losses;
using DeepNative.Operators;

namespace DeepNative.Training;

/// <summary>
/// The programs of one model for one kind of input: training, evaluation and prediction, one per batch
/// size, compiled at first use. All share the model's parameter tensors.
/// </summary>
internal sealed class ModelPrograms : IDisposable
{
    // Batch sizes of evaluation and prediction are the caller's choice; older ones are dropped beyond this.
    private const int MostPerMode = 8;

    private readonly Device _device;
    private readonly Layer _model;
    private readonly Loss _loss;
    private readonly InputNormalizer _normalizer;
    private readonly CompileOptions? _options;
    private readonly IReadOnlyList<Metric> _metrics;
    private readonly InputAugmenter? _augmenter;
    private readonly Dictionary<Key, StepProgram> _programs = [];
    private long _clock;

    public ModelPrograms(
        Device device, Layer model, Loss loss, InputSpec input, CompileOptions? options, IReadOnlyList<Metric>? metrics = null,
        InputAugmenter? augmenter = null)
    {
        _device = device;
        _model = model;
        _loss = loss;
        _options = options;
        _metrics = metrics ?? [];
        _augmenter = augmenter;
        Input = input;
        _normalizer = new InputNormalizer(input.Normalization, input.Type);
        OutputShape = Trace();
    }

    private enum Mode
    {
        Training,
        Collection,
        Evaluation,
        Prediction,
    }

    public InputSpec Input { get; }

    /// <summary>The metrics that evaluation reports beside the loss's own.</summary>
    public int MetricCount => _metrics.Count;

    /// <summary>Stands for the weights in evaluation and prediction; null: the weights themselves.</summary>
    public AveragedWeights? Average { get; set; }

    /// <summary>The model's output for a batch of one.</summary>
    public Shape OutputShape { get; }

    /// <summary>One batch of training: forward, loss, gradients, and the update or what collects for it.</summary>
    public StepProgram Training(int batch, StepUpdate update, BatchFeed feed, bool collect = false)
    {
        var mode = collect ? Mode.Collection : Mode.Training;
        var key = KeyOf(mode, batch, feed);
        if (Find(key) is { } known) return known;
        using var parts = new Parts(this, key, feed.SharesMemory);
        var (graph, output, target) = parts.Trace();
        var loss = MixedLoss(parts, output, target);
        graph.Store(loss, parts.AddLoss());
        update.Add(graph, loss, batch, collect);
        return parts.Compile();
    }

    /// <summary>All that evaluation wants to know of a batch.</summary>
    public StepProgram Evaluation(int batch, BatchFeed feed)
    {
        var key = KeyOf(Mode.Evaluation, batch, feed);
        if (Find(key) is { } known) return known;
        using var parts = new Parts(this, key, feed.SharesMemory);
        var (graph, output, target) = parts.Trace();
        var report = new EvaluationReport(_loss, _metrics, _loss.Total(output, target, parts.Weight), output, target);
        graph.Store(report.Row, parts.Add(report));
        return parts.Compile();
    }

    /// <summary>The loss's prediction for a batch.</summary>
    public StepProgram Prediction(int batch)
    {
        var key = KeyOf(Mode.Prediction, batch, feed: null);
        if (Find(key) is { } known) return known;
        using var parts = new Parts(this, key, shareMemory: false);
        var (graph, output, _) = parts.Trace();
        var prediction = _loss.Predict(output);
        graph.Store(prediction, parts.AddOutput(prediction.Shape));
        return parts.Compile();
    }

    /// <summary>Drops the programs that read a data set on the device, which then can be freed.</summary>
    public void Forget(DeviceDataset data)
    {
        foreach (var key in _programs.Keys.Where(key => key.Data == data).ToArray())
        {
            if (_programs.Remove(key, out var dropped)) dropped.Dispose();
        }
    }

    public void Dispose()
    {
        foreach (var program in _programs.Values) program.Dispose();
        _programs.Clear();
        _normalizer.ReleaseTensors();
    }

    private Shape Trace()
    {
        var graph = new Graph(training: false, "shapes");
        var output = _model.Forward(_normalizer.Forward(graph.Declare(Input.Type, new Shape(1).Concat(Input.Shape), "input")));
        return output.Shape;
    }

    private Value MixedLoss(Parts parts, Value output, Value target)
    {
        var loss = _loss.Total(output, target, parts.Weight);
        if (parts.Mixture is not { } mixture) return loss;
        return mixture.Mix(loss, _loss.Total(output, Mixture.Roll(target), parts.Weight is { } weight ? Mixture.Roll(weight) : null));
    }

    private Key KeyOf(Mode mode, int batch, BatchFeed? feed) =>
        new(mode, batch, feed?.Data, feed?.Target ?? default, feed?.WeightShape, mode is Mode.Evaluation or Mode.Prediction ? Average : null);

    private StepProgram? Find(Key key)
    {
        if (!_programs.TryGetValue(key, out var program)) return null;
        program.LastUse = ++_clock;
        return program;
    }

    private void Keep(Key key, StepProgram program)
    {
        program.LastUse = ++_clock;
        _programs.Add(key, program);
        if (key.IsTraining) return;
        var count = 0;
        Key oldest = default;
        var least = long.MaxValue;
        foreach (var (other, candidate) in _programs)
        {
            if (other.Mode != key.Mode) continue;
            count++;
            if (candidate.LastUse >= least) continue;
            least = candidate.LastUse;
            oldest = other;
        }

        if (count > MostPerMode && _programs.Remove(oldest, out var dropped)) dropped.Dispose();
    }

    /// <summary>What a program is for; with a data set: one that reads it on the device.</summary>
    private readonly record struct Key(Mode Mode, int Batch, DeviceDataset? Data, TargetSpec Target, Shape? WeightShape, AveragedWeights? Average)
    {
        public bool IsTraining => Mode is Mode.Training or Mode.Collection;
    }

    /// <summary>The tensors of a program under construction; freed unless it is completed.</summary>
    private sealed class Parts(ModelPrograms owner, Key key, bool shareMemory) : IDisposable
    {
        private readonly Graph _graph = new(key.IsTraining, $"{key.Mode} of {key.Batch}");
        private InputBuffer? _input;
        private InputBuffer? _target;
        private InputBuffer? _weight;
        private Tensor? _loss;
        private EvaluationReport? _report;
        private Tensor? _row;
        private Tensor? _output;
        private bool _complete;

        /// <summary>Of the traced targets; null: they have none.</summary>
        public Value? Weight { get; private set; }

        /// <summary>Of the traced inputs; null: they are not mixed.</summary>
        public Mixture? Mixture { get; private set; }

        public (Graph Graph, Value Output, Value Target) Trace()
        {
            owner._normalizer.Materialize(owner._device, seed: 0);
            key.Average?.Represent(_graph);
            if (key.Data is { } data) return TraceResident(data, key.IsTraining ? data.Training : data.Evaluation);
            _input = new InputBuffer(owner._device, owner.Input.Type, new Shape(key.Batch).Concat(owner.Input.Shape), shareMemory);
            var input = _graph.Bind(_input.Tensor, "input");
            if (key.Mode == Mode.Prediction)
            {
                input = owner._normalizer.Forward(input);
                return (_graph, owner._model.Forward(input), input);
            }

            _target = new InputBuffer(owner._device, key.Target.Type, new Shape(key.Batch).Concat(key.Target.Shape), shareMemory);
            if (key.WeightShape is { } weight)
            {
                _weight = new InputBuffer(owner._device, DType.Float32, new Shape(key.Batch).Concat(weight), shareMemory);
                Weight = _graph.Bind(_weight.Tensor, "weight");
            }

            return Forward(input, _graph.Bind(_target.Tensor, "target"));
        }

        public Tensor AddLoss() => _loss = new Tensor(owner._device, DType.Float32, Shape.Scalar);

        public Tensor Add(EvaluationReport report)
        {
            _report = report;
            return _row = new Tensor(owner._device, DType.Float32, report.Row.Shape);
        }

        public Tensor AddOutput(Shape shape) => _output = new Tensor(owner._device, DType.Float32, shape);

        public StepProgram Compile()
        {
            var program = new StepProgram
            {
                Batch = key.Batch,
                Program = _graph.Compile(owner._device, owner._options),
                Input = _input,
                Target = _target,
                Weight = _weight,
                Loss = _loss,
                Report = _report,
                Row = _row,
                Output = _output,
            };
            _complete = true;
            owner.Keep(key, program);
            return program;
        }

        public void Dispose()
        {
            if (_complete) return;
            _input?.Dispose();
            _target?.Dispose();
            _weight?.Dispose();
            _loss?.Dispose();
            _row?.Dispose();
            _output?.Dispose();
        }

        // The next examples of the cursor, and the cursor behind them: a step needs nothing from the host.
        private (Graph Graph, Value Output, Value Target) TraceResident(DeviceDataset data, DeviceCursor cursor)
        {
            var (order, position) = (_graph.Bind(cursor.Order, "order"), _graph.Bind(cursor.Position, "position"));
            Value input, target;
            using (_graph.Scope("data"))
            {
                if (data.Weights is { } weights)
                    Weight = Gather.Next(_graph.Bind(weights, "weights"), order, position, key.Batch, advance: false);
                input = Gather.Next(_graph.Bind(data.Inputs, "inputs"), order, position, key.Batch, advance: false);
                target = Gather.Next(_graph.Bind(data.Targets, "targets"), order, position, key.Batch, advance: true);
            }

            return Forward(input, target);
        }

        private (Graph Graph, Value Output, Value Target) Forward(Value raw, Value target)
        {
            var augmenter = key.IsTraining ? owner._augmenter : null;
            Value input;
            if (augmenter is { Decodes: true })
            {
                using var scope = _graph.Scope("data");
                (input, target, Weight) = augmenter.Decode(raw, target, Weight, owner.Input.Normalization, owner._loss.IgnoreIndex ?? 0);
            }
            else
            {
                input = owner._normalizer.Forward(raw);
            }

            if (target.DType == DType.UInt8) target = Pointwise.Cast(target, DType.Int32);
            using (_graph.Scope("data")) Mixture = augmenter?.Mix(input);
            return (_graph, owner._model.Forward(Mixture?.Input ?? input), target);
        }
    }
}
