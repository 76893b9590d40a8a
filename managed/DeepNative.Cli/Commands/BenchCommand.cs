using System.CommandLine;
using System.Diagnostics;
using System.Globalization;
using DeepNative.Cli.Output;
using Spectre.Console;

namespace DeepNative.Cli.Commands;

/// <summary>Measures steps of a model in steady state.</summary>
internal sealed class BenchCommand : Command
{
    private const string Train = "train";
    private const string Infer = "infer";
    private const double DefaultSeconds = 3;
    // Of nets that have no recipe.
    private const int DefaultBatch = 32;
    private const int DefaultWarmup = 10;
    private const int FewestSteps = 10;
    private const int MostSteps = 1_000_000;
    private const int ProfiledSteps = 20;

    private const string Canziani = "canziani";
    private const int DefaultRepeats = 5;

    private readonly Argument<string?> _model = ModelArgument.CreateMeasurable();
    private readonly Option<string?> _table = new Option<string?>("--table")
    {
        Description = "Instead of a model: operations, parameters, forward time per image and memory of Canziani's nets (2016)",
        HelpName = Canziani,
    }.AcceptOnlyFromAmong(Canziani);

    private readonly Option<string[]?> _models = List("--models", "Of the table: other models than its own");
    private readonly Option<string[]?> _batches = List("--batches", "Of the table: batch sizes. Default: 1,2,4,8,16,32,64");
    private readonly Option<int?> _repeats = CommonOptions.Number<int>("--repeats", "Of the table: passes of which the median is taken. Default: 5");
    private readonly Option<string?> _csv = new("--csv") { Description = "Write the table as comma-separated values", HelpName = "FILE" };
    private readonly Option<string?> _svg = new("--svg") { Description = "Draw the table: time over batch size, accuracy over operations", HelpName = "FILE" };
    private readonly Option<string> _mode = new Option<string>("--mode")
    {
        Description = "train: forward, loss, gradients and update; infer: forward alone",
        DefaultValueFactory = _ => Train,
    }.AcceptOnlyFromAmong(Train, Infer);

    private readonly Option<int?> _batch = CommonOptions.Number<int>("--batch", "Samples in a step. Default: the model's usual one");
    private readonly Option<int?> _steps = CommonOptions.Number<int>("--steps", "Steps to measure. Default: 3 seconds of them");
    private readonly Option<int?> _warmup = CommonOptions.Number<int>("--warmup", "Steps before measuring. Default: 10", zero: true);
    private readonly Option<bool> _explain = new("--explain")
    {
        Description = "Profile further steps and show each operator's kernel, time, bytes and speed",
    };

    private readonly Option<int?> _race = CommonOptions.Number<int>(
        "--race", "Milliseconds to measure kernels against each other; what wins is remembered. Default: no race", zero: true);

    private readonly Option<bool> _tf32 = new("--tf32")
    {
        Description = "Let products and convolutions of float32 cut their operands to TF32 on a GPU",
    };

    private readonly Option<ulong?> _seed = CommonOptions.Seed();
    private readonly Option<string?> _device = CommonOptions.Device();
    private readonly Option<int?> _threads = CommonOptions.Threads();
    private readonly Option<string?> _precision = CommonOptions.Precision();
    private readonly Option<string?> _json = CommonOptions.Json();

    /// <summary>Creates the command.</summary>
    /// <param name="output">Standard output.</param>
    /// <param name="error">Standard error.</param>
    public BenchCommand(TextWriter output, TextWriter error)
        : base("bench", "Measures a model's speed on one random batch, in steady state")
    {
        Arguments.Add(_model);
        foreach (var option in (Option[])[_table, _models, _batches, _repeats, _csv, _svg, _mode, _batch, _steps, _warmup, _explain, _race, _tf32, _seed, _device, _threads, _precision, _json])
            Options.Add(option);
        SetAction(parsed => Run(new Terminal(output, error, parsed.GetValue(_json)), parsed));
    }

    private int Run(Terminal terminal, ParseResult parsed)
    {
        var isTable = parsed.GetValue(_table) is not null;
        foreach (var option in isTable ? (Option[])[_mode, _batch, _steps, _warmup, _explain, _json] : [_models, _batches, _repeats, _csv, _svg])
        {
            if (parsed.GetResult(option) is { Implicit: false })
                throw new UsageException(isTable ? $"{option.Name} is of one model, not of --table" : $"{option.Name} is of --table {Canziani}");
        }

        if (isTable) return Tabulate(terminal, parsed);
        var model = ModelArgument.FindMeasurable(parsed.GetValue(_model) ?? throw new UsageException("bench needs a model, or --table canziani"));
        var training = parsed.GetValue(_mode) == Train;
        var batch = parsed.GetValue(_batch) ?? model.Recipe?.Batch ?? DefaultBatch;
        var seed = parsed.GetValue(_seed) ?? CommonOptions.DefaultSeed;
        using var device = CommonOptions.Open(parsed.GetValue(_device), parsed.GetValue(_threads));
        terminal.Line(string.Create(
            CultureInfo.InvariantCulture, $"{model.Name}, {parsed.GetValue(_mode)}, batch {batch}, {CommonOptions.Describe(device)}"));

        var start = Stopwatch.GetTimestamp();
        var compile = Compilation(parsed, device, terminal);
        using var step = new BenchStep(device, model, batch, training, seed, compile);
        step.Run();
        var firstStep = Stopwatch.GetElapsedTime(start).TotalSeconds;
        var times = Measure(step, parsed.GetValue(_warmup) ?? DefaultWarmup, parsed.GetValue(_steps));

        var seconds = times.Sum();
        Array.Sort(times);
        var rate = batch * times.Length / seconds;
        var median = Quantile(times, 0.5);
        terminal.Line($"{Units.Rate(rate)} images/s over all {Units.Count(times.Length)} steps ({Units.Time(seconds)})");
        terminal.Line(
            $"{Units.Rate(batch / median)} images/s at the median step, {Units.Time(median)}; "
            + $"10 % of the steps below {Units.Time(Quantile(times, 0.1))}, 10 % above {Units.Time(Quantile(times, 0.9))}");
        var report = step.Program.Report();
        terminal.Line(
            $"first step after {Units.Time(firstStep)}, memory: {Units.Bytes(report.PersistentBytes)} lasting, "
            + $"{Units.Bytes(report.TransientPeakBytes)} in between ({Units.Bytes(report.TransientSumBytes)} without reuse)");
        if (parsed.GetValue(_explain)) Explain(terminal, step);
        terminal.Write(new Measurement
        {
            Command = Name,
            Model = model.Name,
            Device = device.Info.Name,
            Precision = parsed.GetValue(_precision) ?? Precisions.Float32,
            Batch = batch,
            Steps = times.Length,
            Seconds = seconds,
            ImagesPerSecond = rate,
            TrainLoss = step.Loss is { } loss ? Measurement.Finite(loss) : null,
            PeakBytes = device.Memory.PeakBytes,
            FirstStepSeconds = firstStep,
            Seed = seed,
        });
        return ExitCodes.Success;
    }

    private int Tabulate(Terminal terminal, ParseResult parsed)
    {
        if (parsed.GetValue(_model) is { } model) throw new UsageException($"--table measures several models, not '{model}' alone; --models names others");
        var nets = parsed.GetValue(_models) is { Length: > 0 } names
            ? Array.ConvertAll(names, Net)
            : PublishedNet.Canziani;
        var batches = parsed.GetValue(_batches) is { Length: > 0 } sizes ? Array.ConvertAll(sizes, Size) : BenchTable.UsualBatches;
        var files = new[] { parsed.GetValue(_csv), parsed.GetValue(_svg) };
        // Better known before the work than after it.
        foreach (var file in files)
            if (file is not null && Path.GetDirectoryName(Path.GetFullPath(file)) is { } folder && !Directory.Exists(folder)) throw new UsageException($"'{folder}' is no folder");
        using var interruption = new Interruption();
        using var device = CommonOptions.Open(parsed.GetValue(_device), parsed.GetValue(_threads));
        terminal.Line($"forward passes with random weights, {CommonOptions.Describe(device)}");
        var compile = Compilation(parsed, device, terminal);
        var table = BenchTable.Measure(
            terminal, device, nets, [.. batches.Distinct().Order()], parsed.GetValue(_repeats) ?? DefaultRepeats,
            parsed.GetValue(_seed) ?? CommonOptions.DefaultSeed, compile, interruption.Token);
        table.Print(terminal);
        var title = $"{device.Info.Name} ({device.Info.Description}), {parsed.GetValue(_precision) ?? Precisions.Float32}";
        if (files[0] is { } csv) File.WriteAllText(csv, table.ToCsv(title));
        if (files[1] is { } svg) File.WriteAllText(svg, table.ToSvg(title));
        return interruption.Token.IsCancellationRequested ? ExitCodes.Interrupted : ExitCodes.Success;

        static int Size(string text) => int.TryParse(text, CultureInfo.InvariantCulture, out var size) && size > 0
            ? size : throw new UsageException($"--batches: '{text}' is no number above 0");

        static PublishedNet Net(string name)
        {
            var known = PublishedNet.Canziani.FirstOrDefault(net =>
                string.Equals(net.Label, name, StringComparison.OrdinalIgnoreCase) || string.Equals(net.Model, name, StringComparison.OrdinalIgnoreCase));
            if (known is not null) return known;
            var model = ModelArgument.Find(name).Name;
            return new PublishedNet(model, model, Accuracy: null);
        }
    }

    private static Option<string[]?> List(string name, string description) => new(name)
    {
        Description = description,
        HelpName = "A,B",
        CustomParser = result =>
            [.. result.Tokens.SelectMany(token => token.Value.Split(',', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries))],
    };

    private CompileOptions Compilation(ParseResult parsed, Device device, Terminal terminal) => new()
    {
        RaceMilliseconds = parsed.GetValue(_race) ?? 0,
        AllowTf32 = parsed.GetValue(_tf32),
        Precision = Precisions.Of(parsed.GetValue(_precision), device, terminal),
    };

    // Seconds of each step; as many steps as asked for, or as take some seconds.
    private static double[] Measure(BenchStep step, int warmup, int? asked)
    {
        for (var i = 0; i < warmup; i++) step.Run();
        var times = new double[asked ?? MostSteps];
        var count = 0;
        var start = Stopwatch.GetTimestamp();
        var last = start;
        while (count < times.Length)
        {
            step.Run();
            var now = Stopwatch.GetTimestamp();
            times[count++] = Stopwatch.GetElapsedTime(last, now).TotalSeconds;
            last = now;
            if (asked is null && count >= FewestSteps && Stopwatch.GetElapsedTime(start, now).TotalSeconds >= DefaultSeconds) break;
        }

        return times[..count];
    }

    private static double Quantile(double[] sorted, double fraction) => sorted[(int)Math.Round(fraction * (sorted.Length - 1))];

    private static void Explain(Terminal terminal, BenchStep step)
    {
        step.Program.Profile = true;
        for (var i = 0; i < ProfiledSteps; i++) step.Run();
        step.Program.Profile = false;
        var report = step.Program.Report();
        var runs = Math.Max(1, report.ProfiledRunCount);
        var total = report.Entries.Sum(entry => entry.TotalMicroseconds) / runs;
        var table = new Table().Border(TableBorder.Simple);
        table.AddColumns("operator", "kind", "kernel", "shape");
        foreach (var name in (string[])["us", "%", "MiB", "GB/s", "GFLOP/s", "of"]) table.AddColumn(new TableColumn(name).RightAligned());
        foreach (var entry in report.Entries)
        {
            var time = entry.TotalMicroseconds / runs;
            table.AddRow(
                new Text(entry.Name), new Text(entry.Kind), new Text(entry.Kernel), new Text(entry.Shape),
                Number(time, "0.0"), Number(100 * time / total, "0.0"), Number(entry.Bytes / 1048576.0, "0.00"),
                Number(entry.Bytes / time / 1e3, "0.0"), Number(entry.Operations / time / 1e3, "0.0"), Number(entry.CandidateCount, "0"));
        }

        terminal.Console.Write(table);
        terminal.Line($"{Units.Time(total * 1e-6)} in {report.Entries.Count} kernels, mean of {runs} profiled steps; of: kernels that could have done it");
    }

    private static Text Number(double value, string format) =>
        new(double.IsFinite(value) ? value.ToString(format, CultureInfo.InvariantCulture) : "-");
}
