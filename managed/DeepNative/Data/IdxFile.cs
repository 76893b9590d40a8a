using System.Buffers.Binary;
using System.IO.Compression;

namespace DeepNative.Data;

/// <summary>An open IDX file whose header has been checked against the file's size.</summary>
internal sealed class IdxFile : IDisposable
{
    // Deflate cannot pack better than this (zlib's technical notes), so a claim beyond it is a lie.
    private const long MaxDeflateRatio = 1032;

    private readonly string _path;
    private readonly uint _magic;
    private readonly FileStream _file;
    private readonly bool _packed;
    private Stream _content;

    internal IdxFile(string path, uint magic)
    {
        _path = path;
        _magic = magic;
        _file = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.Read);
        _content = _file;
        try
        {
            _packed = IsGzip(_file);
            if (_packed) _content = Unpack();
            ReadHeader();
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    internal int Count { get; private set; }

    internal int Height { get; private set; } = 1;

    internal int Width { get; private set; } = 1;

    private int HeaderBytes => _magic == Idx.ImagesMagic ? 16 : 8;

    private int ContentBytes => Count * Height * Width;

    public void Dispose()
    {
        _content.Dispose();
        _file.Dispose();
    }

    internal static bool IsGzip(Stream seekable)
    {
        var packed = seekable.ReadByte() == 0x1f && seekable.ReadByte() == 0x8b;
        seekable.Position = 0;
        return packed;
    }

    /// <summary>The whole content.</summary>
    internal byte[] ReadAll()
    {
        var content = GC.AllocateUninitializedArray<byte>(ContentBytes);
        Fill(content);
        if (Read(stackalloc byte[1]) != 0) throw Broken($"holds more than the {ContentBytes} bytes that its header claims");
        return content;
    }

    /// <summary>One item; the ones before it are passed over.</summary>
    internal byte[] ReadItem(int index)
    {
        var item = new byte[Height * Width];
        if (_packed)
            for (var i = 0; i < index; i++) Fill(item);
        else
            _file.Position = HeaderBytes + (long)index * item.Length;
        Fill(item);
        return item;
    }

    private GZipStream Unpack() => new(_file, CompressionMode.Decompress, leaveOpen: true);

    private void ReadHeader()
    {
        Span<byte> header = stackalloc byte[HeaderBytes];
        var read = 0;
        for (int more; read < header.Length && (more = Read(header[read..])) > 0;) read += more;
        var magic = read >= 4 ? BinaryPrimitives.ReadUInt32BigEndian(header) : 0;
        if (read >= 4 && magic != _magic)
            throw Broken($"magic is 0x{magic:x8}, expected 0x{_magic:x8} ({Describe(_magic)}){Guess(magic)}");
        if (read < header.Length)
            throw Broken($"{read} bytes, expected at least {header.Length} of an IDX header");

        var count = BinaryPrimitives.ReadUInt32BigEndian(header[4..]);
        uint height = 1, width = 1;
        if (_magic == Idx.ImagesMagic)
        {
            height = BinaryPrimitives.ReadUInt32BigEndian(header[8..]);
            width = BinaryPrimitives.ReadUInt32BigEndian(header[12..]);
        }

        CheckSize(count, height, width);
        (Count, Height, Width) = ((int)count, (int)height, (int)width);
    }

    private void CheckSize(uint count, uint height, uint width)
    {
        var claim = _magic == Idx.ImagesMagic ? $"{count} images of {height} x {width}" : $"{count} labels";
        if (height == 0 || width == 0) throw Broken($"claims {claim}, expected at least 1 x 1");
        // Three 32-bit factors need 96 bits.
        var content = (UInt128)count * height * width;
        var expected = content + (UInt128)HeaderBytes;
        if (!_packed)
        {
            if (expected != (UInt128)_file.Length)
                throw Broken($"{_file.Length} bytes, expected {expected} (its header claims {claim})");
        }
        else if (expected > (UInt128)_file.Length * (UInt128)MaxDeflateRatio)
        {
            throw Broken(
                $"{_file.Length} packed bytes cannot hold the {expected} that its header claims ({claim})");
        }

        // An empty file must not carry sides that no image could have either.
        if ((UInt128)Math.Max(count, 1) * height * width > (UInt128)Array.MaxLength)
            throw Broken($"claims {claim}, {content} bytes; at most {Array.MaxLength} are supported");
        if (_packed) CheckUnpackedSize((long)expected, claim);
    }

    // gzip ends with the unpacked size. Where that differs (a lie, or several members in a row) the
    // content is counted, so that no memory is taken for a false claim.
    private void CheckUnpackedSize(long expected, string claim)
    {
        Span<byte> trailer = stackalloc byte[4];
        _file.Position = Math.Max(0, _file.Length - trailer.Length);
        _file.ReadAtLeast(trailer, trailer.Length, throwOnEndOfStream: false);
        if (BinaryPrimitives.ReadUInt32LittleEndian(trailer) != (uint)expected) CountUnpacked(expected, claim);

        Restart();
        Fill(stackalloc byte[HeaderBytes]);
    }

    private void CountUnpacked(long expected, string claim)
    {
        Restart();
        var scratch = new byte[1 << 16];
        long total = 0;
        for (int read; total <= expected && (read = Read(scratch)) > 0;) total += read;
        if (total == expected) return;
        var found = total < expected ? $"{total}" : $"more than {expected}";
        throw Broken($"unpacks to {found} bytes, expected {expected} (its header claims {claim})");
    }

    private void Restart()
    {
        _content.Dispose();
        _file.Position = 0;
        _content = Unpack();
    }

    private void Fill(Span<byte> destination)
    {
        while (destination.Length > 0)
        {
            var read = Read(destination);
            if (read == 0) throw Broken($"ends {destination.Length} bytes too early");
            destination = destination[read..];
        }
    }

    private int Read(Span<byte> destination)
    {
        try
        {
            return _content.Read(destination);
        }
        catch (InvalidDataException error) when (_packed)
        {
            throw new InvalidDataException($"{_path}: the gzip data is damaged: {error.Message}", error);
        }
    }

    private static string Describe(uint magic) => magic == Idx.ImagesMagic ? "uint8 images" : "uint8 labels";

    private static string Guess(uint magic) =>
        magic is Idx.ImagesMagic or Idx.LabelsMagic ? $"; this is a file of {Describe(magic)}" : "";

    private InvalidDataException Broken(string what) => new($"{_path}: {what}.");
}
