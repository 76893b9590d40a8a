using System.Diagnostics;

namespace DeepNative.Data;

/// <summary>The public mirrors. All are asked at once; the first that answers is used, the others stand by.</summary>
internal sealed class MirrorSource(string suffix, TimeSpan answerLimit) : DatasetSource
{
    private static readonly TimeSpan _connectLimit = TimeSpan.FromSeconds(5);
    private static readonly TimeSpan _stallLimit = TimeSpan.FromSeconds(20);

    internal override async Task FetchAsync(DatasetFetch fetch)
    {
        using var handler = new SocketsHttpHandler { ConnectTimeout = _connectLimit };
        using var client = new HttpClient(handler) { Timeout = Timeout.InfiniteTimeSpan };
        using var enough = CancellationTokenSource.CreateLinkedTokenSource(fetch.Token);
        // The smallest file is asked for, so that a mirror that lacks it costs nothing.
        var smallest = fetch.Missing.MinBy(static file => file.Bytes)!;
        var asked = new List<Task<(Uri Mirror, string? Refusal)>>();
        foreach (var mirror in fetch.Description.Mirrors)
            asked.Add(AskAsync(client, mirror, smallest, fetch, enough.Token));

        await foreach (var answer in Task.WhenEach(asked).ConfigureAwait(false))
        {
            var (mirror, refusal) = await answer.ConfigureAwait(false);
            if (fetch.Missing.Count == 0) continue;
            refusal ??= await DownloadAsync(client, mirror, fetch).ConfigureAwait(false);
            if (refusal is not null) fetch.Fail(mirror.AbsoluteUri, refusal);
            if (fetch.Missing.Count == 0) await enough.CancelAsync().ConfigureAwait(false);
        }
    }

    private async Task<(Uri Mirror, string? Refusal)> AskAsync(
        HttpClient client, Uri mirror, DatasetFile file, DatasetFetch fetch, CancellationToken enough)
    {
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(enough);
        limit.CancelAfter(answerLimit);
        try
        {
            using var response = await client.GetAsync(
                new Uri(mirror, file.Name + suffix), HttpCompletionOption.ResponseHeadersRead, limit.Token)
                .ConfigureAwait(false);
            return (mirror, response.IsSuccessStatusCode ? null : $"answered {(int)response.StatusCode}");
        }
        catch (Exception error) when (IsOfThePlace(error, fetch))
        {
            return (mirror, Reason(error, $"no answer within {answerLimit.TotalSeconds:0} s"));
        }
    }

    private async Task<string?> DownloadAsync(HttpClient client, Uri mirror, DatasetFetch fetch)
    {
        foreach (var file in fetch.Missing.ToArray())
        {
            using var limit = CancellationTokenSource.CreateLinkedTokenSource(fetch.Token);
            limit.CancelAfter(_stallLimit);
            try
            {
                var name = file.Name + suffix;
                fetch.Report($"fetching {name} from {mirror.Host}");
                using var response = await client.GetAsync(
                    new Uri(mirror, name), HttpCompletionOption.ResponseHeadersRead, limit.Token).ConfigureAwait(false);
                if (!response.IsSuccessStatusCode) return $"answered {(int)response.StatusCode} to {name}";
                await using var body = await response.Content.ReadAsStreamAsync(limit.Token).ConfigureAwait(false);
                var meter = new Meter(fetch, name, response.Content.Headers.ContentLength);
                // Each piece that arrives gives the next one the whole limit again.
                await using var watched = new WatchedStream(body, read =>
                {
                    limit.CancelAfter(_stallLimit);
                    meter.Add(read);
                });
                await fetch.StoreAsync(file, watched, packed: true, limit.Token).ConfigureAwait(false);
            }
            catch (Exception error) when (IsOfThePlace(error, fetch))
            {
                return Reason(error, $"sent nothing for {_stallLimit.TotalSeconds:0} s");
            }
        }

        return null;
    }

    private static string Reason(Exception error, string whenCanceled) =>
        error switch
        {
            OperationCanceledException { InnerException: TimeoutException } =>
                $"no connection within {_connectLimit.TotalSeconds:0} s",
            OperationCanceledException => whenCanceled,
            _ => error.Message,
        };

    // A line a second while a download runs.
    private sealed class Meter(DatasetFetch fetch, string name, long? total)
    {
        private readonly Stopwatch _sinceReport = Stopwatch.StartNew();
        private long _received;

        internal void Add(int bytes)
        {
            _received += bytes;
            if (_sinceReport.ElapsedMilliseconds < 1000) return;
            _sinceReport.Restart();
            var of = total is null ? "" : $" of {total / 1e6:0.0}";
            fetch.Report($"{name} {_received / 1e6:0.0}{of} MB");
        }
    }

    // Reads through, and tells each time something came.
    private sealed class WatchedStream(Stream inner, Action<int> onData) : Stream
    {
        public override bool CanRead => true;

        public override bool CanSeek => false;

        public override bool CanWrite => false;

        public override long Length => throw new NotSupportedException();

        public override long Position
        {
            get => throw new NotSupportedException();
            set => throw new NotSupportedException();
        }

        public override int Read(byte[] buffer, int offset, int count) => throw new NotSupportedException();

        public override async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
        {
            var read = await inner.ReadAsync(buffer, cancellationToken).ConfigureAwait(false);
            onData(read);
            return read;
        }

        public override void Flush()
        {
        }

        public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

        public override void SetLength(long value) => throw new NotSupportedException();

        public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException();
    }
}
