using System.Text;
using DeepNative.Data;
using FsCheck;
using FsCheck.Fluent;

namespace DeepNative.Tests.Data;

[TestFixture]
public sealed class ImageFileTests
{
    private string _folder = "";

    [SetUp]
    public void MakeFolder() => _folder = Directory.CreateTempSubdirectory("dn-image-").FullName;

    [TearDown]
    public void RemoveFolder() => Directory.Delete(_folder, recursive: true);

    private string Put(params byte[] bytes)
    {
        var path = Path.Combine(_folder, "image");
        File.WriteAllBytes(path, bytes);
        return path;
    }

    private string Put(string text) => Put(Encoding.Latin1.GetBytes(text));

    [TestCase("P2 3 2 255 0 1 2 253 254 255")]
    [TestCase("P2\n# made by hand\n3 # width\n2\n255\n0 1 2\n253 254 255\n# end")]
    [TestCase("P5\n3 2\n255\n\u0000\u0001\u0002\u00fd\u00fe\u00ff")]
    [TestCase("P5 #x\r\n3 2 255 \u0000\u0001\u0002\u00fd\u00fe\u00ff")]
    public void ReadsPgm(string text)
    {
        var image = ImageFile.Read(Put(text));
        Assert.That((image.Width, image.Height), Is.EqualTo((3, 2)));
        Assert.That(image.Pixels, Is.EqualTo(new byte[] { 0, 1, 2, 253, 254, 255 }));
    }

    [TestCase("P2 3 1 15 0 7 15", new byte[] { 0, 119, 255 })]
    [TestCase("P2 3 1 1 0 1 1", new byte[] { 0, 255, 255 })]
    [TestCase("P5 2 1 65535 \u0080\u0000\u00ff\u00ff", new byte[] { 128, 255 })]
    public void OtherMaximaAreScaled(string text, byte[] pixels) =>
        Assert.That(ImageFile.Read(Put(text)).Pixels, Is.EqualTo(pixels));

    [TestCase("P6 1 1 255 abc", "expected a PGM file")]
    [TestCase("P5 2 2 255 abc", "do not make 2 x 2")]
    [TestCase("P5 2 2 255 abcde", "do not make 2 x 2")]
    [TestCase("P5 99999 2 255 abcde", "width")]
    [TestCase("P5 99999999999999999999 2 255 abcde", "width")]
    [TestCase("P5 65536 65536 255 abcde", "do not make 65536 x 65536")]
    [TestCase("P5 0 2 255 ", "at least 1")]
    [TestCase("P5 1 1 0 a", "maximum")]
    [TestCase("P5 1 1 65536 a", "maximum")]
    [TestCase("P5 1 1 10 \u000b", "is 11, expected at most 10")]
    [TestCase("P5 1 1 255", "no white space")]
    [TestCase("P5 x", "no number")]
    [TestCase("P5", "no white space")]
    [TestCase("P2 2 1 255 1", "do not make 2 x 1")]
    [TestCase("P2 2 1 255 11 ", "no number")]
    [TestCase("P2 2 1 255 1 256", "more than 255")]
    [TestCase("P2 2 1 255 1 2 3", "follow the image")]
    [TestCase("P2 2 1 255 1 -2", "no number")]
    [TestCase("", "expected a PGM file")]
    public void BrokenPgmIsRefused(string text, string says)
    {
        var path = Put(text);
        Assert.That(() => ImageFile.Read(path), Throws.TypeOf<InvalidDataException>()
            .With.Message.StartsWith(path).And.Message.Contains(says));
    }

    [Test]
    public void ReadsIdxItems()
    {
        var bytes = IdxFixture.Images(3, 2, 2);
        foreach (var path in new[] { Put(bytes), Put(IdxFixture.Gzip(bytes)) })
            Assert.That(ImageFile.Read(path, item: 2).Pixels, Is.EqualTo(bytes[24..28]));
        Assert.That(() => ImageFile.Read(Put(bytes), item: 3), Throws.InstanceOf<ArgumentOutOfRangeException>());
        Assert.That(() => ImageFile.Read(Put("P2 1 1 255 1"), item: 1), Throws.InstanceOf<ArgumentOutOfRangeException>());
        Assert.That(() => ImageFile.Read(Put(IdxFixture.Labels(1))), Throws.TypeOf<InvalidDataException>());
    }

    [Test]
    public void AnyBytesAreAnImageOrRefused() =>
        Prop.ForAll(ArbMap.Default.ArbFor<byte[]>(), ArbMap.Default.ArbFor<bool>(), (bytes, text) =>
        {
            try
            {
                var image = ImageFile.Read(Put([(byte)'P', (byte)(text ? '2' : '5'), .. bytes]));
                return image.Pixels.Length == image.Width * image.Height;
            }
            catch (InvalidDataException)
            {
                return true;
            }
        }).Check(Config.QuickThrowOnFailure.WithMaxTest(500));

    [Test]
    public void PixelsMustFit()
    {
        Assert.That(() => new GrayImage(2, 2, new byte[5]), Throws.ArgumentException);
        Assert.That(() => new GrayImage(0, 2, []), Throws.InstanceOf<ArgumentOutOfRangeException>());
    }
}
