using System.Net;
using System.Net.Sockets;
using DeepNative.Data;

namespace DeepNative.Tests.Data;

[TestFixture]
[CancelAfter(60_000)]
public sealed class DatasetCacheTests
{
    private string _folder = "";
    private DatasetDescription _tiny = null!;
    private Dictionary<string, byte[]> _files = null!;

    [SetUp]
    public void MakeFolder()
    {
        _folder = Directory.CreateTempSubdirectory("dn-cache-").FullName;
        (_tiny, _files) = IdxFixture.TinyDataset();
    }

    [TearDown]
    public void RemoveFolder() => Directory.Delete(_folder, recursive: true);

    private DatasetCache Cache => new(Path.Combine(_folder, "cache"));

    private string Cached(string name) => Path.Combine(_folder, "cache", "tiny", name);

    [Test]
    public void MirrorFillsTheCache()
    {
        using var mirror = Packed(_files);
        var set = _tiny with { Mirrors = [mirror.Address] };
        var loaded = Datasets.Load(set, Cache);
        Assert.That((loaded.Train.Count, loaded.Test.Count), Is.EqualTo((6, 2)));
        Assert.That(loaded.Train.Name, Is.EqualTo("tiny train"));
        Assert.That(loaded.Test.Labels.ToArray(), Is.EqualTo(new[] { 2, 1 }));
        foreach (var (name, content) in _files) Assert.That(File.ReadAllBytes(Cached(name)), Is.EqualTo(content));
        Assert.That(Leftovers(), Is.Empty);

        var asked = mirror.Requests;
        Datasets.Load(set, Cache);
        Assert.That(mirror.Requests, Is.EqualTo(asked), "the second load asks nobody");
    }

    [Test]
    public void DamagedCacheIsFetchedAgain([Values("cut", "changed", "longer")] string damage)
    {
        using var mirror = Packed(_files);
        var set = _tiny with { Mirrors = [mirror.Address] };
        Cache.Fetch(set);
        var path = Cached("train-images-idx3-ubyte");
        var content = File.ReadAllBytes(path);
        if (damage == "changed") content[20] ^= 1;
        else Array.Resize(ref content, content.Length + (damage == "cut" ? -1 : 1));
        File.WriteAllBytes(path, content);
        var lines = new Lines();
        Cache.Fetch(set, lines);
        Assert.That(File.ReadAllBytes(path), Is.EqualTo(_files["train-images-idx3-ubyte"]));
        Assert.That(lines.Text, Does.Contain("is damaged").And.Contain("fetching train-images-idx3-ubyte.gz"));
        Assert.That(lines.Text, Does.Not.Contain("fetching t10k-images"), "the sound files stay");
    }

    [Test]
    public void WrongContentNeverEntersTheCache()
    {
        var wrong = new Dictionary<string, byte[]>(_files);
        wrong["train-images-idx3-ubyte"] = IdxFixture.Images(6, 3, 2, seed: 99);
        wrong["t10k-images-idx3-ubyte"] = new byte[5_000_000]; // longer than described
        using var bad = Packed(wrong);
        var error = Assert.Throws<DatasetUnavailableException>(
            () => Cache.Fetch(_tiny with { Mirrors = [bad.Address] }))!;
        Assert.That(error.Message, Does.Contain(bad.Address.AbsoluteUri).And.Contain("SHA-256"));
        Assert.That(File.Exists(Cached("train-images-idx3-ubyte")), Is.False);
        Assert.That(Leftovers(), Is.Empty);

        using var good = Packed(_files);
        Cache.Fetch(_tiny with { Mirrors = [bad.Address, good.Address] });
        foreach (var (name, content) in _files) Assert.That(File.ReadAllBytes(Cached(name)), Is.EqualTo(content));
    }

    [Test]
    public void BrokenTransfersAreRefused([Values("cut", "garbage", "missing")] string fault)
    {
        using var mirror = Packed(_files, fault);
        Assert.That(() => Cache.Fetch(_tiny with { Mirrors = [mirror.Address] }),
            Throws.TypeOf<DatasetUnavailableException>().With.Message.Contains(mirror.Address.AbsoluteUri));
        Assert.That(Leftovers(), Is.Empty);
    }

    [Test]
    public void NobodyAnswersSaysWhatToDo()
    {
        Uri refusing;
        using (var listener = Packed(_files)) refusing = listener.Address;
        var set = _tiny with
        {
            LocalFolders = [Path.Combine(_folder, "no-such")],
            Mirrors = [refusing, new Uri("http://mirror.invalid/")],
        };
        var error = Assert.Throws<DatasetUnavailableException>(() => Cache.Fetch(set))!;
        Assert.That(error.Message, Does.Contain("'tiny'").And.Contain("no such folder")
            .And.Contain(refusing.AbsoluteUri).And.Contain("mirror.invalid").And.Contain("DEEPNATIVE_DATA")
            .And.Contain(Path.Combine(_folder, "cache", "tiny")));
        foreach (var file in set.Files)
            Assert.That(error.Message, Does.Contain(file.Name).And.Contain(file.Sha256));
    }

    [Test]
    public void SilentMirrorsCostOneWaitTogether()
    {
        // They accept the connection and never say a word.
        using var first = new TcpListener(IPAddress.Loopback, 0);
        using var second = new TcpListener(IPAddress.Loopback, 0);
        first.Start();
        second.Start();
        var clock = System.Diagnostics.Stopwatch.StartNew();
        var cache = new DatasetCache(Cache.Folder) { Limits = WebLimits.Default with { Answer = TimeSpan.FromSeconds(3) } };
        Assert.That(() => cache.Fetch(_tiny with { Mirrors = [Address(first), Address(second)] }),
            Throws.TypeOf<DatasetUnavailableException>().With.Message.Contains("no answer within 3 s"));
        Assert.That(clock.Elapsed, Is.InRange(TimeSpan.FromSeconds(2.9), TimeSpan.FromSeconds(5.9)));

        static Uri Address(TcpListener listener) => new($"http://{listener.LocalEndpoint}/");
    }

    [Test]
    public void SilentMirrorDoesNotDelayOneThatAnswers()
    {
        using var silent = new TcpListener(IPAddress.Loopback, 0);
        silent.Start();
        using var mirror = Packed(_files);
        var clock = System.Diagnostics.Stopwatch.StartNew();
        Cache.Fetch(_tiny with { Mirrors = [new Uri($"http://{silent.LocalEndpoint}/"), mirror.Address] });
        Assert.That(clock.Elapsed, Is.LessThan(TimeSpan.FromSeconds(7.5)));
    }

    [Test]
    public void FilesPutByHandAreTaken([Values] bool packed, [Values] bool inLocalFolder)
    {
        var folder = inLocalFolder ? Path.Combine(_folder, "package") : Path.Combine(_folder, "cache", "tiny");
        Directory.CreateDirectory(folder);
        foreach (var (name, content) in _files)
            File.WriteAllBytes(
                Path.Combine(folder, packed ? name + ".gz" : name), packed ? IdxFixture.Gzip(content) : content);
        Cache.Fetch(_tiny with { LocalFolders = [Path.Combine(_folder, "package")] });
        foreach (var (name, content) in _files) Assert.That(File.ReadAllBytes(Cached(name)), Is.EqualTo(content));
    }

    [Test]
    public void ManyAtOnceFetchOnce()
    {
        using var mirror = Packed(_files);
        var set = _tiny with { Mirrors = [mirror.Address] };
        var fetches = Enumerable.Range(0, 8).Select(_ => Cache.FetchAsync(set)).ToArray();
        Task.WaitAll(fetches);
        foreach (var (name, content) in _files) Assert.That(File.ReadAllBytes(Cached(name)), Is.EqualTo(content));
        Assert.That(mirror.Requests, Is.EqualTo(_files.Count + 1), "one question and four files");
    }

    [Test]
    public void CancellationEndsTheFetch()
    {
        using var silent = new TcpListener(IPAddress.Loopback, 0);
        silent.Start();
        using var cancel = new CancellationTokenSource(100);
        Assert.That(
            () => Cache.Fetch(_tiny with { Mirrors = [new Uri($"http://{silent.LocalEndpoint}/")] }, token: cancel.Token),
            Throws.InstanceOf<OperationCanceledException>());
    }

    [Test]
    public void UnwritableFolderIsNamed()
    {
        var file = Path.Combine(_folder, "file");
        File.WriteAllText(file, "");
        Assert.That(() => new DatasetCache(file).Fetch(_tiny),
            Throws.TypeOf<DatasetUnavailableException>().With.Message.Contains(file));
    }

    [Test]
    [Category("Network")]
    public void MnistIsTheRealOne()
    {
        ImageSplits mnist;
        try
        {
            mnist = Mnist.Load();
        }
        catch (DatasetUnavailableException error)
        {
            Assert.Ignore(error.Message);
            return;
        }

        Assert.That((mnist.Train.Count, mnist.Test.Count), Is.EqualTo((60_000, 10_000)));
        Assert.That((mnist.Train.Channels, mnist.Train.Height, mnist.Train.Width), Is.EqualTo((1, 28, 28)));
        Assert.That(mnist.Train.Mean[0], Is.EqualTo(0.1307).Within(5e-5)); // the well-known figures
        Assert.That(mnist.Train.Std[0], Is.EqualTo(0.3081).Within(5e-5));
        Assert.That(mnist.Train.Labels[..10].ToArray(), Is.EqualTo(new[] { 5, 0, 4, 1, 9, 2, 1, 3, 1, 4 }));
        Assert.That(mnist.Test.Labels[..10].ToArray(), Is.EqualTo(new[] { 7, 2, 1, 0, 4, 1, 4, 9, 5, 9 }));
    }

    private string[] Leftovers() =>
        Directory.GetFileSystemEntries(Path.Combine(_folder, "cache", "tiny"), "*.tmp");

    private sealed class Lines : IProgress<string>
    {
        internal string Text { get; private set; } = "";

        public void Report(string value) => Text += value + "\n";
    }

    private static FileServer Packed(Dictionary<string, byte[]> files, string fault = "") => new(file =>
    {
        var name = Path.GetFileNameWithoutExtension(file);
        if (fault == "missing" && name.StartsWith("train-images", StringComparison.Ordinal)) return null;
        var body = IdxFixture.Gzip(files[name]);
        if (fault == "cut") return body[..(body.Length / 2)];
        if (fault == "garbage") Array.Fill(body, (byte)'x');
        return body;
    });
}
