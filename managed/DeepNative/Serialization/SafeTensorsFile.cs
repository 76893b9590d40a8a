using System.Buffers.Binary;
using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace DeepNative.Serialization;

/// <summary>An open safetensors file. Reading is thread-safe; disposing while another thread reads is not.</summary>
public sealed class SafeTensorsFile : IDisposable
{
    private readonly string _path;
    private readonly SafeFileHandle _handle;
    private readonly long _dataStart;
    private readonly SafeTensorsHeader _header;
    private readonly string[] _names;

    internal SafeTensorsFile(string path)
    {
        _path = path;
        _handle = File.OpenHandle(path);
        try
        {
            var fileBytes = RandomAccess.GetLength(_handle);
            var headerBytes = ReadHeaderLength(fileBytes);
            _dataStart = SafeTensors.PrefixBytes + headerBytes;
            var json = new byte[headerBytes];
            ReadExactly(json, SafeTensors.PrefixBytes, "the header");
            _header = SafeTensorsHeader.Parse(path, json, fileBytes - _dataStart);
            _names = [.. _header.Tensors.Keys];
            Array.Sort(_names, StringComparer.Ordinal);
        }
        catch
        {
            _handle.Dispose();
            throw;
        }
    }

    /// <summary>All tensor names, in ordinal order.</summary>
    public IReadOnlyList<string> Names => _names;

    /// <summary>The free text of the file; empty where there is none.</summary>
    public IReadOnlyDictionary<string, string> Metadata => _header.Metadata;

    /// <summary>Whether the file has a tensor of this name.</summary>
    /// <param name="name">The tensor's name.</param>
    /// <returns>True if it is there.</returns>
    public bool Contains(string name) => _header.Tensors.ContainsKey(name);

    /// <summary>Type, shape and size of one tensor.</summary>
    /// <param name="name">The tensor's name.</param>
    /// <returns>The description.</returns>
    /// <exception cref="KeyNotFoundException">The file has no such tensor; the message lists some it has.</exception>
    public SafeTensorInfo Info(string name) =>
        _header.Tensors.TryGetValue(name, out var info)
            ? info
            : throw new KeyNotFoundException($"{_path}: no tensor '{name}'; it has {DescribeNames()}.");

    /// <summary>Reads the bytes of one tensor, row-major, little-endian.</summary>
    /// <param name="name">The tensor's name.</param>
    /// <param name="destination">Exactly <see cref="SafeTensorInfo.Bytes"/> long.</param>
    /// <exception cref="KeyNotFoundException">The file has no such tensor.</exception>
    /// <exception cref="ArgumentException">The destination has another size.</exception>
    /// <exception cref="InvalidDataException">The file was cut short after it was opened.</exception>
    /// <exception cref="ObjectDisposedException">The file is closed.</exception>
    public void Read(string name, Span<byte> destination)
    {
        var info = Info(name);
        if (destination.Length != info.Bytes)
            throw new ArgumentException(
                $"Tensor '{name}' is {info}, {info.Bytes} bytes; the destination has {destination.Length}.",
                nameof(destination));
        ReadExactly(destination, _dataStart + info.Begin, $"tensor '{name}'");
    }

    /// <summary>Reads one tensor into typed memory: float, double, Half, long, int, byte or bool.</summary>
    /// <typeparam name="T">Must be the tensor's element type; nothing is converted.</typeparam>
    /// <param name="name">The tensor's name.</param>
    /// <param name="destination">Exactly <see cref="SafeTensorInfo.Numel"/> long.</param>
    /// <exception cref="KeyNotFoundException">The file has no such tensor.</exception>
    /// <exception cref="ArgumentException">The destination has another size or element type.</exception>
    /// <exception cref="InvalidDataException">The file was cut short after it was opened.</exception>
    /// <exception cref="ObjectDisposedException">The file is closed.</exception>
    public void Read<T>(string name, Span<T> destination) where T : unmanaged
    {
        var info = Info(name);
        if (info.Type != SafeTensorTypes.Of<T>() || info.Numel != destination.Length)
            throw new ArgumentException(
                $"Tensor '{name}' is {info}; the destination is {SafeTensorTypes.Of<T>().FileName()} "
                + $"with {destination.Length} elements.", nameof(destination));
        var bytesPerElement = info.Type.ElementBytes();
        // In pieces, because a span of bytes ends at 2 GiB.
        const int piece = 1 << 24;
        for (var start = 0; start < destination.Length; start += piece)
        {
            var part = destination.Slice(start, Math.Min(piece, destination.Length - start));
            ReadExactly(
                MemoryMarshal.AsBytes(part), _dataStart + info.Begin + (long)start * bytesPerElement, $"tensor '{name}'");
        }
    }

    /// <summary>Closes the file.</summary>
    public void Dispose() => _handle.Dispose();

    private long ReadHeaderLength(long fileBytes)
    {
        if (fileBytes < SafeTensors.PrefixBytes)
            throw new InvalidDataException(
                $"{_path}: {fileBytes} bytes, expected at least {SafeTensors.PrefixBytes} of a safetensors file.");
        Span<byte> prefix = stackalloc byte[SafeTensors.PrefixBytes];
        ReadExactly(prefix, 0, "the header length");
        var headerBytes = BinaryPrimitives.ReadUInt64LittleEndian(prefix);
        var limit = Math.Min(fileBytes - SafeTensors.PrefixBytes, SafeTensors.MaxHeaderBytes);
        if (headerBytes > (ulong)limit)
            throw new InvalidDataException(
                $"{_path}: claims a header of {headerBytes} bytes, expected at most {limit} "
                + $"(the file has {fileBytes}).");
        return (long)headerBytes;
    }

    private void ReadExactly(Span<byte> destination, long offset, string what)
    {
        while (destination.Length > 0)
        {
            var read = RandomAccess.Read(_handle, destination, offset);
            if (read == 0)
                throw new InvalidDataException($"{_path}: ends at byte {offset}, inside {what}.");
            destination = destination[read..];
            offset += read;
        }
    }

    private string DescribeNames()
    {
        const int shown = 8;
        if (_names.Length == 0) return "no tensors";
        var list = string.Join(", ", _names.AsSpan(0, Math.Min(shown, _names.Length)).ToArray());
        return _names.Length <= shown ? list : $"{list} and {_names.Length - shown} more";
    }
}
