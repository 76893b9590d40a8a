using System.Net;
using System.Net.Sockets;

namespace DeepNative.Tests.Data;

/// <summary>A web server of this machine that asks a function for a file's content and answers 404 to null.</summary>
internal sealed class FileServer : IDisposable
{
    private readonly HttpListener _listener = new();
    private readonly Func<string, byte[]?> _content;
    private readonly List<HttpListenerContext> _silent = [];
    private int _requests;

    internal FileServer(params (string Name, byte[] Content)[] files)
        : this(name => Array.Find(files, file => file.Name == name).Content)
    {
    }

    internal FileServer(Func<string, byte[]?> content)
    {
        _content = content;
        Address = new Uri($"http://127.0.0.1:{FreePort()}/data/");
        _listener.Prefixes.Add(Address.AbsoluteUri);
        _listener.Start();
        _ = Task.Run(ServeAsync);
    }

    internal Uri Address { get; }

    internal int Requests => _requests;

    /// <summary>Whether the second half of every file is never sent.</summary>
    internal bool Stalls { get; init; }

    public void Dispose() => _listener.Close();

    internal static int FreePort()
    {
        using var probe = new TcpListener(IPAddress.Loopback, 0);
        probe.Start();
        return ((IPEndPoint)probe.LocalEndpoint).Port;
    }

    private async Task ServeAsync()
    {
        try
        {
            while (true) Answer(await _listener.GetContextAsync());
        }
        catch (Exception error) when (error is HttpListenerException or ObjectDisposedException)
        {
            // closed
        }
    }

    private void Answer(HttpListenerContext context)
    {
        Interlocked.Increment(ref _requests);
        var name = Path.GetFileName(context.Request.Url!.AbsolutePath);
        try
        {
            if (_content(name) is { } content)
            {
                context.Response.ContentLength64 = content.Length;
                context.Response.OutputStream.Write(content.AsSpan(0, Stalls ? content.Length / 2 : content.Length));
            }
            else
            {
                context.Response.StatusCode = 404;
            }

            if (Stalls) _silent.Add(context);
            else context.Response.Close();
        }
        catch (HttpListenerException)
        {
            // the client had its answer in the header and hung up
        }
    }
}
