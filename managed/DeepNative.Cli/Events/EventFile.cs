using System.Globalization;
using Google.Protobuf;

namespace DeepNative.Cli.Events;

/// <summary>
/// A TensorBoard event file: records of the protocol buffers Event and Summary (TensorFlow's event.proto and
/// summary.proto).
/// </summary>
internal sealed class EventFile : IDisposable
{
    private const string FileVersion = "brain.Event:2";
    private const int SessionStarted = 1;
    private const int HistogramBuckets = 60;

    private readonly FileStream _file;

    /// <summary>Makes a new file beside those that are there.</summary>
    /// <param name="folder">The run's folder.</param>
    /// <param name="done">Steps of the run that were done before: readers forget what other files have of later ones. 0: a new run.</param>
    /// <exception cref="IOException">The file cannot be made.</exception>
    public EventFile(string folder, long done)
    {
        var prefix = $"events.out.tfevents.{DateTimeOffset.UtcNow.ToUnixTimeSeconds().ToString("D10", CultureInfo.InvariantCulture)}.deepnative";
        // Readers take the files of a folder in the order of their names.
        var number = 0;
        while (File.Exists(System.IO.Path.Combine(folder, $"{prefix}.{number.ToString(CultureInfo.InvariantCulture)}"))) number++;
        Path = System.IO.Path.Combine(folder, $"{prefix}.{number.ToString(CultureInfo.InvariantCulture)}");
        _file = new FileStream(Path, FileMode.CreateNew, FileAccess.Write, FileShare.Read);
        Write(0, output => Text(output, Fields.FileVersion, FileVersion));
        if (done > 0) Write(done + 1, output => Bytes(output, Fields.SessionLog, Message(log => Number(log, Fields.SessionStatus, SessionStarted))));
    }

    /// <summary>The file.</summary>
    public string Path { get; }

    /// <summary>Writes numbers of one step; those that are not finite too, which TensorBoard shows as such.</summary>
    /// <param name="step">The step.</param>
    /// <param name="scalars">Tags and numbers; null: left out.</param>
    public void Scalars(long step, params ReadOnlySpan<(string Tag, double? Value)> scalars)
    {
        var values = new List<byte[]>();
        foreach (var (tag, value) in scalars)
        {
            if (value is not { } number) continue;
            values.Add(Message(output =>
            {
                Text(output, Fields.Tag, tag);
                output.WriteTag(Fields.SimpleValue, WireFormat.WireType.Fixed32);
                output.WriteFloat((float)number);
            }));
        }

        if (values.Count > 0) Summary(step, values);
    }

    /// <summary>Writes a picture.</summary>
    /// <param name="step">The step that it belongs to.</param>
    /// <param name="tag">Its name.</param>
    /// <param name="width">Columns.</param>
    /// <param name="height">Rows.</param>
    /// <param name="channels">1 or 3.</param>
    /// <param name="png">The picture as PNG.</param>
    public void Image(long step, string tag, int width, int height, int channels, byte[] png) => Summary(step, [Message(output =>
    {
        Text(output, Fields.Tag, tag);
        Bytes(output, Fields.Image, Message(image =>
        {
            Number(image, Fields.ImageHeight, height);
            Number(image, Fields.ImageWidth, width);
            Number(image, Fields.ImageChannels, channels);
            Bytes(image, Fields.ImageContent, png);
        }));
    })]);

    /// <summary>Writes how numbers are distributed, in equally wide buckets; numbers that are not finite do not count.</summary>
    /// <param name="step">The step that they belong to.</param>
    /// <param name="tag">Their name.</param>
    /// <param name="values">The numbers.</param>
    public void Histogram(long step, string tag, ReadOnlySpan<float> values)
    {
        var (low, high, sum, squares, count) = (double.PositiveInfinity, double.NegativeInfinity, 0.0, 0.0, 0L);
        foreach (var value in values)
        {
            if (!float.IsFinite(value)) continue;
            low = Math.Min(low, value);
            high = Math.Max(high, value);
            sum += value;
            squares += (double)value * value;
            count++;
        }

        if (count == 0) return;
        var buckets = low < high ? HistogramBuckets : 1;
        var width = (high - low) / buckets;
        var counts = new double[buckets];
        foreach (var value in values)
            if (float.IsFinite(value)) counts[width > 0 ? Math.Min(buckets - 1, (int)((value - low) / width)) : 0]++;
        var limits = new double[buckets];
        for (var i = 0; i < buckets; i++) limits[i] = i == buckets - 1 ? high : low + (i + 1) * width;
        Summary(step, [Message(output =>
        {
            Text(output, Fields.Tag, tag);
            Bytes(output, Fields.Histogram, Message(histogram =>
            {
                Real(histogram, Fields.HistogramLow, low);
                Real(histogram, Fields.HistogramHigh, high);
                Real(histogram, Fields.HistogramCount, count);
                Real(histogram, Fields.HistogramSum, sum);
                Real(histogram, Fields.HistogramSquares, squares);
                Bytes(histogram, Fields.HistogramLimits, Packed(limits));
                Bytes(histogram, Fields.HistogramCounts, Packed(counts));
            }));
        })]);
    }

    /// <summary>Hands what was written to the system, for readers that watch.</summary>
    public void Flush() => _file.Flush();

    /// <summary>Closes the file.</summary>
    public void Dispose() => _file.Dispose();

    private void Summary(long step, List<byte[]> values) => Write(step, output => Bytes(output, Fields.Summary, Message(summary =>
    {
        foreach (var value in values) Bytes(summary, Fields.SummaryValue, value);
    })));

    private void Write(long step, Action<CodedOutputStream> what)
    {
        var seconds = (DateTime.UtcNow - DateTime.UnixEpoch).TotalSeconds;
        RecordWriter.Write(_file, Message(output =>
        {
            Real(output, Fields.WallTime, seconds);
            Number(output, Fields.Step, step);
            what(output);
        }));
    }

    private static byte[] Message(Action<CodedOutputStream> write)
    {
        using var bytes = new MemoryStream();
        using (var output = new CodedOutputStream(bytes, leaveOpen: true)) write(output);
        return bytes.ToArray();
    }

    private static byte[] Packed(double[] numbers) => Message(output =>
    {
        foreach (var number in numbers) output.WriteDouble(number);
    });

    private static void Text(CodedOutputStream output, int field, string text)
    {
        output.WriteTag(field, WireFormat.WireType.LengthDelimited);
        output.WriteString(text);
    }

    private static void Bytes(CodedOutputStream output, int field, byte[] bytes)
    {
        output.WriteTag(field, WireFormat.WireType.LengthDelimited);
        output.WriteBytes(UnsafeByteOperations.UnsafeWrap(bytes));
    }

    private static void Number(CodedOutputStream output, int field, long number)
    {
        output.WriteTag(field, WireFormat.WireType.Varint);
        output.WriteInt64(number);
    }

    private static void Real(CodedOutputStream output, int field, double number)
    {
        output.WriteTag(field, WireFormat.WireType.Fixed64);
        output.WriteDouble(number);
    }

    // The numbers of the fields in event.proto and summary.proto.
    private static class Fields
    {
        public const int WallTime = 1, Step = 2, FileVersion = 3, Summary = 5, SessionLog = 7;
        public const int SessionStatus = 1;
        public const int SummaryValue = 1;
        public const int Tag = 1, SimpleValue = 2, Image = 4, Histogram = 5;
        public const int ImageHeight = 1, ImageWidth = 2, ImageChannels = 3, ImageContent = 4;
        public const int HistogramLow = 1, HistogramHigh = 2, HistogramCount = 3, HistogramSum = 4, HistogramSquares = 5;
        public const int HistogramLimits = 6, HistogramCounts = 7;
    }
}
