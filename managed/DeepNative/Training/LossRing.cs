namespace DeepNative.Training;

/// <summary>
/// Losses on their way back from the device: each is copied into a pinned slot without waiting and
/// looked at when its slot is needed again, some steps later. Slots also hold the learning rate on its
/// way to the device, and gradient norms on their way back.
/// </summary>
internal sealed class LossRing : IDisposable
{
    private const int SlotCount = 8;

    private readonly float[] _losses = GC.AllocateArray<float>(SlotCount, pinned: true);
    private readonly float[] _rates = GC.AllocateArray<float>(SlotCount, pinned: true);
    private readonly DeviceEvent[] _events = new DeviceEvent[SlotCount];
    private readonly float[] _norms = GC.AllocateArray<float>(SlotCount, pinned: true);
    private readonly Batch[] _batches = new Batch[SlotCount];
    private readonly Func<string?> _lastCheckpoint;
    private readonly Action<Batch, float, float>? _checkedBatch;
    private long _submitted;
    private long _checked;

    /// <summary>Begins with nothing under way.</summary>
    /// <param name="device">Where the losses come from.</param>
    /// <param name="lastCheckpoint">The file to go on from when a loss is not finite.</param>
    /// <param name="checkedBatch">Told every batch in order, with its mean loss and the norm of the step's gradients.</param>
    public LossRing(Device device, Func<string?> lastCheckpoint, Action<Batch, float, float>? checkedBatch)
    {
        _lastCheckpoint = lastCheckpoint;
        _checkedBatch = checkedBatch;
        for (var i = 0; i < SlotCount; i++) _events[i] = new DeviceEvent(device);
    }

    /// <summary>Sum over checked examples of their loss; a batch's mean counts for all its examples.</summary>
    public double Sum { get; set; }

    /// <summary>Examples checked.</summary>
    public long Examples { get; set; }

    /// <summary>Mean loss of the examples checked; NaN before the first.</summary>
    public double Mean => Examples == 0 ? double.NaN : Sum / Examples;

    /// <summary>Waits until a slot is free, which checks the loss it held.</summary>
    public void Reserve()
    {
        if (_submitted - _checked == SlotCount) Check();
    }

    /// <summary>Sends a learning rate ahead of the coming step; call after <see cref="Reserve"/>.</summary>
    public void SendRate(Tensor target, float rate)
    {
        var slot = (int)(_submitted % SlotCount);
        _rates[slot] = rate;
        target.WriteAsync(PinnedAddress.Of<float>(_rates.AsSpan(slot)));
    }

    /// <summary>Fetches the loss of the batch just given to the device.</summary>
    /// <param name="loss">Its mean loss.</param>
    /// <param name="batch">What it is.</param>
    /// <param name="norm">The norm of the step's gradients, where they are complete and it is wanted.</param>
    public void Submit(Tensor loss, Batch batch, Tensor? norm)
    {
        var slot = (int)(_submitted % SlotCount);
        loss.ReadAsync(PinnedAddress.Of<float>(_losses.AsSpan(slot)));
        norm?.ReadAsync(PinnedAddress.Of<float>(_norms.AsSpan(slot)));
        _events[slot].Record();
        _batches[slot] = batch;
        if (norm is null) _norms[slot] = float.NaN;
        _submitted++;
    }

    /// <summary>Waits for all losses and checks them.</summary>
    public void Drain()
    {
        while (_checked < _submitted) Check();
    }

    public void Dispose()
    {
        // The slots must outlive the copies into them.
        foreach (var copied in _events) copied.EndQuietly();
    }

    private void Check()
    {
        var slot = (int)(_checked % SlotCount);
        _events[slot].Wait();
        var loss = _losses[slot];
        _checked++;
        var batch = _batches[slot];
        if (!float.IsFinite(loss)) throw new TrainingDivergedException(batch.Step, loss, _lastCheckpoint());
        Sum += (double)loss * batch.Examples;
        Examples += batch.Examples;
        _checkedBatch?.Invoke(batch, loss, _norms[slot]);
    }

    /// <summary>A batch under way.</summary>
    /// <param name="Examples">Its size.</param>
    /// <param name="Epoch">Its epoch, from 1.</param>
    /// <param name="Step">The step that it belongs to, from 1.</param>
    /// <param name="IsUpdate">Whether it ends the step.</param>
    /// <param name="LearningRate">The step's rate.</param>
    public readonly record struct Batch(int Examples, int Epoch, long Step, bool IsUpdate, float LearningRate);
}
