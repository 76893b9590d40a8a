using DeepNative.Cli.Images;

namespace DeepNative.Tests.Cli;

[TestFixture]
public class PngReaderTests
{
    [Test]
    public void The_check_value_is_the_one_of_the_standard()
    {
        // The check of CRC-32/ISO-HDLC, and the IEND chunk as every PNG file ends.
        Assert.That(PngReader.Crc("123456789"u8), Is.EqualTo(0xCBF43926));
        Assert.That(PngReader.Crc("IEND"u8), Is.EqualTo(0xAE426082));
    }

    [TestCase(0, 1)]
    [TestCase(2, 3)]
    public void Opaque_pixels_come_back(int color, int channels)
    {
        var rows = RandomBytes(13 * 11 * channels);
        var picture = PngReader.Read(PngEncoder.Encode(13, 11, 8, color, rows));
        Assert.That((picture.Width, picture.Height, picture.Channels), Is.EqualTo((13, 11, channels)));
        Assert.That(picture.Pixels, Is.EqualTo(rows));
    }

    [TestCase(4, 1)]
    [TestCase(6, 3)]
    public void Transparent_pixels_are_laid_on_white(int color, int channels)
    {
        var rows = RandomBytes(9 * 7 * (channels + 1));
        var picture = PngReader.Read(PngEncoder.Encode(9, 7, 8, color, rows));
        Assert.That(picture.Channels, Is.EqualTo(channels));
        for (var i = 0; i < 9 * 7; i++)
        {
            var alpha = rows[i * (channels + 1) + channels] / 255.0;
            for (var channel = 0; channel < channels; channel++)
            {
                var expected = rows[i * (channels + 1) + channel] * alpha + 255 * (1 - alpha);
                Assert.That(picture.Pixels[i * channels + channel], Is.EqualTo(expected).Within(0.51));
            }
        }
    }

    [TestCase(1)]
    [TestCase(2)]
    [TestCase(4)]
    public void Grey_values_of_few_bits_cover_the_whole_range(int bits)
    {
        const int width = 5;
        var rowBytes = (width * bits + 7) / 8;
        var rows = RandomBytes(rowBytes * 3);
        var picture = PngReader.Read(PngEncoder.Encode(width, 3, bits, 0, rows));
        for (var y = 0; y < 3; y++)
        {
            var text = string.Concat(rows[(y * rowBytes)..((y + 1) * rowBytes)].Select(value => Convert.ToString(value, 2).PadLeft(8, '0')));
            for (var x = 0; x < width; x++)
            {
                var value = Convert.ToInt32(text.Substring(x * bits, bits), 2);
                Assert.That(picture.Pixels[y * width + x], Is.EqualTo(value * 255 / ((1 << bits) - 1)));
            }
        }
    }

    [Test]
    public void Palette_colours_and_their_transparency_are_looked_up()
    {
        byte[] palette = [10, 20, 30, 40, 50, 60, 70, 80, 90];
        var png = PngEncoder.Encode(3, 1, 8, 3, [2, 0, 1], PngEncoder.Chunk("PLTE", palette), PngEncoder.Chunk("tRNS", [255, 0]));
        Assert.That(PngReader.Read(png).Pixels, Is.EqualTo(new byte[] { 70, 80, 90, 10, 20, 30, 255, 255, 255 }));
    }

    [Test]
    public void Every_truncation_is_refused()
    {
        var png = PngEncoder.Encode(6, 6, 8, 0, RandomBytes(36));
        for (var length = PngEncoder.Signature.Length; length < png.Length; length++)
            Assert.That(() => PngReader.Read(png.AsSpan(0, length)), Throws.InstanceOf<InvalidDataException>(), $"length {length}");
    }

    [Test]
    public void Every_flipped_byte_is_refused()
    {
        var png = PngEncoder.Encode(6, 6, 8, 0, RandomBytes(36));
        for (var i = PngEncoder.Signature.Length; i < png.Length; i++)
        {
            var damaged = (byte[])png.Clone();
            damaged[i] ^= 0x20;
            Assert.That(() => PngReader.Read(damaged), Throws.InstanceOf<InvalidDataException>(), $"byte {i}");
        }
    }

    [Test]
    public void Files_that_lie_or_are_unsupported_say_what_is_wrong()
    {
        var pixels = PngEncoder.Chunk("IDAT", PngEncoder.Deflate(new byte[4 * 5]));
        var end = PngEncoder.Chunk("IEND", []);
        Refuses("size", PngEncoder.Header(0, 4, 8, 0), pixels, end);
        Refuses("size", PngEncoder.Header(int.MaxValue, int.MaxValue, 8, 6), pixels, end);
        Refuses("16 bits", PngEncoder.Header(4, 4, 16, 0), pixels, end);
        Refuses("colour type", PngEncoder.Header(4, 4, 8, 5), pixels, end);
        Refuses("interlaced", PngEncoder.Header(4, 4, 8, 0, interlace: 1), pixels, end);
        Refuses("bytes of pixels", PngEncoder.Header(4, 5, 8, 0), pixels, end);
        Refuses("more than", PngEncoder.Header(4, 3, 8, 0), pixels, end);
        Refuses("damaged pixels", PngEncoder.Header(4, 4, 8, 0), PngEncoder.Chunk("IDAT", [1, 2, 3, 4, 5, 6, 7, 8]), end);
        Refuses("filter", PngEncoder.Header(4, 4, 8, 0), PngEncoder.Chunk("IDAT", PngEncoder.Deflate([.. Enumerable.Repeat((byte)9, 20)])), end);
        Refuses("palette", PngEncoder.Header(4, 4, 8, 3), pixels, end);
        Refuses("critical", PngEncoder.Header(4, 4, 8, 0), PngEncoder.Chunk("ABCD", [1]), pixels, end);
        Refuses("before IHDR", pixels, end);
        Refuses("two IHDR", PngEncoder.Header(4, 4, 8, 0), PngEncoder.Header(4, 4, 8, 0), pixels, end);
        Assert.That(PngReader.Read(PngEncoder.File(PngEncoder.Header(4, 4, 8, 0), PngEncoder.Chunk("tEXt", [1]), pixels, end)).Width, Is.EqualTo(4));
    }

    [Test]
    public void The_file_is_named_in_the_error()
    {
        var path = Path.Combine(TestContext.CurrentContext.WorkDirectory, "not-an-image.png");
        File.WriteAllText(path, "GIF89a");
        Assert.That(() => PictureFile.Read(path), Throws.InstanceOf<InvalidDataException>().With.Message.Contains("not-an-image.png"));
        File.WriteAllBytes(path, [.. PngEncoder.Signature, 0]);
        Assert.That(() => PictureFile.Read(path), Throws.InstanceOf<InvalidDataException>().With.Message.Contains("not-an-image.png"));
    }

    private static void Refuses(string reason, params byte[][] chunks) =>
        Assert.That(() => PngReader.Read(PngEncoder.File(chunks)), Throws.InstanceOf<InvalidDataException>().With.Message.Contains(reason));

    private static byte[] RandomBytes(int count)
    {
        var bytes = new byte[count];
        new Random(count).NextBytes(bytes);
        return bytes;
    }
}
