using System.Buffers;
using System.Diagnostics;
using DeepNative.Serialization;
using NUnit.Framework;

namespace DeepNative.Tests.Serialization;

[TestFixture]
public sealed class AtomicFileTests
{
    private string _folder = "";

    [SetUp]
    public void MakeFolder() => _folder = Directory.CreateTempSubdirectory("dn-atomic-").FullName;

    [TearDown]
    public void RemoveFolder() => Directory.Delete(_folder, recursive: true);

    private string Target => Path.Combine(_folder, "model.safetensors");

    [Test]
    public void CommitReplacesAndLeavesNothingElse()
    {
        File.WriteAllText(Target, "old");
        using (var file = AtomicFile.Create(Target))
        {
            file.Stream.Write("new"u8);
            Assert.That(File.ReadAllText(Target), Is.EqualTo("old"), "before the commit");
            file.Commit();
            Assert.That(() => file.Commit(), Throws.InvalidOperationException);
        }

        Assert.That(File.ReadAllText(Target), Is.EqualTo("new"));
        Assert.That(Directory.GetFileSystemEntries(_folder), Is.EqualTo(new[] { Target }));
    }

    [Test]
    public void WithoutCommitTheOldFileStays()
    {
        File.WriteAllText(Target, "old");
        using (var file = AtomicFile.Create(Target)) file.Stream.Write("new"u8);
        Assert.That(File.ReadAllText(Target), Is.EqualTo("old"));
        Assert.That(Directory.GetFileSystemEntries(_folder), Is.EqualTo(new[] { Target }));
    }

    [Test]
    public void FailureInTheMiddleOfATensorKeepsTheOldFile()
    {
        SafeTensors.Write(Target, [TensorEntry.Create<int>("a", [1], new[] { 7 })]);
        var old = File.ReadAllBytes(Target);
        using var failing = new FailingMemory(64);
        TensorEntry[] entries =
        [
            TensorEntry.Create<float>("a", [4], new float[4]),
            TensorEntry.Create<byte>("b", [64], failing.Memory),
        ];
        Assert.That(() => SafeTensors.Write(Target, entries), Throws.TypeOf<IOException>());
        Assert.That(File.ReadAllBytes(Target), Is.EqualTo(old));
        Assert.That(Directory.GetFileSystemEntries(_folder), Is.EqualTo(new[] { Target }));
    }

    [Test]
    public void FullDiskKeepsTheOldFile()
    {
        var disk = Directory.CreateDirectory(Path.Combine(_folder, "disk")).FullName;
        if (!Run("mount", "-t", "tmpfs", "-o", "size=256k", "none", disk))
            Assert.Ignore("cannot mount a small disk here (needs root on Linux)");
        try
        {
            var target = Path.Combine(disk, "model.safetensors");
            SafeTensors.Write(target, [TensorEntry.Create<float>("w", [1000], new float[1000])]);
            var old = File.ReadAllBytes(target);
            var large = new float[1_000_000];
            Assert.That(() => SafeTensors.Write(target, [TensorEntry.Create<float>("w", [large.Length], large)]),
                Throws.InstanceOf<IOException>());
            Assert.That(File.ReadAllBytes(target), Is.EqualTo(old));
            Assert.That(Directory.GetFileSystemEntries(disk), Is.EqualTo(new[] { target }));
        }
        finally
        {
            Run("umount", disk);
        }
    }

    [Test]
    public void MissingFolderIsAnIOError() =>
        Assert.That(() => AtomicFile.Create(Path.Combine(_folder, "no", "file")), Throws.InstanceOf<IOException>());

    private static bool Run(string program, params string[] arguments)
    {
        try
        {
            using var process = Process.Start(new ProcessStartInfo(program, arguments) { RedirectStandardError = true })!;
            process.WaitForExit();
            return process.ExitCode == 0;
        }
        catch (System.ComponentModel.Win32Exception)
        {
            return false;
        }
    }

    // Memory whose bytes cannot be read, as a device that is lost in the middle of a save.
    private sealed class FailingMemory(int length) : MemoryManager<byte>
    {
        // Not base.Memory: it asks GetSpan for the length.
        public override Memory<byte> Memory => CreateMemory(length);

        public override Span<byte> GetSpan() => throw new IOException("unreadable");

        public override MemoryHandle Pin(int elementIndex = 0) => throw new NotSupportedException();

        public override void Unpin()
        {
        }

        protected override void Dispose(bool disposing)
        {
        }
    }
}
