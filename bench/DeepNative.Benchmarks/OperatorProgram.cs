namespace DeepNative.Benchmarks;

/// <summary>A case compiled for a device, whose results stay in memory.</summary>
public sealed class OperatorProgram : IDisposable
{
    private readonly CaseTensors _tensors;
    private readonly CompiledProgram _program;

    /// <summary>Compiles a case.</summary>
    public OperatorProgram(Device device, OperatorCase operatorCase)
    {
        _tensors = new CaseTensors(device, operatorCase);
        try
        {
            OperatorTable.Build(_tensors);
            _program = _tensors.Graph.Compile(device);
        }
        catch
        {
            _tensors.Dispose();
            throw;
        }
    }

    /// <summary>The kernels in the order in which they run.</summary>
    public IReadOnlyList<ProgramReportEntry> Kernels => _program.Report().Entries;

    /// <summary>Runs it and waits for the end.</summary>
    public void Run()
    {
        _program.Run();
        _program.Device.Synchronize();
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _program.Dispose();
        _tensors.Dispose();
    }
}
