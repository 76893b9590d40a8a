using System.Net;
using System.Net.Sockets;

namespace DeepNative.Tests.Data;

/// <summary>A web server of this machine with some files; for others it answers 404.</summary>
internal sealed class FileServer : IDisposable
{
    private readonly HttpListener _listener = new();
    private readonly (string Name, byte[] Content)[] _files;
    private int _requests;

    internal FileServer(params (string Name, byte[] Content)[] files)
    {
        _files = files;
        Address = new Uri($"http://127.0.0.1:{FreePort()}/data/");
        _listener.Prefixes.Add(Address.AbsoluteUri);
        _listener.Start();
        _ = Task.Run(ServeAsync);
    }

    internal Uri Address { get; }

    internal int Requests => _requests;

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
            context.Response.StatusCode = 404;
            foreach (var file in _files)
            {
                if (file.Name != name) continue;
                context.Response.StatusCode = 200;
                context.Response.ContentLength64 = file.Content.Length;
                context.Response.OutputStream.Write(file.Content);
            }

            context.Response.Close();
        }
        catch (HttpListenerException)
        {
            // the client had its answer in the header and hung up
        }
    }
}
