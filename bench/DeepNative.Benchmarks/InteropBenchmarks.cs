using System.Runtime.CompilerServices;
using BenchmarkDotNet.Attributes;
using DeepNative.Interop;

namespace DeepNative.Benchmarks;

/// <summary>What it costs to cross into the engine and back, beside a plain managed call for scale.</summary>
public class InteropBenchmarks
{
    private DeviceHandle _device = null!;
    private EventHandle _event = null!;
    private TensorHandle _tensor = null!;
    private int _version;

    [GlobalSetup]
    public void SetUp()
    {
        _device = Native.DeviceOpen("cpu", null);
        _event = Native.EventCreate(_device);
        _tensor = Native.TensorCreate(_device, Interop.DType.Float32, [100, 32, 24, 24]);
        _version = Native.AbiVersion();
    }

    [GlobalCleanup]
    public void CleanUp()
    {
        _tensor.Dispose();
        _event.Dispose();
        _device.Dispose();
    }

    [Benchmark(Description = "managed call, not inlined")]
    [MethodImpl(MethodImplOptions.NoInlining)]
    public int Managed() => _version;

    [Benchmark(Description = "dn_abi_version")]
    public int AbiVersion() => Native.AbiVersion();

    [Benchmark(Description = "dn_event_query")]
    public int EventQuery() => Native.EventQuery(_event);

    [Benchmark(Description = "dn_event_record")]
    public void EventRecord() => Native.EventRecord(_event);

    [Benchmark(Description = "dn_tensor_get_info")]
    public long TensorInfo() => Native.TensorGetInfo(_tensor).Bytes;
}
