using System.Globalization;
using BenchmarkDotNet.Columns;
using BenchmarkDotNet.Reports;
using BenchmarkDotNet.Running;

namespace DeepNative.Benchmarks;

/// <summary>Floating-point operations per second for cases that state them, else bytes read and written per second.</summary>
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
        if (Case(benchmarkCase) is not { } work || summary[benchmarkCase]?.ResultStatistics is not { } statistics)
            return "-";
        // Work per nanosecond is 10^9 of it per second.
        return work.Operations > 0
            ? string.Create(CultureInfo.InvariantCulture, $"{work.Operations / statistics.Median:F1} GFLOP/s")
            : string.Create(CultureInfo.InvariantCulture, $"{work.Bytes / statistics.Median:F2} GB/s");
    }

    private static OperatorCase? Case(BenchmarkCase benchmark) =>
        benchmark.Parameters.Items.Select(p => p.Value).OfType<OperatorCase>().FirstOrDefault();
}
