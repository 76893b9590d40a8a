using System.Drawing;
using DeepNative.Data;
using DeepNative.Layers;
using DeepNative.Losses;
using DeepNative.Optimizers;
using DeepNative.Cli;
using DeepNative.Tests.Cli;
using DeepNative.Training;

namespace DeepNative.Tests.Data;

[TestFixture]
[CancelAfter(120_000)]
public sealed class PictureFolderTests
{
    private PictureFiles _files = null!;

    private PictureFolderOptions Options => new() { Height = 8, Width = 8, Cache = _files.Cache, MostKeptBytes = 0 };

    private static Augmentation Crop => new() { CropScaleMin = 0.2f, CropScaleMax = 1f };

    [OneTimeSetUp]
    public void Require() => PictureFiles.Require();

    [SetUp]
    public void Make() => _files = new PictureFiles();

    [TearDown]
    public void Remove() => _files.Dispose();

    private static byte[] All(IExampleSource source, (ulong Seed, int Epoch)? draw = null, int[]? order = null)
    {
        order ??= [.. Enumerable.Range(0, source.Count)];
        var (inputs, targets) = (new byte[order.Length * source.InputShape.Count], new byte[4 * order.Length]);
        if (draw is { } by) ((IRandomExampleSource)source).Gather(order, inputs, targets, by.Seed, by.Epoch);
        else source.Gather(order, inputs, targets);
        return inputs;
    }

    [Test]
    public void Folders_are_classes_in_ordinal_order_with_any_name()
    {
        _files.WriteClasses(20, "über", "Zebra", "猫", "ant");
        _files.Write(".hidden/x.ppm", [1]);
        _files.Write("ant/.hidden.ppm", [1]);
        _files.Write("read me.txt", [1]);
        _files.Write("ant/deep/er/y.ppm", PictureFiles.Noise(9, 9, 1, 5));
        Directory.CreateSymbolicLink(Path.Combine(_files.Root, "ant", "deep", "loop"), Path.Combine(_files.Root, "ant"));
        Directory.CreateSymbolicLink(Path.Combine(_files.Root, "around"), _files.Root);
        File.CreateSymbolicLink(Path.Combine(_files.Root, "猫", "link.ppm"), Path.Combine(_files.Root, "ant", "0.ppm"));
        var data = PictureFolder.Open(_files.Root, Options);
        Assert.That(data.ClassNames, Is.EqualTo(new[] { "Zebra", "ant", "über", "猫" }));
        Assert.That((data.Train.Count, data.Test.Count), Is.EqualTo((74, 8)), "82 files, a tenth of them held out");
        Assert.That(ClassBalance.Counts(((ILabeledExamples)data.Test).Labels, 4), Is.EqualTo(new[] { 2, 2, 2, 2 }));
        Assert.That((data.Train.Name, data.Test.Name), Is.EqualTo(("set", "set, test")));
        Assert.That(data.Train, Is.InstanceOf<IRandomExampleSource>());
    }

    [Test]
    public void Parts_have_the_classes_of_training([Values("val", "test")] string name)
    {
        _files.WriteClasses(3, "train/a", "train/b", $"{name}/b");
        var data = PictureFolder.Open(_files.Root, Options);
        Assert.That((data.Train.Count, data.Test.Count), Is.EqualTo((6, 3)));
        Assert.That(((ILabeledExamples)data.Test).Labels.ToArray(), Is.All.EqualTo(1));
        _files.WriteClasses(1, $"{name}/c");
        Assert.That(() => PictureFolder.Open(_files.Root, Options),
            Throws.TypeOf<InvalidDataException>().With.Message.Contains(Path.Combine(_files.Root, name, "c")));
    }

    [Test]
    public void All_three_parts_are_found()
    {
        _files.WriteClasses(2, "train/a", "train/b", "val/a", "val/b", "test/a", "test/b");
        var data = PictureFolder.Open(_files.Root, Options);
        Assert.That((data.Train.Name, data.Validation!.Name, data.Test.Name), Is.EqualTo(("set", "set, validation", "set, test")));
    }

    [Test]
    public void Measuring_takes_the_middle()
    {
        // 16 x 8, of which the middle 8 x 8 is an input as it is.
        var planes = new byte[16 * 8];
        new Random(1).NextBytes(planes);
        _files.Write("a/wide.pgm", PictureFiles.Pnm(16, 8, 1, planes));
        _files.Write("b/small.png", PictureEncoder.Png(new Picture(4, 4, 1, [.. Enumerable.Repeat((byte)77, 16)])));
        _files.Write("c/photo.jpg", PictureFiles.Jpeg);
        _files.WriteClasses(1, "test/x");
        Directory.Delete(Path.Combine(_files.Root, "test"), recursive: true);
        foreach (var name in new[] { "a", "b", "c" })
        {
            Directory.CreateDirectory(Path.Combine(_files.Root, "train"));
            Directory.Move(Path.Combine(_files.Root, name), Path.Combine(_files.Root, "train", name));
        }

        _files.Write("test/a/wide.pgm", PictureFiles.Pnm(16, 8, 1, planes));
        var data = PictureFolder.Open(_files.Root, Options with { Channels = 1, CenterCrop = 1.0 });
        var all = All(data.Train);
        Assert.That(all[..64], Is.EqualTo(Enumerable.Range(0, 64).Select(i => planes[i / 8 * 16 + 4 + i % 8])));
        Assert.That(all[64..128], Is.All.EqualTo(77));
        var expected = new byte[64];
        PictureDecoder.DecodeResized(PictureFiles.Jpeg, 1, new Rectangle(3, 0, 14, 14), 8, 8, flip: false, expected);
        Assert.That(all[128..], Is.EqualTo(expected));
        Assert.That(PictureCrop.Center(500, 375, 224, 224, 224.0 / 256), Is.EqualTo(new Rectangle(86, 23, 328, 328)));
        Assert.That(PictureCrop.Center(100, 300, 40, 20, 1), Is.EqualTo(new Rectangle(0, 125, 100, 50)));
        Assert.That(PictureCrop.Center(1, 1, 40, 20, 0.5), Is.EqualTo(new Rectangle(0, 0, 1, 1)));
    }

    [Test]
    public void Random_crops_have_the_areas_and_proportions_asked_for()
    {
        var augmentation = new Augmentation { CropScaleMin = 0.08f, CropScaleMax = 1f, CropRatio = 4f / 3f };
        var (areas, ratios) = (new List<double>(), new List<double>());
        for (var i = 0; i < 4000; i++)
        {
            var crop = PictureCrop.Random(500, 375, augmentation, seed: 3, epoch: 1, example: i);
            Assert.That(new Rectangle(0, 0, 500, 375).Contains(crop), $"{crop}");
            areas.Add(crop.Width * (double)crop.Height / (500 * 375));
            ratios.Add(Math.Log(crop.Width / (double)crop.Height));
        }

        Assert.That(areas, Is.All.InRange(0.078, 1.0));
        Assert.That(ratios, Is.All.InRange(-0.30, 0.30));
        // Even from 0.08 to 1, but of an area a above 0.75^2 only the part ln(1 / a) / (2 ln(4 / 3)) of the proportions fits
        // this picture: 0.1978 of the areas, beside the 0.4825 below, of which 0.42 are below one half.
        var small = areas.Where(area => area < 0.5).ToArray();
        Assert.That(small.Average(), Is.EqualTo(0.29).Within(0.01));
        Assert.That(small.Length / 4000.0, Is.EqualTo(0.42 / (0.4825 + 0.1978)).Within(0.02));
        Assert.That(ratios.Where((_, i) => areas[i] < 0.5).Average(), Is.EqualTo(0).Within(0.02));
        // Too long for any try: the middle, cut to the proportions.
        Assert.That(PictureCrop.Random(1000, 10, augmentation with { CropScaleMin = 0.9f }, 1, 1, 1), Is.EqualTo(new Rectangle(493, 0, 13, 10)));
    }

    [Test]
    public void A_draw_depends_on_seed_epoch_and_example_alone()
    {
        _files.WriteClasses(6, "a", "b");
        var train = PictureFolder.Open(_files.Root, Options with { Augmentation = Crop }).Train;
        var first = All(train, (1, 0));
        Assert.That(All(train, (1, 0)), Is.EqualTo(first));
        Assert.That(All(train, (1, 1)), Is.Not.EqualTo(first));
        Assert.That(All(train, (2, 0)), Is.Not.EqualTo(first));
        int[] order = [4, 0, 7, 4];
        Assert.That(All(train, (1, 0), order), Is.EqualTo(order.SelectMany(i => first[(i * 192)..(i * 192 + 192)])));
        var plain = PictureFolder.Open(_files.Root, Options).Train;
        Assert.That(All(plain, (1, 0)), Is.EqualTo(All(plain)), "nothing is random where no crop is asked for");
        Assert.That(All(train), Is.EqualTo(All(plain)), "nothing is random in what is measured with");
    }

    [Test]
    public void Training_gives_the_same_weights_with_any_number_of_threads()
    {
        _files.WriteClasses(15, "a", "b", "c");
        var train = PictureFolder.Open(_files.Root, Options with { Augmentation = Crop }).Train;
        using var device = Device.Open("cpu", threads: 1);
        float[][] weights = [.. new[] { 1, 2, 7 }.Select(Train)];
        Assert.That(weights[1], Is.EqualTo(weights[0]));
        Assert.That(weights[2], Is.EqualTo(weights[0]));

        float[] Train(int workers)
        {
            var model = new Sequential(new Flatten(), new Linear(192, 3));
            using var trainer = new Trainer(
                model, new SoftmaxCrossEntropy(), new Sgd(0.1f), device, seed: 5, new TrainerOptions { Workers = workers });
            var fit = trainer.Fit(train, new FitOptions { Epochs = 3, Batch = 8, Validation = train });
            Assert.That(fit.DataOnDevice, Is.False);
            Assert.That(fit.DataSeconds, Is.GreaterThan(0).And.LessThan(fit.Seconds));
            var values = new float[192 * 3];
            model.Parameters()[0].Tensor!.Read<float>(values);
            return values;
        }
    }

    [Test]
    public void Every_bad_file_is_named_before_the_first_step()
    {
        _files.WriteClasses(4, "a", "b");
        var png = PictureEncoder.Png(new Picture(9, 9, 1, new byte[81]));
        var damaged = png.ToArray();
        damaged[^20] ^= 0x55;
        var bad = new Dictionary<string, string>
        {
            [_files.Write("a/empty.jpg", [])] = "empty",
            [_files.Write("a/text.jpg", "no picture"u8.ToArray())] = "",
            [_files.Write("a/cut.jpg", PictureFiles.Jpeg[..200])] = "",
            [_files.Write("a/cut.png", png[..^15])] = "",
            [_files.Write("b/damaged.png", damaged)] = "",
            [_files.Write("b/hüge.pgm", "P5\n65535 65535\n255\n"u8.ToArray())] = "",
            [_files.Write("b/cut.ppm", PictureFiles.Noise(9, 9, 3, 1)[..^1])] = "",
            [_files.Write("b/zero.pgm", "P5\n0 9\n255\n"u8.ToArray())] = "",
        };
        var dangling = Path.Combine(_files.Root, "b", "nowhere.png");
        File.CreateSymbolicLink(dangling, Path.Combine(_files.Root, "no-such"));
        bad[dangling] = "leads nowhere";
        if (!OperatingSystem.IsWindows() && Environment.UserName != "root")
        {
            var closed = _files.Write("b/closed.png", png);
            File.SetUnixFileMode(closed, UnixFileMode.None);
            bad[closed] = "may not be read";
        }

        var error = Assert.Throws<BadPicturesException>(() => PictureFolder.Open(_files.Root, Options))!;
        Assert.That(error.Pictures.Select(one => one.Path), Is.EquivalentTo(bad.Keys));
        Assert.That(error.Message, Does.Contain($"{bad.Count} of {8 + bad.Count} files").And.Contain("--skip-bad"));
        foreach (var one in error.Pictures)
        {
            Assert.That(error.Message, Does.Contain(one.Path));
            Assert.That(one.Reason, Is.Not.Empty.And.Contains(bad[one.Path]));
        }

        var data = PictureFolder.Open(_files.Root, Options with { SkipBad = true });
        Assert.That(data.Train.Count + data.Test.Count, Is.EqualTo(8));
        Assert.That(data.Bad.Select(one => one.Path), Is.EquivalentTo(bad.Keys));
    }

    [Test]
    public void A_long_list_is_cut()
    {
        _files.WriteClasses(1, "a", "b");
        for (var i = 0; i < 25; i++) _files.Write($"a/{i:00}.jpg", [1]);
        var error = Assert.Throws<BadPicturesException>(() => PictureFolder.Open(_files.Root, Options))!;
        Assert.That(error.Pictures, Has.Count.EqualTo(25));
        Assert.That(error.Message, Does.Contain("19.jpg").And.Not.Contain("20.jpg").And.Contain("5 more"));
    }

    [Test]
    public void Folders_of_another_form_are_named()
    {
        Assert.That(() => PictureFolder.Open(_files.Root, Options), Throws.TypeOf<DirectoryNotFoundException>().With.Message.Contains(_files.Root));
        Directory.CreateDirectory(_files.Root);
        Assert.That(() => PictureFolder.Open(_files.Root, Options), Throws.TypeOf<InvalidDataException>().With.Message.Contains("no folders"));
        _files.WriteClasses(1, "only");
        Assert.That(() => PictureFolder.Open(_files.Root, Options), Throws.TypeOf<InvalidDataException>().With.Message.Contains("only class"));
        Directory.CreateDirectory(Path.Combine(_files.Root, "empty"));
        Assert.That(() => PictureFolder.Open(_files.Root, Options),
            Throws.TypeOf<InvalidDataException>().With.Message.Contains(Path.Combine(_files.Root, "empty")));
        _files.Write("empty/bad.png", [1]);
        Assert.That(() => PictureFolder.Open(_files.Root, Options with { SkipBad = true }),
            Throws.TypeOf<InvalidDataException>().With.Message.Contains("\"empty\""));
    }

    [Test]
    public void What_was_checked_is_known_and_what_turns_bad_is_replaced_or_named()
    {
        _files.WriteClasses(6, "train/a", "train/b");
        _files.WriteClasses(1, "test/a");
        PictureFolder.Open(_files.Root, Options);
        var path = Path.Combine(_files.Root, "train", "a", "2.ppm");
        var time = File.GetLastWriteTimeUtc(path);
        var content = File.ReadAllBytes(path);
        content[0] = (byte)'X';
        File.WriteAllBytes(path, content);
        File.SetLastWriteTimeUtc(path, time);
        // Same length, same time: taken for the file that was checked.
        var strict = PictureFolder.Open(_files.Root, Options).Train;
        Assert.That(() => All(strict), Throws.TypeOf<PictureException>().With.Message.Contains(path));
        var data = PictureFolder.Open(_files.Root, Options with { SkipBad = true, Augmentation = Crop });
        var lenient = data.Train;
        foreach (var draw in new (ulong, int)?[] { null, (1, 0) })
        {
            var all = All(lenient, draw);
            Assert.That(All(lenient, draw), Is.EqualTo(all));
            if (draw is null) Assert.That(all[(2 * 192)..(3 * 192)], Is.EqualTo(all[(3 * 192)..(4 * 192)]), "the next takes its place");
        }

        Assert.That(data.Bad.Single().Path, Is.EqualTo(path));
        Assert.That(() => PictureFolder.Open(_files.Root, Options with { Limits = PictureLimits.Default with { MaxBytes = 10 } }),
            Throws.TypeOf<BadPicturesException>(), "other limits: checked again");
        File.SetLastWriteTimeUtc(path, time.AddSeconds(1));
        Assert.That(() => PictureFolder.Open(_files.Root, Options), Throws.TypeOf<BadPicturesException>(), "another time: checked again");
    }

    [Test]
    public void What_is_held_out_never_takes_the_place_of_what_turned_bad([Values] bool kept)
    {
        _files.WriteClasses(10, "a", "b");
        var options = Options with { SkipBad = true, MostKeptBytes = kept ? 1 << 20 : 0 };
        var paths = ((PictureFolder)PictureFolder.Open(_files.Root, Options).Train).Paths;
        var (times, last) = (paths.Select(File.GetLastWriteTimeUtc).ToArray(), paths[^1]);
        var data = kept ? null : PictureFolder.Open(_files.Root, options);
        for (var i = 0; i < paths.Count - 1; i++)
        {
            // What was checked and is kept in memory must turn bad in between: same length, same time.
            File.WriteAllBytes(paths[i], new byte[File.ReadAllBytes(paths[i]).Length]);
            File.SetLastWriteTimeUtc(paths[i], times[i]);
        }

        data ??= PictureFolder.Open(_files.Root, options);
        var only = PictureDecoder.Decode(File.ReadAllBytes(last));
        var expected = new byte[192];
        var crop = PictureCrop.Center(only.Width, only.Height, 8, 8, Options.CenterCrop);
        PictureDecoder.DecodeResized(File.ReadAllBytes(last), 3, crop, 8, 8, flip: false, expected);
        Assert.That(All(data.Train), Is.EqualTo(Enumerable.Repeat(expected, paths.Count).SelectMany(one => one)));
        Assert.That(data.Bad.Select(one => one.Path), Is.EquivalentTo(paths.SkipLast(1)));
        // Only one part of the two has a picture left.
        var (train, held) = ExampleSplit.HoldOut(data.Train, 0.3, seed: 1);
        var whole = ((PictureFolder)train).Paths.Contains(last) ? train : held;
        Assert.That(All(whole), Is.EqualTo(Enumerable.Repeat(expected, whole.Count).SelectMany(one => one)));
        Assert.That(() => All(whole == train ? held : train), Throws.TypeOf<BadPicturesException>());
    }

    [Test]
    public void A_folder_without_parts_needs_enough_pictures()
    {
        _files.WriteClasses(2, "a", "b");
        Assert.That(() => PictureFolder.Open(_files.Root, Options),
            Throws.TypeOf<InvalidDataException>().With.Message.Contains(_files.Root).And.Message.Contains("too few"));
        Directory.Delete(_files.Root, recursive: true);
        _files.WriteClasses(1, "a", "b", "c", "d", "e");
        Assert.That(() => PictureFolder.Open(_files.Root, Options),
            Throws.TypeOf<InvalidDataException>().With.Message.Contains("\"a\" is left to train"));
    }

    [Test]
    public void A_separator_at_the_end_changes_nothing()
    {
        _files.WriteClasses(10, "a", "b");
        var folder = _files.Root + Path.DirectorySeparatorChar;
        Assert.That(Datasets.FindFolder(folder), Is.EqualTo(_files.Root));
        Assert.That(PictureFolder.Open(folder, Options).Train.Name, Is.EqualTo("set"));
        PictureFolder.Open(_files.Root, Options);
        Assert.That(Directory.GetFiles(Path.Combine(_files.Cache.Folder, "pictures")), Has.Length.EqualTo(1), "what was checked is known by either name");
    }

    [Test]
    public void What_several_threads_throw_comes_as_it_is() =>
        Assert.That(() => Workers.For(8, workers: 2, i => throw new InvalidOperationException($"{i}"), CancellationToken.None), Throws.InvalidOperationException);

    [Test]
    public void Small_parts_are_kept_where_nothing_is_random([Values] bool crop, [Values] bool fits)
    {
        _files.WriteClasses(6, "train/a", "train/b");
        _files.WriteClasses(1, "test/a", "test/b");
        var options = crop ? Options with { Augmentation = Crop } : Options;
        var read = PictureFolder.Open(_files.Root, options);
        var kept = PictureFolder.Open(_files.Root, options with { MostKeptBytes = fits ? 12 * 192 : 2 * 192 - 1 });
        Assert.That(All(kept.Train), Is.EqualTo(All(read.Train)));
        Assert.That(All(kept.Test), Is.EqualTo(All(read.Test)));
        Assert.That(((ILabeledExamples)kept.Train).Labels.ToArray(), Is.EqualTo(((ILabeledExamples)read.Train).Labels.ToArray()));
        Assert.That(Normalization.Same(kept.Train.Statistics(), read.Train.Statistics()));
        Assert.That(kept.Test.Statistics(), Is.Not.Null);
        Assert.That((kept.Train is IRandomExampleSource, kept.Test is IRandomExampleSource), Is.EqualTo((crop || !fits, !fits)));
    }

    [Test]
    public void A_run_that_is_cancelled_leaves_no_thread_behind()
    {
        _files.WriteClasses(30, "train/a", "train/b");
        _files.WriteClasses(1, "test/a", "test/b");
        var train = PictureFolder.Open(_files.Root, Options with { Augmentation = Crop }).Train;
        using var device = Device.Open("cpu", threads: 1);
        using var trainer = new Trainer(
            new Sequential(new Flatten(), new Linear(192, 2)), new SoftmaxCrossEntropy(), new Sgd(0.1f), device, seed: 5,
            new TrainerOptions { Workers = 8 });
        var before = 0;
        for (var run = 0; run < 12; run++)
        {
            using var cancel = new CancellationTokenSource(TimeSpan.FromMilliseconds(50));
            Assert.That(trainer.Fit(train, new FitOptions { Epochs = 100_000, Batch = 4 }, cancel.Token).Completed, Is.False);
            if (run == 1) before = System.Diagnostics.Process.GetCurrentProcess().Threads.Count;
        }

        // Each run had eight threads of its own; a few come and go with the test host.
        Assert.That(System.Diagnostics.Process.GetCurrentProcess().Threads.Count, Is.LessThan(before + 16));
    }

    [Test]
    public void A_picture_that_turns_bad_ends_the_run_with_its_path()
    {
        _files.WriteClasses(6, "train/a", "train/b");
        _files.WriteClasses(1, "test/a");
        var train = PictureFolder.Open(_files.Root, Options).Train;
        var path = Path.Combine(_files.Root, "train", "b", "3.ppm");
        File.WriteAllBytes(path, []);
        using var device = Device.Open("cpu", threads: 1);
        using var trainer = new Trainer(
            new Sequential(new Flatten(), new Linear(192, 2)), new SoftmaxCrossEntropy(), new Sgd(0.1f), device, seed: 5);
        Assert.That(() => trainer.Fit(train, new FitOptions { Epochs = 1, Batch = 4 }),
            Throws.TypeOf<PictureException>().With.Message.Contains(path));
    }

    [Test]
    public void The_statistics_are_those_of_the_pictures()
    {
        var planes = new byte[2][] { new byte[64 * 3], new byte[64 * 3] };
        for (var i = 0; i < 2; i++) new Random(i).NextBytes(planes[i]);
        _files.Write("train/a/0.ppm", PictureFiles.Pnm(8, 8, 3, planes[0]));
        _files.Write("train/b/0.ppm", PictureFiles.Pnm(8, 8, 3, planes[1]));
        _files.WriteClasses(1, "test/a");
        var statistics = PictureFolder.Open(_files.Root, Options).Train.Statistics()!;
        for (var channel = 0; channel < 3; channel++)
        {
            var values = planes.SelectMany(picture => picture[(channel * 64)..(channel * 64 + 64)]).Select(value => value / 255.0).ToArray();
            Assert.That(statistics.Mean[channel], Is.EqualTo(values.Average()).Within(1e-6));
            Assert.That(statistics.Deviation[channel], Is.EqualTo(Math.Sqrt(values.Average(value => value * value) - Math.Pow(values.Average(), 2))).Within(1e-6));
        }
    }

    [Test]
    public void What_is_held_out_is_not_in_the_statistics()
    {
        for (var i = 0; i < 20; i++) _files.Write($"{(i < 10 ? "a" : "b")}/{i}.ppm", PictureFiles.Noise(8, 8, 3, i));
        var train = PictureFolder.Open(_files.Root, Options with { CenterCrop = 1.0 }).Train;
        var red = All(train).Where((_, i) => i / 64 % 3 == 0).ToArray();
        Assert.That(red, Has.Length.EqualTo(18 * 64));
        Assert.That(train.Statistics()!.Mean[0], Is.EqualTo(red.Average(value => value / 255.0)).Within(1e-6));
    }

    [Test]
    public void Making_a_picture_allocates_no_pixels()
    {
        _files.Write("train/a/0.jpg", PictureFiles.Jpeg);
        _files.Write("train/b/0.ppm", PictureFiles.Noise(300, 200, 3, 1));
        _files.WriteClasses(1, "test/a");
        var train = (IRandomExampleSource)PictureFolder.Open(_files.Root, Options with { Augmentation = Crop, Height = 64, Width = 64 }).Train;
        var (inputs, targets) = (new byte[2 * 3 * 64 * 64], new byte[8]);
        int[] order = [0, 1];
        for (var i = 0; i < 50; i++) train.Gather(order, inputs, targets, 1, i);
        var before = GC.GetAllocatedBytesForCurrentThread();
        for (var i = 0; i < 100; i++) train.Gather(order, inputs, targets, 1, i);
        // The handle of the open file is all.
        Assert.That((GC.GetAllocatedBytesForCurrentThread() - before) / 200, Is.LessThan(600));
    }

    [Test]
    public void The_tool_trains_on_a_folder_and_leaves_out_what_is_bad()
    {
        var before = Environment.CurrentDirectory;
        Environment.CurrentDirectory = _files.Folder;
        try
        {
            _files.WriteClasses(20, "猫", "ant");
            var bad = _files.Write("ant/text.jpg", "no picture"u8.ToArray());
            string[] arguments =
            [
                "train", "lenet300", "--data", "set", "--epochs", "2", "--batch", "8", "--device", "cpu", "--threads", "1", "--workers", "2",
                "--no-progress", "--data-folder", _files.Cache.Folder,
            ];
            var (code, output, error) = CommandLineTests.Run(arguments);
            Assert.That(code, Is.EqualTo(ExitCodes.Failure));
            Assert.That(error, Does.Contain(bad).And.Contain("--skip-bad"));
            (code, output, error) = CommandLineTests.Run([.. arguments, "--skip-bad"]);
            Assert.That(code, Is.EqualTo(ExitCodes.Success), error);
            Assert.That(output, Does.Contain("left out").And.Contain("waited for"));
            string[] eval = ["eval", "lenet300", "--device", "cpu", "--threads", "1", "--data-folder", _files.Cache.Folder];
            (code, output, error) = CommandLineTests.Run(eval);
            Assert.That(code, Is.EqualTo(ExitCodes.Success), error);
            Assert.That(output, Does.Contain($"left out: {bad}"));
            (code, output, error) = CommandLineTests.Run("data", "get", _files.Root, "--skip-bad", "--data-folder", _files.Cache.Folder);
            Assert.That(code, Is.EqualTo(ExitCodes.Success), error);
            (code, output, error) = CommandLineTests.Run("data", "get", _files.Root);
            Assert.That((code, error), Is.EqualTo((ExitCodes.Failure, error)));
            Assert.That(error, Does.Contain(bad));
        }
        finally
        {
            Environment.CurrentDirectory = before;
        }
    }
}
