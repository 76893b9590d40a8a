using System.Globalization;
using BenchmarkDotNet.Columns;
using BenchmarkDotNet.Reports;
using BenchmarkDotNet.Running;

namespace DeepNative.Benchmarks;

/// <summary>Floating-point operations per second for cases whose kernels have some, else bytes read and written per second.</summary>
internal sealed class RateColumn : IColumn
{
    public string Id => nameof(RateColumn);

    public string ColumnName => "Rate";

    public bool AlwaysShow => false;

    public ColumnCategory Category => ColumnCategory.Custom;

    public int PriorityInCategory => 0;

    public bool IsNumeric => false;

    public UnitType UnitType => UnitType.Dimensionless;

    public string Legend => "Work of the plain algorithm over the median time";

    public bool IsAvailable(Summary summary) => summary.BenchmarksCases.Any(c => Case(c) is not null);

    public bool IsDefault(Summary summary, BenchmarkCase benchmarkCase) => false;

    public string GetValue(Summary summary, BenchmarkCase benchmarkCase) =>
        GetValue(summary, benchmarkCase, SummaryStyle.Default);

    public string GetValue(Summary summary, BenchmarkCase benchmarkCase, SummaryStyle style)
    {
        if (Case(benchmarkCase) is not { } operatorCase || summary[benchmarkCase]?.ResultStatistics is not { } statistics)
            return "-";
        var (operations, bytes) = Work(operatorCase);
        // Work per nanosecond is 10^9 of it per second.
        return operations > 0
            ? string.Create(CultureInfo.InvariantCulture, $"{operations / statistics.Median:F1} GFLOP/s")
            : string.Create(CultureInfo.InvariantCulture, $"{bytes / statistics.Median:F2} GB/s");
    }

    // Those of the kernels that the CPU would take; they are of the plain algorithm, whatever the device.
    private static (long Operations, long Bytes) Work(OperatorCase operatorCase)
    {
        using var device = Device.Open("cpu");
        using var program = new OperatorProgram(device, operatorCase);
        return (program.Kernels.Sum(kernel => kernel.Operations), program.Kernels.Sum(kernel => kernel.Bytes));
    }

    private static OperatorCase? Case(BenchmarkCase benchmark) =>
        benchmark.Parameters.Items.Select(p => p.Value).OfType<OperatorCase>().FirstOrDefault();
}
