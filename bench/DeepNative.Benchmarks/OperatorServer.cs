using System.Diagnostics;
using System.Text.Json;

namespace DeepNative.Benchmarks;

/// <summary>
/// Our side of `bench/compare operators`: a request a line, a JSON answer a line, as bench/peers/operators.py
/// describes them.
/// </summary>
internal sealed class OperatorServer(Device device) : IDisposable
{
    private const double WarmupSeconds = 0.03;
    private const int Fewest = 3;
    private const int Most = 100_000;

    private readonly double[] _times = new double[Most];
    private OperatorProgram? _program;

    /// <summary>Answers until the input ends.</summary>
    public static void Run(string deviceName, int threads, TextReader requests, TextWriter answers)
    {
        using var device = Device.Open(deviceName, threads);
        using var server = new OperatorServer(device);
        while (requests.ReadLine() is { } line)
        {
            answers.WriteLine(JsonSerializer.Serialize(server.Answer(JsonDocument.Parse(line).RootElement)));
            answers.Flush();
        }
    }

    /// <inheritdoc/>
    public void Dispose() => _program?.Dispose();

    private Dictionary<string, object> Answer(JsonElement request)
    {
        if (request.TryGetProperty("case", out var line)) return Prepare(new OperatorCase(line, request.GetProperty("pass").GetString()!));
        _program!.Run();    // the other side had the caches meanwhile
        var times = Repeat(request.GetProperty("seconds").GetDouble());
        times.Sort();
        return new() { ["min_us"] = times[0], ["median_us"] = times[times.Length / 2], ["count"] = times.Length };
    }

    private Dictionary<string, object> Prepare(OperatorCase operatorCase)
    {
        _program?.Dispose();    // its memory first
        _program = null;
        if (!OperatorTable.Has(operatorCase.Operator)) return new() { ["skipped"] = "ours has no such operator yet" };
        try
        {
            _program = new OperatorProgram(device, operatorCase);
        }
        catch (Exception exception) when (exception is DeepNativeException or ArgumentException or NotSupportedException)
        {
            return new() { ["failed"] = exception.Message };
        }

        Repeat(WarmupSeconds);
        return new()
        {
            ["version"] = $"DeepNative {typeof(Device).Assembly.GetName().Version}",
            ["how"] = string.Join(" + ", _program.Kernels.Select(kernel => kernel.Kernel)),
        };
    }

    // Microseconds of each run.
    private Span<double> Repeat(double seconds)
    {
        var count = 0;
        var start = Stopwatch.GetTimestamp();
        var last = start;
        while (count < Fewest || (count < Most && Stopwatch.GetElapsedTime(start, last).TotalSeconds < seconds))
        {
            _program!.Run();
            var now = Stopwatch.GetTimestamp();
            _times[count++] = Stopwatch.GetElapsedTime(last, now).TotalMicroseconds;
            last = now;
        }

        return _times.AsSpan(0, count);
    }
}
