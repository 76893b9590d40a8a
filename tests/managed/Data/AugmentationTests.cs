using System.Text.Json;
using DeepNative.Data;

namespace DeepNative.Tests.Data;

internal sealed class AugmentationTests
{
    private static readonly JsonSerializerOptions _json = new() { PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower };

    private static readonly Action[] _refused =
    [
        () => _ = new Augmentation { Padding = -1 },
        () => _ = new Augmentation { Flip = 1.1f },
        () => _ = new Augmentation { VerticalFlip = float.NaN },
        () => _ = new Augmentation { Rotation = 181f },
        () => _ = new Augmentation { Scale = -0.1f },
        () => _ = new Augmentation { Hue = 0.6f },
        () => _ = new Augmentation { CropScaleMin = 0f },
        () => _ = new Augmentation { CropRatio = 0.5f },
        () => _ = new Augmentation { Elastic = float.PositiveInfinity },
    ];

    [TestCaseSource(nameof(_refused))]
    public void Numbers_outside_their_range_are_refused(Action make) =>
        Assert.That(() => make(), Throws.InstanceOf<ArgumentOutOfRangeException>().With.Message.Contains("the augmentation's "));

    [Test]
    public void Components_are_nine_finite_numbers()
    {
        Assert.That(() => new Augmentation { LightingComponents = [1f, 2f] }, Throws.ArgumentException);
        Assert.That(() => new Augmentation { LightingComponents = [1f, 2f, 3f, 4f, float.NaN, 6f, 7f, 8f, 9f] }, Throws.ArgumentException);
    }

    [Test]
    public void Text_names_what_is_on()
    {
        Assert.That(Augmentation.None.ToString(), Is.EqualTo("none"));
        var some = new Augmentation { Padding = 4, Flip = 0.5f, Rotation = 12.5f, CropScaleMin = 0.08f, Cutout = 8 };
        Assert.That(some.ToString(), Is.EqualTo("crop 0.08 to 1 of the area, ratio 1.333, padding 4, flip 0.5, rotation 12.5, cutout 8"));
    }

    [Test]
    public void Json_has_snake_case_names_and_comes_back()
    {
        var before = new Augmentation { VerticalFlip = 0.25f, WindowHeight = 7, CropScaleMin = 0.5f, Mixup = 0.2f, Reflect = true };
        var text = JsonSerializer.Serialize(before, _json);
        Assert.That(text, Does.Contain("\"vertical_flip\":0.25").And.Contain("\"crop_scale_min\":0.5").And.Not.Contain("on_device"));
        Assert.That(JsonSerializer.Deserialize<Augmentation>(text, _json), Is.EqualTo(before));
        Assert.That(JsonSerializer.Deserialize<Augmentation>("{}", _json), Is.EqualTo(Augmentation.None));
        Assert.That(() => JsonSerializer.Deserialize<Augmentation>("{\"flip\":2}", _json), Throws.InstanceOf<ArgumentOutOfRangeException>());
    }
}
