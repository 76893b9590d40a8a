using System.Text;
using DeepNative.Data;

namespace DeepNative.Tests.Data;

/// <summary>A folder of tiny pictures, removed at the end; it also holds the cache of what was checked.</summary>
internal sealed class PictureFiles : IDisposable
{
    /// <summary>20 x 14, colour, quality 30.</summary>
    public static byte[] Jpeg { get; } = Convert.FromBase64String(
        "/9j/4AAQSkZJRgABAQAAAQABAAD/2wBDABsSFBcUERsXFhceHBsgKEIrKCUlKFE6PTBCYFVlZF9VXVtqeJmBanGQc1tdhbWGkJ6jq62rZ4C8ybqm"
        + "x5moq6T/2wBDARweHigjKE4rK06kbl1upKSkpKSkpKSkpKSkpKSkpKSkpKSkpKSkpKSkpKSkpKSkpKSkpKSkpKSkpKSkpKSkpKT/wAARCAAOABQD"
        + "ASIAAhEBAxEB/8QAFwAAAwEAAAAAAAAAAAAAAAAAAAIEAf/EAB8QAQACAQQDAQAAAAAAAAAAAAEAAgMREiEiEzFBwf/EABcBAAMBAAAAAAAAAAAA"
        + "AAAAAAABAgP/xAAdEQABAwUBAAAAAAAAAAAAAAAAAQITERIxMkFR/9oADAMBAAIRAxEAPwCHBg+yiyYT12fR+x7JipqGquhJq23WV5fqzTZacItT"
        + "Z2BvE27WeWE0xNzcsIpHcCdPD//Z");

    public string Folder { get; } = Directory.CreateTempSubdirectory("dn-pictures-").FullName;

    public DatasetCache Cache => new(Path.Combine(Folder, ".cache"));

    public string Root => Path.Combine(Folder, "set");

    /// <summary>The native library of pictures is not built everywhere.</summary>
    public static void Require()
    {
        try
        {
            PictureDecoder.Probe(Jpeg);
        }
        catch (DeepNativeException error) when (error.Status == Status.Unsupported)
        {
            Assert.Ignore(error.Message);
        }
    }

    public void Dispose() => Directory.Delete(Folder, recursive: true);

    /// <summary>Writes a file below the set and returns its path.</summary>
    public string Write(string name, byte[] content)
    {
        var path = Path.Combine(Root, name);
        Directory.CreateDirectory(Path.GetDirectoryName(path)!);
        File.WriteAllBytes(path, content);
        return path;
    }

    /// <summary>Some pictures of noise in each class.</summary>
    public void WriteClasses(int count, params string[] classes)
    {
        for (var label = 0; label < classes.Length; label++)
            for (var i = 0; i < count; i++) Write($"{classes[label]}/{i}.ppm", Noise(12 + i % 5, 10 + i % 3, 3, 100 * label + i));
    }

    /// <summary>A PGM or PPM file of planes (channels, height, width).</summary>
    public static byte[] Pnm(int width, int height, int channels, ReadOnlySpan<byte> planes)
    {
        var header = Encoding.ASCII.GetBytes($"P{(channels == 1 ? 5 : 6)}\n{width} {height}\n255\n");
        var bytes = new byte[header.Length + channels * width * height];
        header.CopyTo(bytes, 0);
        for (var i = 0; i < width * height; i++)
            for (var channel = 0; channel < channels; channel++)
                bytes[header.Length + i * channels + channel] = planes[channel * width * height + i];
        return bytes;
    }

    public static byte[] Noise(int width, int height, int channels, int seed)
    {
        var planes = new byte[width * height * channels];
        new Random(seed).NextBytes(planes);
        return Pnm(width, height, channels, planes);
    }
}
