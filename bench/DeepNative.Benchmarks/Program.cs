using BenchmarkDotNet.Columns;
using BenchmarkDotNet.Configs;
using BenchmarkDotNet.Reports;
using BenchmarkDotNet.Running;
using DeepNative;
using DeepNative.Benchmarks;
using DeepNative.Interop;

// From the root: dotnet run -c Release --project bench/DeepNative.Benchmarks -- --filter '*'
// BenchmarkDotNet's own options apply; --job short gives figures in seconds a case, for a first look.
try
{
    Native.AbiVersion();
}
catch (NativeLibraryException e)
{
    Console.Error.WriteLine(e.Message);
    return 1;
}
// The minimum is what the call costs; on a busy machine the mean also holds what others took.
var config = ManualConfig.Create(DefaultConfig.Instance)
    .AddColumn(StatisticColumn.Min, StatisticColumn.Median, new RateColumn())
    .WithSummaryStyle(SummaryStyle.Default.WithMaxParameterColumnWidth(40));
BenchmarkSwitcher.FromAssembly(typeof(RateColumn).Assembly).Run(args, config);
return 0;
