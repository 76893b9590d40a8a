using System.Buffers;

namespace DeepNative.Data;

/// <summary>The content of a file in memory that is given back when done.</summary>
internal readonly struct PictureReader : IDisposable
{
    private readonly byte[] _buffer;
    private readonly int _length;

    private PictureReader(byte[] buffer, int length) => (_buffer, _length) = (buffer, length);

    public ReadOnlySpan<byte> Bytes => _buffer.AsSpan(0, _length);

    /// <summary>Reads a whole file.</summary>
    /// <exception cref="PictureException">It is empty or too long.</exception>
    /// <exception cref="IOException">It cannot be read.</exception>
    /// <exception cref="UnauthorizedAccessException">It may not be read.</exception>
    public static PictureReader Open(string path, PictureLimits limits)
    {
        using var file = File.OpenHandle(path);
        var length = RandomAccess.GetLength(file);
        if (length == 0) throw new PictureException("the file is empty");
        if (length > limits.MaxBytes) throw new PictureException($"{length} bytes, at most {limits.MaxBytes} are read");
        var buffer = ArrayPool<byte>.Shared.Rent((int)length);
        var read = 0;
        try
        {
            for (int more; read < length && (more = RandomAccess.Read(file, buffer.AsSpan(read, (int)length - read), read)) > 0;) read += more;
        }
        catch
        {
            ArrayPool<byte>.Shared.Return(buffer);
            throw;
        }

        return new PictureReader(buffer, read);
    }

    public void Dispose() => ArrayPool<byte>.Shared.Return(_buffer);

    /// <summary>Whether an exception says that the file cannot be used, and why.</summary>
    public static string? ReasonOf(Exception error) => error switch
    {
        PictureException => error.Message,
        FileNotFoundException or DirectoryNotFoundException => "the file is gone, or a link leads nowhere",
        UnauthorizedAccessException => "the file may not be read",
        IOException => error.Message,
        _ => null,
    };
}
