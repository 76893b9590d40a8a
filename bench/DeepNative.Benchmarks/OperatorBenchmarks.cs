using BenchmarkDotNet.Attributes;

namespace DeepNative.Benchmarks;

/// <summary>Every case of operators.json on every device of the machine.</summary>
public class OperatorBenchmarks
{
    private Device _device = null!;
    private OperatorProgram _program = null!;

    [ParamsSource(nameof(Devices))]
    public string DeviceName { get; set; } = "";

    [ParamsSource(nameof(Cases))]
    public OperatorCase Case { get; set; } = null!;

    public static IEnumerable<string> Devices => Device.List().Where(device => device.IsAvailable && !device.IsSimulated).Select(device => device.Name);

    public static IEnumerable<OperatorCase> Cases => OperatorCase.All.Where(c => OperatorTable.Has(c.Operator));

    [GlobalSetup]
    public void SetUp()
    {
        _device = Device.Open(DeviceName);
        _program = new OperatorProgram(_device, Case);
    }

    [GlobalCleanup]
    public void CleanUp()
    {
        _program.Dispose();
        _device.Dispose();
    }

    [Benchmark]
    public void Run() => _program.Run();
}
