using System.Drawing;
using System.Text;
using DeepNative.Data;
using FsCheck;
using FsCheck.Fluent;

namespace DeepNative.Tests.Data;

/// <summary>The managed side of the decoders; what they decode is tested natively and beside Pillow.</summary>
[TestFixture]
public sealed class PictureTests
{
    private static readonly byte[] _planes = [.. Enumerable.Range(0, 3 * 4 * 5).Select(i => (byte)(i * 37))];

    [OneTimeSetUp]
    public void RequireLibrary() => PictureLibrary.Require();

    [Test]
    public void A_written_PNG_reads_back([Values(1, 3)] int channels)
    {
        var file = PictureEncoder.Png(new Picture(5, 4, channels, _planes[..(channels * 20)]));
        Assert.That(PictureDecoder.Probe(file), Is.EqualTo(new PictureInfo(PictureFormat.Png, 5, 4, channels, 8)));
        var picture = PictureDecoder.Decode(file);
        Assert.That((picture.Width, picture.Height, picture.Channels), Is.EqualTo((5, 4, channels)));
        Assert.That(picture.Planes, Is.EqualTo(_planes[..(channels * 20)]));
        Assert.That(PictureDecoder.Decode(file, 3).Planes, Has.Length.EqualTo(60));
    }

    [Test]
    public void Noise_of_any_size_fits_into_the_room_for_a_PNG([Values(1, 7, 300)] int width, [Values(1, 3)] int channels)
    {
        var planes = new byte[channels * 41 * width];
        new Random(1).NextBytes(planes);
        Assert.That(PictureDecoder.Decode(PictureEncoder.Png(new Picture(width, 41, channels, planes))).Planes, Is.EqualTo(planes));
    }

    [Test]
    public void A_crop_is_cut_out_and_mirrored()
    {
        var file = PictureEncoder.Png(new Picture(5, 4, 1, [.. Enumerable.Range(0, 20).Select(i => (byte)i)]));
        var planes = new byte[6];
        PictureDecoder.DecodeResized(file, 1, new Rectangle(1, 2, 3, 2), 3, 2, flip: false, planes);
        Assert.That(planes, Is.EqualTo(new byte[] { 11, 12, 13, 16, 17, 18 }));
        PictureDecoder.DecodeResized(file, 1, new Rectangle(1, 2, 3, 2), 3, 2, flip: true, planes);
        Assert.That(planes, Is.EqualTo(new byte[] { 13, 12, 11, 18, 17, 16 }));
        PictureDecoder.DecodeResized(file, 1, Rectangle.Empty, 3, 2, flip: false, planes);
        Assert.That(planes, Is.Ordered);
    }

    [Test]
    public void Masks_keep_their_values()
    {
        Assert.That(PictureDecoder.DecodeIndices("P2 3 1 20 0 7 20"u8).Planes, Is.EqualTo(new byte[] { 0, 7, 20 }));
        Assert.That(PictureDecoder.Decode("P2 3 1 20 0 7 20"u8).Planes, Is.EqualTo(new byte[] { 0, 89, 255 }));
        Assert.That(() => PictureDecoder.DecodeIndices("P3 1 1 255 1 2 3"u8), Throws.TypeOf<PictureException>().With.Message.Contains("indices"));
    }

    [Test]
    public void Bad_pictures_and_bad_requests_are_told_apart()
    {
        Assert.That(() => PictureDecoder.Probe([]), Throws.TypeOf<PictureException>().With.Message.Contains("empty"));
        Assert.That(() => PictureDecoder.Decode("GIF89a"u8), Throws.TypeOf<PictureException>().With.Message.Contains("a GIF"));
        var limits = new PictureLimits { MaxPixels = 5 };
        Assert.That(() => PictureDecoder.Decode("P2 3 2 20 0 7 2 0 1 1"u8, limits: limits), Throws.TypeOf<PictureException>().With.Message.Contains("3 x 2"));
        Assert.That(() => PictureDecoder.Probe("P2 1 1 9 9"u8, new PictureLimits { MaxBytes = 3 }), Throws.TypeOf<PictureException>());
        var file = "P2 3 1 20 0 7 20"u8.ToArray();
        Assert.That(() => PictureDecoder.DecodeResized(file, 1, new Rectangle(1, 0, 3, 1), 1, 1, false, new byte[1]), Throws.ArgumentException);
        Assert.That(() => PictureDecoder.DecodeResized(file, 1, default, 2, 1, false, new byte[1]), Throws.ArgumentException);
        Assert.That(() => PictureDecoder.Decode(file, channels: 2), Throws.InstanceOf<ArgumentException>());
        Assert.That(() => new PictureLimits { MaxPixels = 0 }, Throws.InstanceOf<ArgumentOutOfRangeException>());
        var error = new PictureException("truncated").At("/ä/b.png");
        Assert.That((error.Message, error.Path), Is.EqualTo(("/ä/b.png: truncated", "/ä/b.png")));
        Assert.That(() => new Picture(2, 2, 1, new byte[5]), Throws.ArgumentException);
        Assert.That(() => new Picture(2, 2, 2, new byte[8]), Throws.InstanceOf<ArgumentOutOfRangeException>());
        Assert.That(() => new Picture(0, 2, 1, []), Throws.InstanceOf<ArgumentOutOfRangeException>());
    }

    [Test]
    public void Any_bytes_are_a_picture_or_refused() =>
        Prop.ForAll(ArbMap.Default.ArbFor<byte[]>(), ArbMap.Default.ArbFor<byte>(), (bytes, kind) =>
        {
            try
            {
                var picture = PictureDecoder.Decode(Encoding.Latin1.GetBytes($"P{1 + kind % 6}").Concat(bytes).ToArray());
                return picture.Planes.Length == picture.Channels * picture.Width * picture.Height;
            }
            catch (PictureException)
            {
                return true;
            }
        }).Check(Config.QuickThrowOnFailure.WithMaxTest(500));
}
