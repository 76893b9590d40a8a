using DeepNative.Interop;

namespace DeepNative.Benchmarks;

/// <summary>One operator on tensors of given shapes.</summary>
/// <param name="Name">Shown in the table.</param>
/// <param name="Operations">Floating-point operations of the plain algorithm; 0 when memory bounds the time.</param>
/// <param name="Bytes">Bytes read and written at the least.</param>
/// <param name="Build">Adds the operator to a program.</param>
public sealed record OperatorCase(string Name, long Operations, long Bytes, Action<OperatorProgram> Build)
{
    public override string ToString() => Name;
}

/// <summary>A program of one operator whose tensors are all bound and hold ordinary numbers.</summary>
public sealed unsafe class OperatorProgram : IDisposable
{
    private readonly DeviceHandle _device;
    private readonly ProgramHandle _program;
    private readonly List<TensorHandle> _tensors = [];
    private readonly Random _random = new(1);

    public OperatorProgram(string device, OperatorCase operatorCase)
    {
        ArgumentNullException.ThrowIfNull(operatorCase);
        _device = Native.DeviceOpen(device, null);
        _program = Native.ProgramCreate(_device, operatorCase.Name);
        operatorCase.Build(this);
        Native.ProgramCompile(_program, null);
    }

    /// <summary>The devices of this machine that can be opened.</summary>
    public static IEnumerable<string> Devices =>
        Enumerable.Range(0, Native.DeviceCount()).Select(Native.DeviceDescribe)
                  .Where(info => info.Available == 1).Select(info => info.Name.ToString());

    /// <summary>Runs the operator and waits for it.</summary>
    public void Run()
    {
        Native.ProgramRun(_program);
        Native.DeviceSynchronize(_device);
    }

    public void Dispose()
    {
        _program.Dispose();
        _tensors.ForEach(t => t.Dispose());
        _device.Dispose();
    }

    /// <summary>Adds a float32 tensor, uniform in [-1, 1).</summary>
    internal int Tensor(params ReadOnlySpan<long> dims)
    {
        var count = 1L;
        foreach (var extent in dims)
            count *= extent;
        var values = new float[count];
        foreach (ref var value in values.AsSpan())
            value = _random.NextSingle() * 2 - 1;
        return Add(Interop.DType.Float32, dims, System.Runtime.InteropServices.MemoryMarshal.AsBytes(values.AsSpan()));
    }

    /// <summary>Adds a uint8 tensor of zeros, for the taps of a pooling.</summary>
    internal int Taps(params ReadOnlySpan<long> dims) => Add(Interop.DType.UInt8, dims, []);

    internal void Operator<TAttributes>(OperatorKind kind, in TAttributes attributes, ReadOnlySpan<int> inputs, ReadOnlySpan<int> outputs)
        where TAttributes : unmanaged => Native.ProgramOperator(_program, kind, null, in attributes, inputs, outputs);

    private int Add(Interop.DType dType, ReadOnlySpan<long> dims, ReadOnlySpan<byte> data)
    {
        var tensor = Native.TensorCreate(_device, dType, dims);
        _tensors.Add(tensor);
        if (data.Length > 0)
            Native.TensorWrite(tensor, data);
        return Native.ProgramBind(_program, tensor, $"tensor{_tensors.Count}");
    }
}
