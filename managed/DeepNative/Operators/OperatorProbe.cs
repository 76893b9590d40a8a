using DeepNative.Interop;

namespace DeepNative.Operators;

/// <summary>
/// A program of one small operator whose data has a given type, made only to see whether a device compiles it.
/// It is never run.
/// </summary>
internal sealed class OperatorProbe : IDisposable
{
    private readonly DeviceHandle _device;
    private readonly ProgramHandle _program;
    private readonly DType _type;
    private readonly List<TensorHandle> _tensors = [];

    private OperatorProbe(Device device, DType type)
    {
        _device = device.Handle;
        _program = Native.ProgramCreate(_device, "probe");
        _type = type;
    }

    /// <summary>Whether the device compiles an operator for data of a type.</summary>
    /// <exception cref="DeepNativeException">It failed for another reason than that engine or device refuse it.</exception>
    public static bool Compiles(Device device, DType type, Action<OperatorProbe> use)
    {
        using var probe = new OperatorProbe(device, type);
        try
        {
            use(probe);
            Native.ProgramCompile(probe._program, null);
            return true;
        }
        catch (DeepNativeException exception) when (exception.Status is Status.InvalidArgument or Status.ShapeMismatch or Status.Unsupported)
        {
            return false;
        }
    }

    /// <summary>A tensor of the type that is asked about.</summary>
    public int Data(params ReadOnlySpan<long> extents) => Tensor(_type, extents);

    /// <summary>A float32 tensor.</summary>
    public int Float(params ReadOnlySpan<long> extents) => Tensor(DType.Float32, extents);

    /// <summary>A tensor of a type.</summary>
    public int Tensor(DType type, params ReadOnlySpan<long> extents)
    {
        var tensor = Native.TensorCreate(_device, (Interop.DType)type, extents);
        _tensors.Add(tensor);
        return Native.ProgramBind(_program, tensor, null);
    }

    /// <summary>The operator.</summary>
    public void Add<TAttributes>(OperatorKind kind, in TAttributes attributes, ReadOnlySpan<int> inputs, ReadOnlySpan<int> outputs)
        where TAttributes : unmanaged => Native.ProgramOperator(_program, kind, null, in attributes, inputs, outputs);

    /// <summary>An operator that has no attributes.</summary>
    public void Add(OperatorKind kind, ReadOnlySpan<int> inputs, ReadOnlySpan<int> outputs) =>
        Native.ProgramOperator(_program, kind, null, inputs, outputs);

    public void Dispose()
    {
        _program.Dispose();
        foreach (var tensor in _tensors) tensor.Dispose();
    }
}
