using DeepNative.Optimizers;

namespace DeepNative.Training;

/// <summary>
/// What a step does with its gradients: it collects them until there are enough, clips them, lets the optimiser
/// change the parameters, and follows these with their average.
/// </summary>
internal sealed class StepUpdate : IDisposable
{
    private readonly Optimizer _optimizer;
    private readonly GradientClipping? _clipping;
    private readonly GradientAccumulator? _accumulator;
    private readonly IReadOnlyList<Regularizer> _regularizers;
    private readonly LossScaler? _scaler;

    /// <summary>Takes the state over.</summary>
    public StepUpdate(Device device, Optimizer optimizer, OptimizerState state, TrainerOptions options)
    {
        _optimizer = optimizer;
        _clipping = options.Clipping;
        _regularizers = options.Regularizers;
        State = state;
        BatchesPerUpdate = options.AccumulationSteps;
        var scaling = options.LossScaling ?? (options.CompileOptions?.Precision == Precision.Float16 ? new LossScaling() : null);
        if (scaling is not null) _scaler = new LossScaler(scaling, state);
        if (BatchesPerUpdate > 1) _accumulator = new GradientAccumulator(device, state.Parameters);
        if (options.GradientNorm is not null) Norm = new Tensor(device, DType.Float32, Shape.Scalar);
        if (options.Averaging is { } averaging) Average = new AveragedWeights(device, averaging, state.Parameters);
    }

    public OptimizerState State { get; }

    /// <summary>At least 1.</summary>
    public int BatchesPerUpdate { get; }

    /// <summary>float32 (): of the last update's gradients before clipping, where somebody wants to know.</summary>
    public Tensor? Norm { get; }

    public AveragedWeights? Average { get; }

    /// <summary>Forgets gradients that no update has used.</summary>
    public void Begin() => _accumulator?.Clear();

    /// <summary>Adds it to a step's graph.</summary>
    /// <param name="graph">The graph with the loss.</param>
    /// <param name="loss">The mean over the batch.</param>
    /// <param name="examples">The batch's size.</param>
    /// <param name="collect">Whether the gradients wait for those of further batches.</param>
    public void Add(Graph graph, Value loss, int examples, bool collect)
    {
        foreach (var regularizer in _regularizers) loss += regularizer.Penalty(graph, State.Parameters);
        var parameters = Optimizer.Parameters(graph, State);
        var gradients = _scaler is null ? graph.Gradients(loss, parameters) : _scaler.Gradients(graph, loss, parameters);
        if (collect)
        {
            _accumulator!.Collect(graph, gradients, examples);
            return;
        }

        if (_accumulator is not null) gradients = _accumulator.Mean(graph, gradients, examples);
        if (Norm is not null) graph.Store(GradientClipping.Norm(gradients), Norm);
        // Clipping could hide that a gradient overflowed.
        if (_scaler is null) Update();
        else _scaler.Update(graph, gradients, Average?.Tensors ?? [], Update);
        _accumulator?.Clear(graph);

        void Update()
        {
            _optimizer.Update(graph, State, _clipping?.Apply(gradients) ?? gradients);
            Average?.Update(graph);
        }
    }

    public void Dispose()
    {
        State.Dispose();
        _accumulator?.Dispose();
        Norm?.Dispose();
        Average?.Dispose();
    }
}
