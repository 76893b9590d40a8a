using System.Buffers.Binary;
using System.Text;
using DeepNative.Serialization;
using FsCheck;
using FsCheck.Fluent;
using NUnit.Framework;

namespace DeepNative.Tests.Serialization;

[TestFixture]
public sealed class SafeTensorsTests
{
    private string _folder = "";

    [SetUp]
    public void MakeFolder() => _folder = Directory.CreateTempSubdirectory("dn-safetensors-").FullName;

    [TearDown]
    public void RemoveFolder() => Directory.Delete(_folder, recursive: true);

    private string Target => Path.Combine(_folder, "model.safetensors");

    private static TensorEntry[] Sample() =>
    [
        TensorEntry.Create<byte>("mask", [3], new byte[] { 1, 2, 3 }),
        TensorEntry.Create<float>("conv.weight", [2, 1, 2], new[] { 1f, -2f, float.NaN, float.Epsilon }),
        TensorEntry.Create<double>("scale", [], new[] { Math.PI }),
        TensorEntry.Create<Half>("half", [2], new[] { (Half)0.5f, Half.MaxValue }),
        TensorEntry.Create("brain", SafeTensorType.BF16, [1], new byte[] { 0x80, 0x3f }),
        TensorEntry.Create<long>("step", [1], new[] { long.MinValue }),
        TensorEntry.Create<int>("labels", [2, 2], new[] { 1, 2, 3, -4 }),
        TensorEntry.Create<bool>("flags", [2], new[] { true, false }),
        TensorEntry.Create<float>("empty", [4, 0], Array.Empty<float>()),
    ];

    [Test]
    public void EveryTypeComesBack()
    {
        SafeTensors.Write(Target, Sample(), new Dictionary<string, string> { ["model"] = "mnistnet", ["é\"\n"] = "ü\\" });
        using var file = SafeTensors.Open(Target);
        Assert.That(file.Names, Is.EqualTo(new[]
            { "brain", "conv.weight", "empty", "flags", "half", "labels", "mask", "scale", "step" }));
        Assert.That(file.Metadata, Is.EquivalentTo(new Dictionary<string, string>
            { ["model"] = "mnistnet", ["é\"\n"] = "ü\\" }));
        var weight = new float[4];
        file.Read("conv.weight", weight.AsSpan());
        Assert.That(weight, Is.EqualTo(new[] { 1f, -2f, float.NaN, float.Epsilon }));
        Assert.That(file.Info("conv.weight").Shape.ToArray(), Is.EqualTo(new long[] { 2, 1, 2 }));
        Assert.That(file.Info("scale").Shape.Length, Is.Zero);
        Assert.That(file.Info("empty").Numel, Is.Zero);
        Check(file, "mask", SafeTensorType.U8, [1, 2, 3]);
        Check(file, "scale", SafeTensorType.F64, BitConverter.GetBytes(Math.PI));
        Check(file, "half", SafeTensorType.F16, [0x00, 0x38, 0xff, 0x7b]);
        Check(file, "brain", SafeTensorType.BF16, [0x80, 0x3f]);
        Check(file, "step", SafeTensorType.I64, [0, 0, 0, 0, 0, 0, 0, 0x80]);
        Check(file, "labels", SafeTensorType.I32, [1, 0, 0, 0, 2, 0, 0, 0, 3, 0, 0, 0, 0xfc, 0xff, 0xff, 0xff]);
        Check(file, "flags", SafeTensorType.Bool, [1, 0]);
        Check(file, "empty", SafeTensorType.F32, []);
    }

    private static void Check(SafeTensorsFile file, string name, SafeTensorType type, byte[] bytes)
    {
        Assert.That(file.Info(name).Type, Is.EqualTo(type), name);
        var found = new byte[file.Info(name).Bytes];
        file.Read(name, found);
        Assert.That(found, Is.EqualTo(bytes), name);
    }

    [Test]
    public void OrderOfTheTensorsDoesNotMatter()
    {
        var entries = Sample();
        SafeTensors.Write(Target, entries);
        var first = File.ReadAllBytes(Target);
        Array.Reverse(entries);
        SafeTensors.Write(Target, entries);
        Assert.That(File.ReadAllBytes(Target), Is.EqualTo(first));
        Assert.That(BinaryPrimitives.ReadInt64LittleEndian(first) % 8, Is.Zero, "the header is padded to 8 bytes");
    }

    [Test]
    public void WritesTheBytesOfTheFormat()
    {
        SafeTensors.Write(Target, [TensorEntry.Create<float>("a", [1], new[] { 1f })]);
        const string header = """{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}""";
        var padded = header.PadRight((header.Length + 7) / 8 * 8);
        byte[] expected = [(byte)padded.Length, 0, 0, 0, 0, 0, 0, 0, .. Encoding.UTF8.GetBytes(padded), 0, 0, 0x80, 0x3f];
        Assert.That(File.ReadAllBytes(Target), Is.EqualTo(expected));
    }

    [Test]
    public void RandomTensorsComeBack()
    {
        var types = Enum.GetValues<SafeTensorType>();
        var generator =
            from count in Gen.Choose(0, 6)
            from shapes in Gen.ArrayOf(Gen.Choose(0, 4).SelectMany(rank => Gen.Choose(0, 4).ListOf(rank)), count)
            from kinds in Gen.ArrayOf(Gen.Choose(0, types.Length - 1), count)
            from seed in Gen.Choose(0, int.MaxValue)
            select (shapes, kinds, seed);
        Prop.ForAll(generator.ToArbitrary(), sample =>
        {
            var random = new Random(sample.seed);
            var entries = new List<TensorEntry>();
            var data = new Dictionary<string, byte[]>();
            for (var i = 0; i < sample.shapes.Length; i++)
            {
                var shape = sample.shapes[i].Select(size => (long)size).ToArray();
                var type = types[sample.kinds[i]];
                var bytes = new byte[shape.Aggregate(1L, (a, b) => a * b) * type.ElementBytes()];
                random.NextBytes(bytes);
                data[$"t{i}"] = bytes;
                entries.Add(TensorEntry.Create($"t{i}", type, shape, bytes));
            }

            SafeTensors.Write(Target, entries);
            using var file = SafeTensors.Open(Target);
            if (file.Names.Count != entries.Count) return false;
            foreach (var entry in entries)
            {
                var found = new byte[file.Info(entry.Name).Bytes];
                file.Read(entry.Name, found);
                if (!found.AsSpan().SequenceEqual(data[entry.Name])) return false;
                if (!file.Info(entry.Name).Shape.SequenceEqual(entry.Shape)) return false;
            }

            return true;
        }).QuickCheckThrowOnFailure();
    }

    [Test]
    public void RandomDamageIsRefusedOrHarmless()
    {
        SafeTensors.Write(Target, Sample(), new Dictionary<string, string> { ["k"] = "v" });
        var good = File.ReadAllBytes(Target);
        var refused = 0;
        var edit = Gen.Choose(0, 2).SelectMany(_ => Gen.Choose(0, good.Length - 1), (kind, at) => (kind, at))
            .SelectMany(_ => Gen.Choose(0, 255), (where, value) => (where.kind, where.at, value));
        Prop.ForAll(edit.ToArbitrary(), change =>
        {
            var bytes = change.kind switch
            {
                0 => good[..change.at],
                1 => [.. good, (byte)change.value],
                _ => (byte[])good.Clone(),
            };
            if (change.kind == 2) bytes[change.at] = (byte)change.value;
            File.WriteAllBytes(Target, bytes);
            try
            {
                using var file = SafeTensors.Open(Target);
                foreach (var name in file.Names) file.Read(name, new byte[file.Info(name).Bytes]);
                return change.kind == 2; // a changed byte may leave a legal file, a changed length never
            }
            catch (InvalidDataException error)
            {
                refused++;
                return error.Message.StartsWith(Target, StringComparison.Ordinal);
            }
        }).Check(Config.QuickThrowOnFailure.WithMaxTest(1000));
        Assert.That(refused, Is.GreaterThan(300));
    }

    private const string A = "\"a\":{\"dtype\":\"U8\",\"shape\":[4],\"data_offsets\":[0,4]}";

    [TestCase("[]", 0, "begin with '{'")]
    [TestCase("", 0, "begin with '{'")]
    [TestCase("{" + A, 4, "not valid JSON")]
    [TestCase("{" + A + "} x", 4, "not valid JSON")]
    [TestCase("{" + A + "," + A + "}", 4, "appears twice")]
    [TestCase("{\"a\":7}", 0, "expected an object")]
    [TestCase("{\"a\":{}}", 0, "needs dtype, shape and two data_offsets")]
    [TestCase("{\"a\":{\"dtype\":\"U9\",\"shape\":[4],\"data_offsets\":[0,4]}}", 4, "dtype 'U9'")]
    [TestCase("{\"a\":{\"dtype\":3,\"shape\":[4],\"data_offsets\":[0,4]}}", 4, "dtype 'Number'")]
    [TestCase("{\"a\":{\"dtype\":\"U8\",\"dtype\":\"U8\",\"shape\":[4],\"data_offsets\":[0,4]}}", 4, "two 'dtype'")]
    [TestCase("{\"a\":{\"dtype\":\"U8\",\"form\":1}}", 4, "expected only dtype")]
    [TestCase("{\"a\":{\"dtype\":\"U8\",\"shape\":[4],\"data_offsets\":[0]}}", 4, "two data_offsets")]
    [TestCase("{\"a\":{\"dtype\":\"U8\",\"shape\":[-4],\"data_offsets\":[0,4]}}", 4, "not an integer")]
    [TestCase("{\"a\":{\"dtype\":\"U8\",\"shape\":[4.5],\"data_offsets\":[0,4]}}", 4, "not an integer")]
    [TestCase("{\"a\":{\"dtype\":\"U8\",\"shape\":[[4]],\"data_offsets\":[0,4]}}", 4, "not valid JSON")]
    [TestCase("{\"a\":{\"dtype\":\"U8\",\"shape\":[18446744073709551616],\"data_offsets\":[0,4]}}", 4, "not an integer")]
    [TestCase("{\"a\":{\"dtype\":\"F32\",\"shape\":[4294967296,4294967296],\"data_offsets\":[0,0]}}", 0, "64-bit")]
    [TestCase("{\"a\":{\"dtype\":\"F64\",\"shape\":[0,4611686018427387904],\"data_offsets\":[0,0]}}", 0, "64-bit")]
    [TestCase("{\"a\":{\"dtype\":\"U8\",\"shape\":[5],\"data_offsets\":[0,4]}}", 4, "expected 5 bytes")]
    [TestCase("{\"a\":{\"dtype\":\"U8\",\"shape\":[4],\"data_offsets\":[4,0]}}", 4, "expected 4 bytes")]
    [TestCase("{" + A + "}", 3, "ends at byte 4 of the data, which has 3")]
    [TestCase("{" + A + "}", 5, "1 bytes follow")]
    [TestCase("{" + A + ",\"b\":{\"dtype\":\"U8\",\"shape\":[4],\"data_offsets\":[2,6]}}", 6, "inside the tensor")]
    [TestCase("{" + A + ",\"b\":{\"dtype\":\"U8\",\"shape\":[4],\"data_offsets\":[5,9]}}", 9, "no tensor covers")]
    [TestCase("{\"b\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[0,1]},"
        + "\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[1,5]}}", 5, "multiple of 4")]
    [TestCase("{\"__metadata__\":3}", 0, "object of strings")]
    [TestCase("{\"__metadata__\":{\"a\":3}}", 0, "expected a string")]
    [TestCase("{\"__metadata__\":{\"a\":\"x\",\"a\":\"y\"}}", 0, "appears twice")]
    [TestCase("{\"__metadata__\":{},\"__metadata__\":{}}", 0, "appears twice")]
    [TestCase("{\"\\ud800\":" + "{\"dtype\":\"U8\",\"shape\":[0],\"data_offsets\":[0,0]}}", 0, "broken text")]
    public void BrokenHeader(string header, int dataBytes, string says)
    {
        WriteRaw((ulong)Encoding.UTF8.GetByteCount(header), header, dataBytes);
        Assert.That(() => SafeTensors.Open(Target), Throws.TypeOf<InvalidDataException>()
            .With.Message.StartsWith(Target).And.Message.Contains(says));
    }

    [TestCase(ulong.MaxValue)]
    [TestCase(1ul << 63)]
    [TestCase(100_000_001ul)]
    [TestCase(3ul)]
    public void HeaderLongerThanTheFile(ulong claimed)
    {
        WriteRaw(claimed, "{}", 0);
        Assert.That(() => SafeTensors.Open(Target), Throws.TypeOf<InvalidDataException>()
            .With.Message.Contains($"claims a header of {claimed} bytes"));
    }

    [Test]
    public void HugeHeaderIsRefusedBeforeItIsRead()
    {
        using (var file = File.Create(Target))
        {
            file.Write([0x01, 0xe1, 0xf5, 0x05, 0, 0, 0, 0]); // 100,000,001
            file.SetLength(200_000_000); // sparse
        }

        var before = GC.GetAllocatedBytesForCurrentThread();
        Assert.That(() => SafeTensors.Open(Target), Throws.TypeOf<InvalidDataException>());
        Assert.That(GC.GetAllocatedBytesForCurrentThread() - before, Is.LessThan(1_000_000));
    }

    [Test]
    public void WrongUseIsNamed()
    {
        SafeTensors.Write(Target, Sample());
        using var file = SafeTensors.Open(Target);
        Assert.That(() => file.Info("conv.bias"), Throws.TypeOf<KeyNotFoundException>()
            .With.Message.Contains("'conv.bias'").And.Message.Contains("conv.weight"));
        Assert.That(() => file.Read("mask", new byte[2]), Throws.ArgumentException.With.Message.Contains("U8 (3)"));
        Assert.That(() => file.Read("mask", new float[3].AsSpan()), Throws.ArgumentException.With.Message.Contains("F32"));
        file.Dispose();
        Assert.That(() => file.Read("mask", new byte[3]), Throws.TypeOf<ObjectDisposedException>());
        Assert.That(() => TensorEntry.Create<float>("w", [2, 3], new float[5]), Throws.ArgumentException);
        Assert.That(() => TensorEntry.Create<float>("w", [long.MaxValue, 3], new float[5]), Throws.ArgumentException);
        Assert.That(() => TensorEntry.Create<char>("w", [1], new char[1]), Throws.ArgumentException);
        var twice = new[] { TensorEntry.Create<int>("w", [1], new int[1]), TensorEntry.Create<int>("w", [1], new int[1]) };
        Assert.That(() => SafeTensors.Write(Target, twice), Throws.ArgumentException.With.Message.Contains("'w'"));
        Assert.That(() => SafeTensors.Write(Target, [TensorEntry.Create<int>("__metadata__", [1], new int[1])]),
            Throws.ArgumentException);
    }

    private void WriteRaw(ulong headerBytes, string header, int dataBytes)
    {
        using var file = File.Create(Target);
        Span<byte> prefix = stackalloc byte[8];
        BinaryPrimitives.WriteUInt64LittleEndian(prefix, headerBytes);
        file.Write(prefix);
        file.Write(Encoding.UTF8.GetBytes(header));
        file.Write(new byte[dataBytes]);
    }
}
