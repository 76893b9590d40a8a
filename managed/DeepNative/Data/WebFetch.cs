using System.Diagnostics;

namespace DeepNative.Data;

/// <summary>Downloads of one attempt, watched: a server that falls silent ends them.</summary>
internal sealed class WebFetch : IDisposable
{
    private static readonly TimeSpan _connectLimit = TimeSpan.FromSeconds(5);

    private readonly DatasetFetch _fetch;
    private readonly WebLimits _limits;
    private readonly SocketsHttpHandler _handler = new() { ConnectTimeout = _connectLimit };
    private readonly HttpClient _client;

    internal WebFetch(DatasetFetch fetch, WebLimits limits)
    {
        _fetch = fetch;
        _limits = limits;
        _client = new HttpClient(_handler) { Timeout = Timeout.InfiniteTimeSpan };
    }

    public void Dispose()
    {
        _client.Dispose();
        _handler.Dispose();
    }

    /// <summary>Whether a server has a file; null, or what it said instead.</summary>
    internal async Task<string?> AskAsync(Uri address, CancellationToken enough)
    {
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(enough);
        limit.CancelAfter(_limits.Answer);
        try
        {
            using var response = await _client.GetAsync(address, HttpCompletionOption.ResponseHeadersRead, limit.Token)
                .ConfigureAwait(false);
            return response.IsSuccessStatusCode ? null : $"answered {(int)response.StatusCode}";
        }
        catch (Exception error) when (DatasetSource.IsOfThePlace(error, _fetch))
        {
            return Reason(error, $"no answer within {_limits.Answer.TotalSeconds:0} s");
        }
    }

    /// <summary>Hands on a file as it comes; null, or why it did not. Who stores it reads with the token it is given, which ends a stall.</summary>
    internal async Task<string?> ReadAsync(Uri address, string name, Func<Stream, CancellationToken, Task> store)
    {
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(_fetch.Token);
        limit.CancelAfter(_limits.Stall);
        try
        {
            _fetch.Report($"fetching {name} from {address.Host}");
            using var response = await _client.GetAsync(address, HttpCompletionOption.ResponseHeadersRead, limit.Token)
                .ConfigureAwait(false);
            if (!response.IsSuccessStatusCode) return $"answered {(int)response.StatusCode} to {name}";
            await using var body = await response.Content.ReadAsStreamAsync(limit.Token).ConfigureAwait(false);
            var meter = new Meter(_fetch, name, response.Content.Headers.ContentLength);
            // Each piece that arrives gives the next one the whole limit again.
            await using var watched = new WatchedStream(body, read =>
            {
                limit.CancelAfter(_limits.Stall);
                meter.Add(read);
            });
            await store(watched, limit.Token).ConfigureAwait(false);
            return null;
        }
        catch (Exception error) when (DatasetSource.IsOfThePlace(error, _fetch))
        {
            return Reason(error, $"sent nothing for {_limits.Stall.TotalSeconds:0} s");
        }
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
