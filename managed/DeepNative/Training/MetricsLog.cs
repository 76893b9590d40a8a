using System.Globalization;
using System.Text.Json;
using DeepNative.Serialization;

namespace DeepNative.Training;

/// <summary>
/// Metrics as JSON lines: one flat object with snake_case keys for every epoch ("event": "epoch") and, where
/// <see cref="FitOptions.StepInterval"/> asks for it, for steps ("event": "step"), written through at once. What
/// is not known, or not finite, is left out. A resumed run drops the lines behind its checkpoint and goes on; its seconds
/// count from the end of the last epoch there.
/// </summary>
/// <remarks>Not thread-safe.</remarks>
public sealed class MetricsLog : ITrainingObserver, IDisposable
{
    private readonly string _path;
    private FileStream? _file;
    private double _secondsBefore;
    private double _dataSecondsBefore;

    /// <summary>Nothing is touched before a run begins.</summary>
    /// <param name="path">The file; its folder must exist.</param>
    public MetricsLog(string path)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        _path = path;
    }

    /// <inheritdoc/>
    public void OnBegin(TrainingStart start)
    {
        ArgumentNullException.ThrowIfNull(start);
        _file?.Dispose();
        _file = null;
        (_secondsBefore, _dataSecondsBefore) = (0, 0);
        if (start.Step > 0 && File.Exists(_path)) Trim(start.Step);
        _file = new FileStream(_path, start.Step > 0 ? FileMode.Append : FileMode.Create, FileAccess.Write, FileShare.Read);
    }

    /// <inheritdoc/>
    public void OnStep(in TrainingStep latest)
    {
        using var line = new Line("step");
        line.Add("epoch", latest.Epoch);
        line.Add("step", latest.Step);
        line.Add("train_loss", latest.Loss);
        line.Add("learning_rate", latest.LearningRate);
        line.Add("gradient_norm", latest.GradientNorm);
        Write(line);
    }

    /// <inheritdoc/>
    public void OnEpoch(TrainingProgress epoch)
    {
        using var line = new Line("epoch");
        line.Add("epoch", epoch.Epoch);
        line.Add("step", epoch.Step);
        line.Add("train_loss", epoch.Loss);
        line.Add("learning_rate", epoch.LearningRate);
        line.Add("examples_per_second", epoch.ImagesPerSecond);
        line.Add("seconds", _secondsBefore + epoch.Seconds);
        line.Add("data_seconds", _dataSecondsBefore + epoch.DataSeconds);
        if (epoch.Training is { } training) line.Add("train_error", training.Error);
        if (epoch.Validation is { } validation)
        {
            line.Add("validation_loss", validation.Loss);
            line.Add("validation_error", validation.Error);
            line.Add("validation_top5_error", validation.TopFiveError);
            line.Add("validation_mean_iou", validation.MeanIntersectionOverUnion);
            foreach (var (name, value) in validation.Metrics) line.Add("validation_" + name, value);
        }

        if (epoch.BestEpoch > 0) line.Add("best_epoch", epoch.BestEpoch);
        Write(line);
    }

    /// <summary>Closes the file.</summary>
    public void Dispose() => _file?.Dispose();

    // Steps behind the checkpoint are done again. A line that was cut off by a crash is dropped as well.
    private void Trim(long step)
    {
        using var file = AtomicFile.Create(_path);
        using (var writer = new StreamWriter(file.Stream, leaveOpen: true) { NewLine = "\n" })
        {
            foreach (var line in File.ReadLines(_path))
                if (IsUpTo(step, line)) writer.WriteLine(line);
        }

        file.Commit();
    }

    // Whether a line is kept; the last epoch among them tells how long the run has taken.
    private bool IsUpTo(long step, string line)
    {
        try
        {
            using var document = JsonDocument.Parse(line);
            if (document.RootElement.GetProperty("step").GetInt64() > step) return false;
            if (document.RootElement.TryGetProperty("seconds", out var seconds)) _secondsBefore = seconds.GetDouble();
            if (document.RootElement.TryGetProperty("data_seconds", out seconds)) _dataSecondsBefore = seconds.GetDouble();
            return true;
        }
        catch (Exception exception) when (exception is JsonException or KeyNotFoundException or InvalidOperationException or FormatException)
        {
            return false;
        }
    }

    private void Write(Line line)
    {
        if (_file is null) return;
        _file.Write(line.Close());
        _file.Flush();
    }

    /// <summary>One object.</summary>
    private sealed class Line : IDisposable
    {
        private readonly MemoryStream _bytes = new();
        private readonly Utf8JsonWriter _writer;

        public Line(string kind)
        {
            _writer = new Utf8JsonWriter(_bytes);
            _writer.WriteStartObject();
            _writer.WriteString("event", kind);
        }

        public void Add(string key, long value) => _writer.WriteNumber(key, value);

        public void Add(string key, float value)
        {
            if (float.IsFinite(value)) _writer.WriteNumber(key, value);
        }

        public void Add(string key, double value)
        {
            if (double.IsFinite(value)) _writer.WriteNumber(key, value);
        }

        public ReadOnlySpan<byte> Close()
        {
            _writer.WriteEndObject();
            _writer.Flush();
            _bytes.WriteByte((byte)'\n');
            return _bytes.GetBuffer().AsSpan(0, (int)_bytes.Length);
        }

        public void Dispose()
        {
            _writer.Dispose();
            _bytes.Dispose();
        }
    }
}
