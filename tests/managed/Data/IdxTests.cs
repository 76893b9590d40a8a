using DeepNative.Data;
using FsCheck;
using FsCheck.Fluent;

namespace DeepNative.Tests.Data;

[TestFixture]
public sealed class IdxTests
{
    private string _folder = "";

    [SetUp]
    public void MakeFolder() => _folder = Directory.CreateTempSubdirectory("dn-idx-").FullName;

    [TearDown]
    public void RemoveFolder() => Directory.Delete(_folder, recursive: true);

    private string Put(byte[] bytes)
    {
        var path = Path.Combine(_folder, "file");
        File.WriteAllBytes(path, bytes);
        return path;
    }

    private static byte[] Pack(byte[] bytes, bool packed) => packed ? IdxFixture.Gzip(bytes) : bytes;

    [Test]
    public void ReadsImagesAndLabels([Values] bool packed)
    {
        var bytes = IdxFixture.Images(5, 4, 3);
        var images = Idx.ReadImages(Put(Pack(bytes, packed)));
        Assert.That((images.Count, images.Height, images.Width), Is.EqualTo((5, 4, 3)));
        Assert.That(images.Pixels, Is.EqualTo(bytes[16..]));
        var labels = Idx.ReadLabels(Put(Pack(IdxFixture.Labels(9, 0, 255), packed)));
        Assert.That(labels, Is.EqualTo(new byte[] { 9, 0, 255 }));
    }

    [Test]
    public void ReadsOneItem([Values] bool packed)
    {
        var bytes = IdxFixture.Images(5, 4, 3);
        var path = Put(Pack(bytes, packed));
        for (var i = 0; i < 5; i++)
        {
            var item = Idx.ReadItem(path, i);
            Assert.That((item.Height, item.Width), Is.EqualTo((4, 3)));
            Assert.That(item.Planes, Is.EqualTo(bytes[(16 + 12 * i)..(28 + 12 * i)]));
        }

        Assert.That(() => Idx.ReadItem(path, 5), Throws.InstanceOf<ArgumentOutOfRangeException>().With.Message.Contains("5 images"));
        Assert.That(() => Idx.ReadItem(path, -1), Throws.InstanceOf<ArgumentOutOfRangeException>());
    }

    [Test]
    public void ReadsSeveralGzipMembers()
    {
        var bytes = IdxFixture.Images(5, 4, 3);
        byte[] packed = [.. IdxFixture.Gzip(bytes.AsSpan(0, 20)), .. IdxFixture.Gzip(bytes.AsSpan(20))];
        Assert.That(Idx.ReadImages(Put(packed)).Pixels, Is.EqualTo(bytes[16..]));
    }

    [Test]
    public void SecondGzipMemberThatRepeatsTheClaimedSizeIsRefused()
    {
        var packed = IdxFixture.Gzip(IdxFixture.Images(5, 4, 3));
        Refused(() => Idx.ReadImages(Put([.. packed, .. packed])), "more than the 60 bytes");
    }

    [Test]
    public void WrongMagicSaysWhatItIs([Values] bool packed)
    {
        Refused(() => Idx.ReadImages(Put(Pack(IdxFixture.Labels(1, 2), packed))), "0x00000801", "expected 0x00000803", "uint8 labels");
        Refused(() => Idx.ReadLabels(Put(Pack(IdxFixture.Images(1, 2, 2), packed))), "0x00000803", "expected 0x00000801");
        Refused(() => Idx.ReadImages(Put(Pack("<html><body>"u8.ToArray(), packed))), "0x3c68746d");
    }

    [Test]
    public void TooShortForAHeader([Values] bool packed, [Values(0, 3, 4, 15)] int length) =>
        Refused(() => Idx.ReadImages(Put(Pack(IdxFixture.Images(1, 2, 2)[..length], packed))), $"{length} bytes", "16");

    [Test]
    public void TruncatedOrOverLong([Values] bool packed, [Values(-1, 1, -20, 1000)] int change)
    {
        var bytes = IdxFixture.Images(5, 4, 3);
        Array.Resize(ref bytes, bytes.Length + change);
        Refused(() => Idx.ReadImages(Put(Pack(bytes, packed))), "76", "5 images of 4 x 3");
    }

    [TestCase(0x80000000u, 1u, 1u)]
    [TestCase(0xffffffffu, 0xffffffffu, 0xffffffffu)] // the product needs 96 bits
    [TestCase(0x10000u, 0x10000u, 0x10000u)] // the product is 0 in 32 bits
    [TestCase(60000u, 28u, 28u)]
    public void LyingHeaderIsRefusedBeforeMemoryIsTaken(uint count, uint height, uint width)
    {
        foreach (var packed in new[] { false, true })
        {
            var bytes = IdxFixture.Images(1, 8, 8);
            IdxFixture.Header(bytes, 0x803, count, height, width);
            var path = Put(Pack(bytes, packed));
            var before = GC.GetAllocatedBytesForCurrentThread();
            Refused(() => Idx.ReadImages(path), $"{count} images of {height} x {width}");
            Assert.That(GC.GetAllocatedBytesForCurrentThread() - before, Is.LessThan(1_000_000), $"packed: {packed}");
        }
    }

    [Test]
    public void TwoToThe31ItemsThatAreReallyThere()
    {
        var path = Path.Combine(_folder, "huge");
        using (var file = File.Create(path))
        {
            var header = new byte[8];
            IdxFixture.Header(header, 0x801, 0x80000000);
            file.Write(header);
            file.SetLength(8 + 0x80000000L); // sparse
        }

        Refused(() => Idx.ReadLabels(path), "2147483648 labels", "at most");
    }

    [TestCase(0u, 0u, 0u)]
    [TestCase(0u, 0xffffffffu, 1u)]
    [TestCase(7u, 0u, 3u)]
    public void SidesThatNoImageHas(uint count, uint height, uint width)
    {
        var bytes = new byte[16];
        IdxFixture.Header(bytes, 0x803, count, height, width);
        Refused(() => Idx.ReadImages(Put(bytes)), "claims");
    }

    [Test]
    public void DamagedGzip()
    {
        var packed = IdxFixture.Gzip(IdxFixture.Images(50, 4, 3));
        packed[packed.Length / 2] ^= 0xff;
        Refused(() => Idx.ReadImages(Put(packed)));
        Refused(() => Idx.ReadImages(Put(IdxFixture.Gzip(IdxFixture.Images(50, 4, 3))[..^20])));
    }

    [Test]
    public void RandomDamageIsRefusedOrHarmless()
    {
        byte[] plain = IdxFixture.Images(7, 5, 3), packed = IdxFixture.Gzip(plain);
        var edits = Gen.Choose(0, 1).SelectMany(_ => Gen.Choose(0, 2), (file, kind) => (file, kind))
            .SelectMany(_ => Gen.Choose(0, int.MaxValue - 1), (edit, at) => (edit.file, edit.kind, at))
            .SelectMany(_ => Gen.Choose(0, 255), (edit, value) => (edit.file, edit.kind, edit.at, value));
        var refused = 0;
        Prop.ForAll(edits.ToArbitrary(), edit =>
        {
            var bytes = (byte[])(edit.file == 0 ? plain : packed).Clone();
            var at = edit.at % bytes.Length;
            if (edit.kind == 0) Array.Resize(ref bytes, at);
            else if (edit.kind == 1) bytes[at] = (byte)edit.value;
            else bytes = [.. bytes[..at], (byte)edit.value, .. bytes[at..]];
            var path = Put(bytes);
            try
            {
                var images = Idx.ReadImages(path);
                return images.Pixels.Length == images.Count * images.Height * images.Width;
            }
            catch (InvalidDataException error)
            {
                refused++;
                return error.Message.StartsWith(path, StringComparison.Ordinal);
            }
        }).Check(Config.QuickThrowOnFailure.WithMaxTest(1000));
        Assert.That(refused, Is.GreaterThan(500));
    }

    private static void Refused(Action read, params string[] says)
    {
        var error = Assert.Throws<InvalidDataException>(read)!;
        Assert.That(error.Message, Does.Contain("file").Or.Contain("huge"));
        foreach (var part in says) Assert.That(error.Message, Does.Contain(part));
    }
}
