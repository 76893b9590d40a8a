using BenchmarkDotNet.Configs;
using BenchmarkDotNet.Running;
using DeepNative.Benchmarks;

// dotnet run -c Release --project bench/DeepNative.Benchmarks -- --filter '*'
// BenchmarkDotNet's own options apply; --job short gives figures in seconds a case, for a first look.
var config = ManualConfig.Create(DefaultConfig.Instance).AddColumn(new RateColumn());
BenchmarkSwitcher.FromAssembly(typeof(RateColumn).Assembly).Run(args, config);
