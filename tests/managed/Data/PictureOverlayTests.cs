using DeepNative.Data;

namespace DeepNative.Tests.Data;

internal sealed class PictureOverlayTests
{
    private static readonly Picture _grey = new(2, 1, 1, [100, 200]);

    [Test]
    public void Heat_goes_from_blue_to_red()
    {
        var map = new Picture(4, 1, 1, [0, 0, 0, 0]);
        var heat = PictureOverlay.Heat(map, [-3f, 0f, 1f, 2f], share: 1f);
        Assert.That(Pixel(heat, 0), Is.EqualTo(Pixel(heat, 1)));
        Assert.That(Pixel(heat, 1) is (0, 0, > 100), Is.True);
        Assert.That(Pixel(heat, 2), Is.EqualTo((128, 255, 128)));
        Assert.That(Pixel(heat, 3) is ( > 100, 0, 0), Is.True);
        Assert.That(Pixel(PictureOverlay.Heat(_grey, [0f, 0f], share: 0f), 1), Is.EqualTo((200, 200, 200)));
        Assert.Throws<ArgumentException>(() => PictureOverlay.Heat(_grey, [0f]));
    }

    [Test]
    public void Background_stays_and_classes_have_their_own_colours()
    {
        var picture = new Picture(4, 1, 1, [10, 20, 30, 40]);
        var over = PictureOverlay.Classes(picture, [0, 1, 2, 3], share: 1f);
        Assert.That(Pixel(over, 0), Is.EqualTo((10, 10, 10)));
        Assert.That(new[] { Pixel(over, 1), Pixel(over, 2), Pixel(over, 3) }, Is.Unique);
        var both = PictureOverlay.Beside(_grey, over = PictureOverlay.Classes(_grey, [0, 0]));
        Assert.That((both.Width, both.Height, both.Channels), Is.EqualTo((4, 1, 3)));
        Assert.That((Pixel(both, 1), Pixel(both, 2)), Is.EqualTo(((200, 200, 200), (100, 100, 100))));
    }

    private static (int Red, int Green, int Blue) Pixel(Picture picture, int i)
    {
        var plane = picture.Width * picture.Height;
        return (picture.Planes[i], picture.Planes[plane + i], picture.Planes[2 * plane + i]);
    }
}
