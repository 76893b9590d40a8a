using System.Globalization;
using BenchmarkDotNet.Columns;
using BenchmarkDotNet.Configs;
using BenchmarkDotNet.Reports;
using BenchmarkDotNet.Running;
using DeepNative;
using DeepNative.Benchmarks;
using DeepNative.Interop;

// From the root: dotnet run -c Release --project bench/DeepNative.Benchmarks -- --filter '*'
// BenchmarkDotNet's own options apply; --job short gives figures in seconds a case, for a first look.
// serve DEVICE THREADS: our side of bench/compare operators.
try
{
    Native.AbiVersion();
}
catch (NativeLibraryException e)
{
    Console.Error.WriteLine(e.Message);
    return 1;
}
if (args is ["serve", var device, var threads])
{
    OperatorServer.Run(device, int.Parse(threads, CultureInfo.InvariantCulture), Console.In, Console.Out);
    return 0;
}

// The minimum is what the call costs; on a busy machine the mean also holds what others took.
var config = ManualConfig.Create(DefaultConfig.Instance)
    .AddColumn(StatisticColumn.Min, StatisticColumn.Median, new RateColumn())
    .WithSummaryStyle(SummaryStyle.Default.WithMaxParameterColumnWidth(60));
BenchmarkSwitcher.FromAssembly(typeof(RateColumn).Assembly).Run(args, config);
return 0;
