using DeepNative.Interop;

namespace DeepNative.Tests.Interop;

internal sealed class ResolverTests
{
    // A name that no system has, so that the last resort fails too.
    private const string NoLibrary = "deepnative-that-does-not-exist";

    private CCompiler _compiler = null!;

    [SetUp]
    public void SetUp() => _compiler = new CCompiler();

    [TearDown]
    public void TearDown() => _compiler.Dispose();

    private static string Engine(int version) => $"int dn_abi_version(void) {{ return {version}; }}";

    private static NativeLibraryException LoadFails(params string[] files) =>
        Assert.Throws<NativeLibraryException>(() => NativeLibraryResolver.Load(files, NoLibrary))!;

    [Test]
    public void Candidates_come_in_the_documented_order()
    {
        var files = NativeLibraryResolver.Candidates(_compiler.Folder, "/app");
        Assert.That(files, Has.Count.GreaterThanOrEqualTo(3));
        Assert.That(files[0], Is.EqualTo(Path.Combine(_compiler.Folder, NativeLibraryResolver.FileName)));
        Assert.That(files[1], Is.EqualTo(Path.Combine("/app", NativeLibraryResolver.FileName)));
        Assert.That(files.Skip(2), Is.All.Match(@"^/app[/\\]runtimes[/\\][a-z0-9.-]+[/\\]native[/\\]"));
        Assert.That(files, Is.Unique);
    }

    [TestCase(null)]
    [TestCase("")]
    public void Candidates_without_the_variable_start_beside_the_application(string? configured) =>
        Assert.That(NativeLibraryResolver.Candidates(configured, "/app")[0],
                    Is.EqualTo(Path.Combine("/app", NativeLibraryResolver.FileName)));

    [Test]
    public void Candidates_take_a_file_as_well_as_a_folder()
    {
        var file = Path.Combine(_compiler.Folder, "engine.so");
        File.WriteAllText(file, "");
        Assert.That(NativeLibraryResolver.Candidates(file, "/app")[0], Is.EqualTo(file));
    }

    [Test]
    public void Failure_lists_every_place_with_the_reason_of_the_system()
    {
        var missing = Path.Combine(_compiler.Folder, "empty", NativeLibraryResolver.FileName);
        var text = Path.Combine(_compiler.Folder, NativeLibraryResolver.FileName);
        File.WriteAllText(text, "This is not a library, but long enough to have room for the header of one.");

        var message = LoadFails(missing, text).Message;

        var lines = message.Split('\n');
        var missingLine = lines.Single(l => l.TrimStart().StartsWith(missing, StringComparison.Ordinal));
        var textLine = lines.Single(l => l.TrimStart().StartsWith(text, StringComparison.Ordinal));
        Assert.That(message, Does.Contain("the system's search").And.Contain(NoLibrary));
        Assert.That(message, Does.Contain(NativeLibraryResolver.PathVariable));
        if (OperatingSystem.IsLinux())
        {
            Assert.That(missingLine, Does.Contain("No such file or directory"));
            Assert.That(textLine, Does.Contain("invalid ELF header"));
        }
    }

    [Test]
    public void Failure_is_a_DllNotFoundException() => Assert.That(LoadFails(), Is.InstanceOf<DllNotFoundException>());

    [Test]
    public void Another_abi_version_is_named_and_nothing_else_is_tried()
    {
        var wrong = _compiler.Library(Engine(Constants.AbiVersion + 41), "wrong.so");
        var right = _compiler.Library(Engine(Constants.AbiVersion), "right.so");

        var message = LoadFails(wrong, right).Message;

        Assert.That(message, Does.StartWith(wrong).And.Contain($"ABI version {Constants.AbiVersion + 41}")
                                 .And.Contain($"needs {Constants.AbiVersion}"));
    }

    [Test]
    public void A_library_that_is_not_the_engine_is_refused()
    {
        var other = _compiler.Library("int other(void) { return 1; }", "other.so");
        Assert.That(LoadFails(other).Message, Does.StartWith(other).And.Contain("dn_abi_version"));
    }

    [Test]
    public void A_library_whose_own_dependency_is_missing_says_which()
    {
        var broken = _compiler.Library("int missing_function(void);\n" + Engine(Constants.AbiVersion) +
            "\nint (*user)(void) = missing_function;", "broken.so");
        Assert.That(LoadFails(broken).Message, Does.Contain("missing_function"));
    }

    [Test]
    public void The_first_candidate_that_fits_is_loaded()
    {
        var missing = Path.Combine(_compiler.Folder, "missing.so");
        var right = _compiler.Library(Engine(Constants.AbiVersion), "right.so");
        Assert.That(NativeLibraryResolver.Load([missing, right], NoLibrary), Is.Not.Zero);
    }

    [Test]
    public void Imports_go_through_the_resolver()
    {
        try
        {
            Assert.That(Native.AbiVersion(), Is.EqualTo(Constants.AbiVersion));
        }
        catch (NativeLibraryException e)
        {
            Assert.That(e.Message, Does.Contain(Path.Combine(AppContext.BaseDirectory, NativeLibraryResolver.FileName)));
        }
    }
}
