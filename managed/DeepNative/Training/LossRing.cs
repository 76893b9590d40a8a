namespace DeepNative.Training;

/// <summary>
/// Losses on their way back from the device: each is copied into a pinned slot without waiting and
/// looked at when its slot is needed again, some steps later. Slots also hold the learning rate on its
/// way to the device.
/// </summary>
internal sealed class LossRing : IDisposable
{
    private const int SlotCount = 8;

    private readonly float[] _losses = GC.AllocateArray<float>(SlotCount, pinned: true);
    private readonly float[] _rates = GC.AllocateArray<float>(SlotCount, pinned: true);
    private readonly DeviceEvent[] _events = new DeviceEvent[SlotCount];
    private readonly int[] _counts = new int[SlotCount];
    private readonly Func<string?> _lastCheckpoint;
    private long _submitted;
    private long _checked;

    public LossRing(Device device, long firstStep, Func<string?> lastCheckpoint)
    {
        _lastCheckpoint = lastCheckpoint;
        _submitted = _checked = firstStep;
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

    /// <summary>Fetches the loss of the step just given to the device.</summary>
    public void Submit(Tensor loss, int examples)
    {
        var slot = (int)(_submitted % SlotCount);
        loss.ReadAsync(PinnedAddress.Of<float>(_losses.AsSpan(slot)));
        _events[slot].Record();
        _counts[slot] = examples;
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
        if (!float.IsFinite(loss)) throw new TrainingDivergedException(_checked, loss, _lastCheckpoint());
        Sum += (double)loss * _counts[slot];
        Examples += _counts[slot];
    }
}
