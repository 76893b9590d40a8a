using System.Text;
using DeepNative.Cli;
using DeepNative.Cli.Images;
using DeepNative.Data;
using DeepNative.Tests.Data;

namespace DeepNative.Tests.Cli;

[TestFixture]
public sealed class PictureFileTests
{
    private string _folder = "";

    [OneTimeSetUp]
    public void RequireLibrary() => PictureLibrary.Require();

    [SetUp]
    public void MakeFolder() => _folder = Directory.CreateTempSubdirectory("dn-picture-").FullName;

    [TearDown]
    public void RemoveFolder() => Directory.Delete(_folder, recursive: true);

    private string Put(string name, byte[] bytes)
    {
        var path = Path.Combine(_folder, name);
        File.WriteAllBytes(path, bytes);
        return path;
    }

    [Test]
    public void Planes_are_channels_first_and_can_be_inverted()
    {
        var file = PictureFile.Read(Put("grün.jpg", Encoding.Latin1.GetBytes("P6 2 1 255 \u0001\u0002\u0003\u0004\u0005\u0006")));
        Assert.That((file.Width, file.Height), Is.EqualTo((2, 1)));
        Assert.That(file.ToPlanes(3, 1, 2, invert: false), Is.EqualTo(new byte[] { 1, 4, 2, 5, 3, 6 }));
        Assert.That(file.ToPlanes(3, 1, 2, invert: true), Is.EqualTo(new byte[] { 254, 251, 253, 250, 252, 249 }));
        Assert.That(file.ToPlanes(1, 1, 2, invert: false), Is.EqualTo(new byte[] { 2, 5 }));
        Assert.That(file.ToPlanes(3, 4, 5, invert: false), Has.Length.EqualTo(60));
    }

    [Test]
    public void Items_of_an_IDX_file_have_numbers()
    {
        var bytes = IdxFixture.Images(3, 2, 2);
        foreach (var path in (string[])[Put("items", bytes), Put("items.gz", IdxFixture.Gzip(bytes))])
        {
            Assert.That(PictureFile.Read(path + ":2").ToPlanes(1, 2, 2, invert: false), Is.EqualTo(bytes[24..28]));
            Assert.That(PictureFile.Read(path).ToPlanes(3, 2, 2, invert: false)[8..], Is.EqualTo(bytes[16..20]));
            Assert.That(() => PictureFile.Read(path + ":3"), Throws.TypeOf<UsageException>().With.Message.Contains("no item 3"));
        }

        Assert.That(() => PictureFile.Read(Put("labels", IdxFixture.Labels(1))), Throws.TypeOf<InvalidDataException>());
        Assert.That(() => PictureFile.Read(Put("one.pgm", "P2 1 1 255 1"u8.ToArray()) + ":1"), Throws.TypeOf<UsageException>());
    }

    [Test]
    public void Bad_files_are_named()
    {
        var png = PictureEncoder.Png(new Picture(6, 5, 3, new byte[90]));
        foreach (var path in (string[])[Put("cut.png", png[..^20]), Put("animation.gif", "GIF89a"u8.ToArray()), Put("empty.jpg", [])])
            Assert.That(() => PictureFile.Read(path), Throws.TypeOf<PictureException>().With.Message.StartsWith(path));
        png[^20] ^= 1;
        var damaged = Put("damaged.png", png);
        Assert.That(() => PictureFile.Read(damaged).ToPlanes(3, 5, 6, invert: false), Throws.TypeOf<PictureException>().With.Message.StartsWith(damaged));
        Assert.That(() => PictureFile.Read(Path.Combine(_folder, "none.png")), Throws.TypeOf<FileNotFoundException>());
    }
}
