using System.Collections.Concurrent;
using System.Diagnostics;
using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using DeepNative.Serialization;

namespace DeepNative.Data;

/// <summary>
/// Decodes every file of a folder once, so that a bad one is known before the first step, and keeps in a small file what
/// was found: an unchanged file (by length and time) is not decoded again.
/// </summary>
internal sealed class PictureCheck
{
    private const string Version = "deepnative pictures 1";

    private readonly PictureFolderOptions _options;
    private readonly string _folder;
    private readonly string _cache;
    private readonly Dictionary<string, Found> _known;

    public PictureCheck(string folder, PictureFolderOptions options)
    {
        _options = options;
        _folder = folder;
        var limits = options.Limits;
        var key = $"{folder}\n{options.Channels} {options.Height} {options.Width} {limits.MaxPixels} {limits.MaxBytes} {limits.MaxScans}";
        var name = Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(key)))[..24];
        _cache = Path.Combine((options.Cache ?? new DatasetCache()).Folder, "pictures", name + ".txt");
        _known = Load();
    }

    /// <summary>Looks at files; those that cannot be used are null in the result and in the list.</summary>
    public (Found?[] Found, List<BadPicture> Bad) Run(string[] paths, IProgress<string>? progress, CancellationToken token)
    {
        var found = new Found?[paths.Length];
        var bad = new ConcurrentDictionary<int, string>();
        var (done, decoded) = (0, 0);
        var clock = Stopwatch.StartNew();
        Workers.For(paths.Length, _options.Workers, i =>
        {
            try
            {
                var (bytes, ticks) = Stamp(paths[i]);
                if (_known.TryGetValue(Relative(paths[i]), out var known) && (known.Bytes, known.Ticks) == (bytes, ticks))
                {
                    found[i] = known;
                }
                else
                {
                    found[i] = Decode(paths[i]) with { Bytes = bytes, Ticks = ticks };
                    Interlocked.Increment(ref decoded);
                }
            }
            catch (Exception error) when (PictureReader.ReasonOf(error) is not null)
            {
                bad[i] = PictureReader.ReasonOf(error)!;
            }

            if (Interlocked.Increment(ref done) % 256 != 0 || progress is null) return;
            lock (clock)
            {
                if (clock.ElapsedMilliseconds < 1000) return;
                clock.Restart();
            }

            progress.Report($"{_folder}: checked {Volatile.Read(ref done)} of {paths.Length} pictures");
        }, token);
        if (decoded > 0) Save(paths, found);
        return (found, [.. bad.OrderBy(static pair => pair.Key).Select(pair => new BadPicture(paths[pair.Key], pair.Value))]);
    }

    private Found Decode(string path)
    {
        using var file = PictureReader.Open(path, _options.Limits);
        var info = PictureDecoder.Probe(file.Bytes, _options.Limits);
        var plane = _options.Height * _options.Width;
        var planes = new byte[_options.Channels * plane];
        PictureDecoder.DecodeResized(
            file.Bytes, _options.Channels, default, _options.Width, _options.Height, flip: false, planes, _options.Limits);
        var (sums, squares) = (new long[_options.Channels], new long[_options.Channels]);
        PlaneStatistics.Add(planes, plane, sums, squares);
        return new Found(info.Width, info.Height, sums, squares);
    }

    private string Relative(string path) => Path.GetRelativePath(_folder, path);

    // Of the file itself where the path is a link.
    private static (long Bytes, long Ticks) Stamp(string path)
    {
        var info = new FileInfo(path);
        if (info.LinkTarget is not null) info = (FileInfo)info.ResolveLinkTarget(returnFinalTarget: true)!;
        return (info.Length, info.LastWriteTimeUtc.Ticks);
    }

    private Dictionary<string, Found> Load()
    {
        var known = new Dictionary<string, Found>(StringComparer.Ordinal);
        try
        {
            using var reader = new StreamReader(_cache);
            if (reader.ReadLine() != Version) return known;
            while (reader.ReadLine() is { } line)
            {
                var parts = line.Split('\t');
                if (parts.Length != 5 + 2 * _options.Channels) return [];
                var numbers = Array.ConvertAll(parts[1..], static text => long.Parse(text, CultureInfo.InvariantCulture));
                known[Uri.UnescapeDataString(parts[0])] =
                    new Found((int)numbers[2], (int)numbers[3], numbers[4..(4 + _options.Channels)], numbers[(4 + _options.Channels)..])
                    {
                        Bytes = numbers[0],
                        Ticks = numbers[1],
                    };
            }

            return known;
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException or FormatException or OverflowException)
        {
            return [];
        }
    }

    private void Save(string[] paths, Found?[] found)
    {
        try
        {
            Directory.CreateDirectory(Path.GetDirectoryName(_cache)!);
            using var file = AtomicFile.Create(_cache);
            using (var writer = new StreamWriter(file.Stream, leaveOpen: true))
            {
                writer.WriteLine(Version);
                for (var i = 0; i < paths.Length; i++)
                {
                    if (found[i] is not { } one) continue;
                    long[] numbers = [one.Bytes, one.Ticks, one.Width, one.Height, .. one.Sums, .. one.Squares];
                    writer.WriteLine($"{Uri.EscapeDataString(Relative(paths[i]))}\t{string.Join('\t', numbers)}");
                }
            }

            file.Commit();
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            // Without it the next check only takes longer.
        }
    }

    /// <summary>A file that can be used.</summary>
    /// <param name="Width">Columns of the upright picture.</param>
    /// <param name="Height">Rows.</param>
    /// <param name="Sums">Of the bytes of each channel, resized to an input.</param>
    /// <param name="Squares">Of their squares.</param>
    internal sealed record Found(int Width, int Height, long[] Sums, long[] Squares)
    {
        public long Bytes { get; init; }

        public long Ticks { get; init; }
    }
}
