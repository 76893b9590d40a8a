namespace DeepNative;

/// <summary>What a device's memory is used for at one moment.</summary>
/// <param name="UsedBytes">Live tensors and program arenas.</param>
/// <param name="PeakBytes">The highest UsedBytes since the device was opened.</param>
/// <param name="AvailableBytes">What could be allocated now, as far as is known.</param>
/// <param name="AllocationCount">Allocations made since the device was opened.</param>
/// <param name="LiveCount">Allocations not yet freed.</param>
public readonly record struct MemoryInfo(
    long UsedBytes, long PeakBytes, long AvailableBytes, long AllocationCount, long LiveCount);
