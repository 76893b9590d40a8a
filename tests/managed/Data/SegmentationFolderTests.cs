using System.Runtime.InteropServices;
using DeepNative.Data;
using DeepNative.Training;

namespace DeepNative.Tests.Data;

[TestFixture]
[CancelAfter(60_000)]
public sealed class SegmentationFolderTests
{
    private PictureFiles _files = null!;

    [OneTimeSetUp]
    public void Require() => PictureFiles.Require();

    [SetUp]
    public void Make() => _files = new PictureFiles();

    [TearDown]
    public void Remove() => _files.Dispose();

    // Masks of 0, 7 and 255; the first pixel tells the number of the pair.
    private void WritePairs(string part, int count, byte[] values)
    {
        for (var i = 0; i < count; i++)
        {
            var picture = new byte[6 * 4];
            picture[0] = (byte)i;
            _files.Write(Path.Combine(part, "image", $"cell {i}.pgm"), PictureFiles.Pnm(6, 4, 1, picture));
            var mask = new byte[6 * 4];
            for (var pixel = 0; pixel < mask.Length; pixel++) mask[pixel] = values[(pixel + i) % values.Length];
            _files.Write(Path.Combine(part, "label", $"cell {i}.png"), PictureEncoder.Png(new Picture(6, 4, 1, mask)));
        }
    }

    private static (byte[] Inputs, int[] Targets) All(IExampleSource source)
    {
        var inputs = new byte[source.Count * source.InputShape.Count];
        var targets = new int[source.Count * source.TargetShape.Count];
        source.Gather(Enumerable.Range(0, source.Count).ToArray(), inputs, MemoryMarshal.AsBytes(targets.AsSpan()));
        return (inputs, targets);
    }

    [Test]
    public void Grey_values_become_classes_and_the_last_fifth_is_held_out()
    {
        WritePairs("", 15, [0, 7, 255]);
        var data = Datasets.Open(_files.Root);
        Assert.That(data.ClassNames, Is.EqualTo(new[] { "0", "7", "255" }));
        Assert.That((data.Train.InputShape, data.Train.TargetShape, data.Train.MaxLabel), Is.EqualTo((new Shape(1, 4, 6), new Shape(4, 6), 2)));
        var (inputs, targets) = All(data.Train);
        Assert.That(inputs.Where((_, i) => i % 24 == 0), Is.EqualTo(Enumerable.Range(0, 12)), "numbers in names count as numbers");
        Assert.That(targets[..6], Is.EqualTo(new[] { 0, 1, 2, 0, 1, 2 }));
        Assert.That(targets[24..27], Is.EqualTo(new[] { 1, 2, 0 }));
        Assert.That(All(data.Test).Inputs.Where((_, i) => i % 24 == 0), Is.EqualTo(new[] { 12, 13, 14 }));
    }

    [Test]
    public void A_list_or_a_folder_says_what_is_tested()
    {
        WritePairs("train", 5, [0, 1]);
        _files.Write("test.txt", "cell 1\n\n cell 3 \n"u8.ToArray());
        var data = SegmentationFolder.Open(_files.Root);
        Assert.That(All(data.Test).Inputs.Where((_, i) => i % 24 == 0), Is.EqualTo(new[] { 1, 3 }));
        Assert.That(data.ClassNames, Is.EqualTo(new[] { "0", "1" }));
        _files.Write("test.txt", "cell 9"u8.ToArray());
        Assert.That(() => SegmentationFolder.Open(_files.Root), Throws.TypeOf<InvalidDataException>().With.Message.Contains("cell 9"));
        WritePairs("test", 2, [0, 1]);
        Assert.That(SegmentationFolder.Open(_files.Root, channels: 3).Test.InputShape, Is.EqualTo(new Shape(3, 4, 6)));
        Assert.That((SegmentationFolder.Open(_files.Root).Train.Count, SegmentationFolder.Open(_files.Root).Test.Count), Is.EqualTo((5, 2)));
    }

    [Test]
    public void What_does_not_fit_is_named()
    {
        WritePairs("", 10, [0, 1]);
        var lonely = _files.Write("image/lonely.pgm", PictureFiles.Noise(6, 4, 1, 1));
        Fails<InvalidDataException>(lonely, "no mask");
        File.Delete(lonely);
        var mask = _files.Write("label/cell 3.png", PictureEncoder.Png(new Picture(6, 5, 1, new byte[30])));
        Fails<InvalidDataException>(mask, "6 x 5");
        _files.Write("image/cell 3.pgm", PictureFiles.Noise(6, 5, 1, 1));
        Fails<InvalidDataException>(Path.Combine(_files.Root, "image", "cell 3.pgm"), "one size");
        _files.Write("label/cell 3.png", []);
        Fails<BadPicturesException>(Path.Combine(_files.Root, "label", "cell 3.png"), "empty");
        File.Delete(Path.Combine(_files.Root, "label", "cell 3.png"));
        _files.Write("label/cell 3.pgm", PictureFiles.Noise(6, 4, 1, 1));
        _files.Write("label/cell 3.pnm", PictureFiles.Noise(6, 4, 1, 1));
        Fails<InvalidDataException>("cell 3.pnm", "same name");

        void Fails<T>(string path, string what) where T : Exception =>
            Assert.That(() => SegmentationFolder.Open(_files.Root), Throws.TypeOf<T>().With.Message.Contains(path).And.Message.Contains(what));
    }

    [Test]
    public void What_cannot_be_read_has_a_remedy()
    {
        WritePairs("", 10, [0, 1]);
        var limits = PictureLimits.Default with { MaxBytes = 10 };
        Assert.That(() => SegmentationFolder.Open(_files.Root, limits: limits),
            Throws.TypeOf<BadPicturesException>().With.Message.Contains("at most 10").And.Message.Contains("pairs").And.Message.Not.Contains("--skip-bad"));
        Assert.That(() => SegmentationFolder.Open(_files.Root, channels: 2), Throws.TypeOf<ArgumentOutOfRangeException>());
        Assert.That(SegmentationFolder.Open(_files.Root + Path.DirectorySeparatorChar).Train.Name, Is.EqualTo("set"));
    }

    [Test]
    public void Masks_must_be_classes()
    {
        WritePairs("", 6, [5]);
        Assert.That(() => SegmentationFolder.Open(_files.Root), Throws.TypeOf<InvalidDataException>().With.Message.Contains("5 everywhere"));
        for (var i = 0; i < 6; i++)
        {
            _files.Write($"image/cell {i}.pgm", PictureFiles.Noise(20, 20, 1, i));
            _files.Write($"label/cell {i}.png", PictureEncoder.Png(PictureDecoder.Decode(PictureFiles.Noise(20, 20, 1, i))));
        }

        Assert.That(() => SegmentationFolder.Open(_files.Root), Throws.TypeOf<InvalidDataException>().With.Message.Contains("different values"));
    }

    [Test]
    public void The_membranes_of_isbi_2012_are_the_real_ones()
    {
        var here = new DirectoryInfo(AppContext.BaseDirectory);
        while (here is not null && !Directory.Exists(Path.Combine(here.FullName, "shared", "data", "isbi2012"))) here = here.Parent;
        if (here is null) Assert.Ignore("shared/data/isbi2012 is not beside the repository");
        var data = Datasets.Open(Path.Combine(here!.FullName, "shared", "data", "isbi2012"));
        Assert.That((data.Train.Count, data.Test.Count), Is.EqualTo((24, 6)));
        Assert.That((data.Train.InputShape, data.Train.MaxLabel), Is.EqualTo((new Shape(1, 512, 512), 1)));
        Assert.That(data.ClassNames, Is.EqualTo(new[] { "0", "255" }));
        var (_, targets) = All(data.Train);
        Assert.That(targets.Average(), Is.EqualTo(0.78).Within(0.02), "cells, not membranes, are most of it");
    }
}
