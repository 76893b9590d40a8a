using DeepNative.Data;

namespace DeepNative.Tests.Data;

[TestFixture]
public sealed class ImageDatasetTests
{
    private static readonly string[] _classes = ["a", "b", "c"];

    private static ImageDataset Make(int images, params int[] labels) =>
        new("toy", new byte[images], labels, _classes, channels: 2, height: 3, width: 1);

    [Test]
    public void FaultsAreNamed()
    {
        Assert.That(() => Make(12, 0, 3), Throws.ArgumentException.With.Message.Contains("'toy'")
            .And.Message.Contains("label 1 is 3, expected 0 to 2"));
        Assert.That(() => Make(12, -1, 0), Throws.ArgumentException.With.Message.Contains("label 0 is -1"));
        Assert.That(() => Make(0), Throws.ArgumentException.With.Message.Contains("empty"));
        Assert.That(() => Make(13, 0, 1), Throws.ArgumentException.With.Message.Contains("13 bytes of images, expected 12"));
        Assert.That(() => new ImageDataset("toy", new byte[1], new int[1], [], 1, 1, 1), Throws.ArgumentException);
        Assert.That(() => new ImageDataset("toy", new byte[1], new int[1], _classes, 1, 0, 1), Throws.InstanceOf<ArgumentException>());
        Assert.That(
            () => new ImageDataset("toy", new byte[1], new int[2], _classes, 1 << 20, 1 << 20, 1 << 24),
            Throws.ArgumentException, "a size beyond 64 bits");
    }

    [Test]
    public void StatisticsAreThoseOfEachChannel()
    {
        var random = new Random(4);
        var pixels = new byte[50 * 2 * 6];
        random.NextBytes(pixels);
        var set = new ImageDataset("toy", pixels, new int[50], _classes, channels: 2, height: 3, width: 2);
        for (var channel = 0; channel < 2; channel++)
        {
            var values = new List<double>();
            for (var i = 0; i < pixels.Length; i++)
                if (i / 6 % 2 == channel) values.Add(pixels[i] / 255.0);
            var mean = values.Average();
            var std = Math.Sqrt(values.Average(value => (value - mean) * (value - mean)));
            Assert.That(set.Mean[channel], Is.EqualTo(mean).Within(1e-12));
            Assert.That(set.Std[channel], Is.EqualTo(std).Within(1e-12));
        }
    }

    [Test]
    public void SliceIsAView()
    {
        var pixels = new byte[24];
        for (var i = 0; i < pixels.Length; i++) pixels[i] = (byte)i;
        var set = new ImageDataset("toy", pixels, new[] { 0, 1, 2, 0 }, _classes, channels: 2, height: 3, width: 1);
        var part = set.Slice(1, 2);
        Assert.That(part.Count, Is.EqualTo(2));
        Assert.That(part.Labels.ToArray(), Is.EqualTo(new[] { 1, 2 }));
        Assert.That(part.Images.ToArray(), Is.EqualTo(pixels[6..18]));
        Assert.That(part.Images.Span.Overlaps(set.Images.Span), Is.True);
        Assert.That(() => set.Slice(3, 2), Throws.InstanceOf<ArgumentOutOfRangeException>());
        Assert.That(() => set.Slice(2, 0), Throws.InstanceOf<ArgumentOutOfRangeException>());
    }

    [Test]
    public void IdxPairMustFit()
    {
        var folder = Directory.CreateTempSubdirectory("dn-pair-").FullName;
        try
        {
            string images = Path.Combine(folder, "images"), labels = Path.Combine(folder, "labels");
            File.WriteAllBytes(images, IdxFixture.Images(3, 2, 2));
            File.WriteAllBytes(labels, IdxFixture.Labels(0, 2, 1));
            var set = ImageDataset.FromIdx("toy", images, labels, _classes);
            Assert.That((set.Count, set.Channels, set.Height, set.Width), Is.EqualTo((3, 1, 2, 2)));
            Assert.That(set.Labels.ToArray(), Is.EqualTo(new[] { 0, 2, 1 }));
            File.WriteAllBytes(labels, IdxFixture.Labels(0, 3, 1));
            Assert.That(() => ImageDataset.FromIdx("toy", images, labels, _classes), Throws.TypeOf<InvalidDataException>()
                .With.Message.Contains(labels).And.Message.Contains("label 1 is 3"));
            File.WriteAllBytes(labels, IdxFixture.Labels(0, 1));
            Assert.That(() => ImageDataset.FromIdx("toy", images, labels, _classes), Throws.TypeOf<InvalidDataException>());
            File.WriteAllBytes(labels, IdxFixture.Labels());
            Assert.That(() => ImageDataset.FromIdx("toy", images, labels, _classes), Throws.TypeOf<InvalidDataException>()
                .With.Message.Contains("empty"));
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    [Test]
    public void UnknownNameListsTheKnownOnes()
    {
        Assert.That(Datasets.Names, Is.EqualTo(new[] { "cifar10", "cifar100", "fashion-mnist", "mnist", "shapes", "shapes-heatmap", "shapes-masks", "shapes-segmentation" }));
        Assert.That(Datasets.Find("MNIST"), Is.SameAs(Mnist.Description));
        Assert.That(() => Datasets.Load("cifar-11"), Throws.ArgumentException
            .With.Message.Contains("'cifar-11'").And.Message.Contains("fashion-mnist, mnist"));
    }
}
