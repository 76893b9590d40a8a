using System.Formats.Tar;
using System.IO.Compression;
using System.Security.Cryptography;
using DeepNative.Data;

namespace DeepNative.Tests.Data;

[TestFixture]
[CancelAfter(120_000)]
public sealed class CifarTests
{
    private const int Pixels = 3 * 32 * 32;

    private string _folder = "";

    [SetUp]
    public void MakeFolder() => _folder = Directory.CreateTempSubdirectory("dn-cifar-").FullName;

    [TearDown]
    public void RemoveFolder() => Directory.Delete(_folder, recursive: true);

    [Test]
    public void Records_become_pictures_with_their_labels([Values(1, 2)] int labelBytes)
    {
        var (set, files) = Tiny(labelBytes);
        foreach (var (name, content) in files) File.WriteAllBytes(Path.Combine(_folder, name), content);
        var (train, test) = set.Format.Read("tiny", _folder, set.ClassNames);
        Assert.That((train.Name, train.Count, test.Count), Is.EqualTo(("tiny train", 5, 2)));
        Assert.That((train.Channels, train.Height, train.Width), Is.EqualTo((3, 32, 32)));
        Assert.That(train.Labels.ToArray(), Is.EqualTo(new[] { 0, 1, 2, 1, 0 }));
        var record = labelBytes + Pixels;
        Assert.That(
            train.Images.Span.Slice(3 * Pixels, Pixels).ToArray(),
            Is.EqualTo(files["b.bin"].AsSpan(labelBytes, Pixels).ToArray()), "the second file's first picture is number 3");
        Assert.That(
            test.Images.Span.Slice(Pixels, Pixels).ToArray(), Is.EqualTo(files["t.bin"].AsSpan(record + labelBytes, Pixels).ToArray()));
    }

    [Test]
    public void Broken_records_name_the_file()
    {
        var (set, files) = Tiny(labelBytes: 1);
        foreach (var (name, content) in files) File.WriteAllBytes(Path.Combine(_folder, name), content);
        var path = Path.Combine(_folder, "b.bin");
        File.WriteAllBytes(path, files["b.bin"][..^1]);
        Assert.That(() => set.Format.Read("tiny", _folder, set.ClassNames),
            Throws.TypeOf<InvalidDataException>().With.Message.Contains(path).And.Message.Contains("3073"));
        File.WriteAllBytes(path, []);
        Assert.That(() => set.Format.Read("tiny", _folder, set.ClassNames), Throws.TypeOf<InvalidDataException>());
        files["b.bin"][Pixels + 1] = 3;
        File.WriteAllBytes(path, files["b.bin"]);
        Assert.That(() => set.Format.Read("tiny", _folder, set.ClassNames),
            Throws.TypeOf<InvalidDataException>().With.Message.Contains("record 1 has label 3"));
    }

    [Test]
    public void The_authors_archive_fills_the_cache([Values] bool byHand)
    {
        var (set, files) = Tiny(labelBytes: 2);
        var archive = Archive(files);
        var cache = new DatasetCache(Path.Combine(_folder, "cache"));
        var path = Path.Combine(cache.Folder, set.Name, "tiny-binary.tar.gz");
        Directory.CreateDirectory(Path.GetDirectoryName(path)!);
        using var server = new FileServer(("tiny-binary.tar.gz", archive));
        if (byHand) File.WriteAllBytes(path, archive);
        var loaded = Datasets.Load(set with { Archives = [new Uri(server.Address, "tiny-binary.tar.gz")] }, cache);
        Assert.That(loaded.Train.Labels.ToArray(), Is.EqualTo(new[] { 0, 1, 2, 1, 0 }));
        Assert.That(server.Requests, Is.EqualTo(byHand ? 0 : 2), "a question, and the file");
    }

    [Test]
    public void A_server_that_falls_silent_is_left()
    {
        var (set, files) = Tiny(labelBytes: 1);
        using var server = new FileServer(("tiny.tar.gz", Archive(files))) { Stalls = true };
        var cache = new DatasetCache(Path.Combine(_folder, "cache")) { Limits = WebLimits.Default with { Stall = TimeSpan.FromSeconds(1) } };
        using var end = new CancellationTokenSource(TimeSpan.FromSeconds(60));
        Assert.That(() => cache.Fetch(set with { Archives = [new Uri(server.Address, "tiny.tar.gz")] }, token: end.Token),
            Throws.TypeOf<DatasetUnavailableException>().With.Message.Contains("sent nothing for 1 s"));
    }

    [Test]
    public void A_wrong_archive_never_enters_the_cache([Values("content", "cut", "lacks", "none")] string fault)
    {
        var (set, files) = Tiny(labelBytes: 1);
        var wrong = files.ToDictionary(static pair => pair.Key, static pair => pair.Value.ToArray());
        if (fault == "content") wrong["b.bin"][100] ^= 1;
        if (fault == "lacks") wrong.Remove("t.bin");
        var archive = Archive(wrong);
        if (fault == "cut") archive = archive[..(archive.Length / 2)];
        using var server = new FileServer((fault == "none" ? "other" : "tiny.tar.gz", archive));
        var cache = new DatasetCache(Path.Combine(_folder, "cache"));
        var error = Assert.Throws<DatasetUnavailableException>(
            () => cache.Fetch(set with { Archives = [new Uri(server.Address, "tiny.tar.gz")] }))!;
        Assert.That(error.Message, Does.Contain("tiny.tar.gz").And.Contain(fault switch
        {
            "content" => "SHA-256",
            "lacks" => "lacks t.bin",
            "none" => "404",
            _ => "b.bin",
        }));
        Assert.That(Directory.GetFiles(Path.Combine(cache.Folder, set.Name), "b.bin"), fault == "lacks" ? Has.Length.EqualTo(1) : Is.Empty);
    }

    [Test]
    public void Cifar_100_is_described_as_published()
    {
        Assert.That(Cifar100.Description.ClassNames, Has.Count.EqualTo(100).And.Unique);
        Assert.That(Cifar100.Description.ClassNames, Is.Ordered.Using<string>(StringComparer.Ordinal));
        Assert.That(Cifar100.Description.Files.Select(file => file.Bytes / (2 + Pixels)), Is.EqualTo(new[] { 50_000, 10_000 }));
        Assert.That(Cifar10.Description.Files.Sum(file => file.Bytes) / (1 + Pixels), Is.EqualTo(60_000));
    }

    [Test]
    public void Cifar_10_in_the_cache_is_the_real_one()
    {
        var folder = Path.Combine(DatasetCache.DefaultFolder, "cifar10");
        if (!File.Exists(Path.Combine(folder, "test_batch.bin"))) Assert.Ignore("CIFAR-10 is not in the cache: deepnative data get cifar10");
        var data = Cifar10.Load();
        Assert.That((data.Train.Count, data.Test.Count), Is.EqualTo((50_000, 10_000)));
        Assert.That(ClassBalance.Counts(data.Train.Labels.Span, 10), Is.All.EqualTo(5000));
        // The well-known figures.
        double[] mean = [0.4914, 0.4822, 0.4465], std = [0.2470, 0.2435, 0.2616];
        for (var channel = 0; channel < 3; channel++)
        {
            Assert.That(data.Train.Mean[channel], Is.EqualTo(mean[channel]).Within(5e-5));
            Assert.That(data.Train.Std[channel], Is.EqualTo(std[channel]).Within(5e-5));
        }
    }

    [Test]
    public void A_package_of_another_form_is_named()
    {
        PictureFiles.Require();
        var file = Cifar10.Description.Files[0];
        var layout = new CifarPictureLayout();
        Assert.That(() => layout.Open(_folder, file), Throws.TypeOf<InvalidDataException>().With.Message.Contains("train_lables.json"));
        File.WriteAllText(Path.Combine(_folder, "train_lables.json"), "[1, 2, 300]");
        Assert.That(() => layout.Open(_folder, file), Throws.TypeOf<InvalidDataException>().With.Message.Contains("train_lables.json"));
        File.WriteAllText(Path.Combine(_folder, "train_lables.json"), "[1, 2]");
        File.WriteAllBytes(Path.Combine(_folder, "data_batch_1.png"), PictureEncoder.Png(new Picture(4, 2, 3, new byte[24])));
        Assert.That(() => layout.Open(_folder, file), Throws.TypeOf<InvalidDataException>().With.Message.Contains("4 x 2"));
    }

    internal static byte[] Archive(Dictionary<string, byte[]> files)
    {
        var packed = new MemoryStream();
        using (var gzip = new GZipStream(packed, CompressionLevel.Fastest))
        using (var tar = new TarWriter(gzip))
        {
            foreach (var (name, content) in files)
                tar.WriteEntry(new PaxTarEntry(TarEntryType.RegularFile, "tiny-binary/" + name) { DataStream = new MemoryStream(content) });
        }

        return packed.ToArray();
    }

    private static (DatasetDescription Set, Dictionary<string, byte[]> Files) Tiny(int labelBytes)
    {
        var random = new Random(5);
        var files = new Dictionary<string, byte[]>
        {
            ["a.bin"] = Records(0, 1, 2),
            ["b.bin"] = Records(1, 0),
            ["t.bin"] = Records(2, 1),
        };
        DatasetFile Entry(string name) => new(name, files[name].Length, Convert.ToHexStringLower(SHA256.HashData(files[name])));
        return (new DatasetDescription
        {
            Name = "tiny",
            Format = new CifarFormat([Entry("a.bin"), Entry("b.bin")], [Entry("t.bin")]) { LabelBytes = labelBytes, Label = labelBytes - 1 },
            ClassNames = ["a", "b", "c"],
        }, files);

        byte[] Records(params byte[] labels)
        {
            var bytes = new byte[labels.Length * (labelBytes + Pixels)];
            random.NextBytes(bytes);
            for (var i = 0; i < labels.Length; i++) bytes[i * (labelBytes + Pixels) + labelBytes - 1] = labels[i];
            return bytes;
        }
    }
}
