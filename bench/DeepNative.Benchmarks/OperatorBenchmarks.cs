using BenchmarkDotNet.Attributes;

namespace DeepNative.Benchmarks;

/// <summary>Runs each case of a family on each device of the machine.</summary>
public abstract class OperatorBenchmarks
{
    private OperatorProgram _program = null!;

    [ParamsSource(nameof(Devices))]
    public string Device { get; set; } = "";

    // A static property of each family; BenchmarkDotNet looks it up there, and would find a virtual one twice.
    [ParamsSource("Cases")]
    public OperatorCase Case { get; set; } = null!;

    public static IEnumerable<string> Devices => OperatorProgram.Devices;

    [GlobalSetup]
    public void SetUp() => _program = new OperatorProgram(Device, Case);

    [GlobalCleanup]
    public void CleanUp() => _program.Dispose();

    [Benchmark]
    public void Run() => _program.Run();
}
