namespace DeepNative.Training;

/// <summary>How examples come to the device.</summary>
/// <param name="Prefetch">See <see cref="TrainerOptions.Prefetch"/>.</param>
/// <param name="Workers">See <see cref="TrainerOptions.Workers"/>.</param>
internal readonly record struct FeedOptions(bool Prefetch, int Workers)
{
    /// <summary>Threads that make examples for a device.</summary>
    public int WorkersFor(Device device)
    {
        if (Workers > 0) return Workers;
        // The CPU device computes with every core itself; more threads than half of them would only take turns with it.
        var shares = device.Info.UsesHostMemory && !device.Info.IsAsynchronous;
        return Math.Max(1, shares ? Environment.ProcessorCount / 2 : Environment.ProcessorCount);
    }
}
