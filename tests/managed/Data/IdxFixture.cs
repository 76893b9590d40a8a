using System.Buffers.Binary;
using System.IO.Compression;
using System.Security.Cryptography;
using DeepNative.Data;

namespace DeepNative.Tests.Data;

/// <summary>Makes IDX files, sound and broken.</summary>
internal static class IdxFixture
{
    internal static byte[] Images(int count, int height, int width, int seed = 0)
    {
        var bytes = new byte[16 + count * height * width];
        Header(bytes, 0x803, (uint)count, (uint)height, (uint)width);
        new Random(seed).NextBytes(bytes.AsSpan(16));
        return bytes;
    }

    internal static byte[] Labels(params byte[] labels)
    {
        byte[] bytes = [.. new byte[8], .. labels];
        Header(bytes, 0x801, (uint)labels.Length);
        return bytes;
    }

    internal static void Header(Span<byte> bytes, params uint[] words)
    {
        for (var i = 0; i < words.Length; i++) BinaryPrimitives.WriteUInt32BigEndian(bytes[(4 * i)..], words[i]);
    }

    internal static byte[] Gzip(ReadOnlySpan<byte> bytes)
    {
        var packed = new MemoryStream();
        using (var gzip = new GZipStream(packed, CompressionLevel.Optimal)) gzip.Write(bytes);
        return packed.ToArray();
    }

    internal static DatasetFile Describe(string name, byte[] content) =>
        new(name, content.Length, Convert.ToHexStringLower(SHA256.HashData(content)));

    /// <summary>A data set of tiny files under the names of MNIST's.</summary>
    internal static (DatasetDescription Description, Dictionary<string, byte[]> Files) TinyDataset(int seed = 1)
    {
        var files = new Dictionary<string, byte[]>
        {
            ["train-images-idx3-ubyte"] = Images(6, 3, 2, seed),
            ["train-labels-idx1-ubyte"] = Labels(0, 1, 2, 0, 1, 2),
            ["t10k-images-idx3-ubyte"] = Images(2, 3, 2, seed + 1),
            ["t10k-labels-idx1-ubyte"] = Labels(2, 1),
        };
        DatasetFile Entry(string name) => Describe(name, files[name]);
        return (new DatasetDescription
        {
            Name = "tiny",
            Format = new IdxFormat(
                Entry("train-images-idx3-ubyte"), Entry("train-labels-idx1-ubyte"), Entry("t10k-images-idx3-ubyte"), Entry("t10k-labels-idx1-ubyte")),
            ClassNames = ["a", "b", "c"],
        }, files);
    }
}
