using System.Drawing;
using DeepNative.Data;
using DeepNative.Tests.Data;

namespace DeepNative.Tests.Golden;

/// <summary>Picture files that Pillow wrote, decoded beside Pillow.</summary>
internal sealed class PicturesGoldenTests
{
    private static IEnumerable<GoldenCase> Cases => GoldenFile.Load("pictures");

    // The same decoder, but another release of it; rounding of colours and of what is laid on white.
    private const int Rounding = 1;

    // Chroma of a picture that libjpeg shrank is interpolated elsewhere.
    private const int Shrunk = 3;

    [OneTimeSetUp]
    public void RequireLibrary() => PictureLibrary.Require();

    [Test]
    public void Whole_pictures_are_Pillows([ValueSource(nameof(Cases))] GoldenCase test)
    {
        var file = Bytes(test["file"]);
        if (!test.Tensors.ContainsKey("color")) Assert.Pass("too large to keep whole");
        var info = PictureDecoder.Probe(file);
        foreach (var (name, channels) in (ReadOnlySpan<(string, int)>)[("color", 3), ("grey", 1)])
        {
            var picture = PictureDecoder.Decode(file, channels);
            Assert.That((info.Width, info.Height), Is.EqualTo((picture.Width, picture.Height)));
            Assert.That(new Shape(channels, picture.Height, picture.Width), Is.EqualTo(test[name].Shape));
            Close(picture.Planes, test[name], Rounding);
        }
    }

    [Test]
    public void A_crop_is_resized_as_Pillow_does([ValueSource(nameof(Cases))] GoldenCase test)
    {
        var file = Bytes(test["file"]);
        int[] sides = [.. test.Attributes.GetProperty("crop").EnumerateArray().Select(n => n.GetInt32())];
        var crop = Rectangle.FromLTRB(sides[0], sides[1], sides[2], sides[3]);
        var (height, width) = ((int)test["resized"].Shape[1], (int)test["resized"].Shape[2]);
        var planes = new byte[3 * height * width];
        PictureDecoder.DecodeResized(file, 3, crop, width, height, flip: false, planes);
        Close(planes, test["resized"], test.Tensors.ContainsKey("color") ? Rounding : Shrunk);

        var flipped = new byte[planes.Length];
        PictureDecoder.DecodeResized(file, 3, crop, width, height, flip: true, flipped);
        for (var row = 0; row < 3 * height; row++) planes.AsSpan(row * width, width).Reverse();
        Assert.That(flipped, Is.EqualTo(planes));
    }

    private static byte[] Bytes(GoldenTensor tensor) => Array.ConvertAll(tensor.Numbers, n => (byte)n);

    private static void Close(byte[] found, GoldenTensor expected, int tolerance)
    {
        Assert.That(found, Has.Length.EqualTo(expected.Numbers.Length));
        for (var i = 0; i < found.Length; i++)
            if (Math.Abs(found[i] - expected.Numbers[i]) > tolerance)
                Assert.Fail($"value {i} is {found[i]}, expected {expected.Numbers[i]}");
    }
}
