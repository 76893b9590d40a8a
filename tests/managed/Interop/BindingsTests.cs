using DeepNative.Generator;

namespace DeepNative.Tests.Interop;

internal sealed class BindingsTests
{
    private static string Root => Bindings.FindRoot(TestContext.CurrentContext.TestDirectory);

    internal static string RequireClang()
    {
        var clang = Clang.Find();
        if (clang is null)
            Assert.Ignore($"no clang on this machine (looked for {Clang.Names})");
        return clang!;
    }

    [Test]
    public void Bindings_are_what_the_generator_writes() =>
        Assert.That(new Bindings(Root).Differences(RequireClang()), Is.Empty);

    [Test]
    public void A_changed_header_is_noticed_with_file_and_line()
    {
        var clang = RequireClang();
        var copy = Directory.CreateTempSubdirectory("deepnative-test-");
        try
        {
            var header = Path.Combine(copy.FullName, "native", "include", "deepnative.h");
            Directory.CreateDirectory(Path.GetDirectoryName(header)!);
            var text = File.ReadAllText(new Bindings(Root).HeaderPath);
            File.WriteAllText(header, text);
            var bindings = new Bindings(copy.FullName);
            bindings.Write(clang);
            Assert.That(bindings.Differences(clang), Is.Empty);

            File.WriteAllText(header, text.Replace("DN_BUSY = 9", "DN_BUSY = 12", StringComparison.Ordinal));
            var difference = bindings.Differences(clang).Single();
            Assert.That(difference, Does.Match(@"Status\.g\.cs:\d+").And.Contain("Busy = 9,").And.Contain("Busy = 12,"));

            File.WriteAllText(header, text);
            var stale = Path.Combine(copy.FullName, "interop", "DeepNative.Interop", "Generated", "Old.g.cs");
            File.WriteAllText(stale, "");
            Assert.That(bindings.Differences(clang).Single(), Does.Contain("Old.g.cs is no longer generated"));
            bindings.Write(clang);
            Assert.That(File.Exists(stale), Is.False);
        }
        finally
        {
            copy.Delete(recursive: true);
        }
    }

    [TestCase("long double", "no rule for the type")]
    [TestCase("int32_t ***", "no rule for the type")]
    [TestCase("float[2][3]", "more than one extent")]
    public void Types_without_a_rule_stop_the_generator(string spelling, string message) =>
        Assert.That(() => CType.Parse(spelling), Throws.InstanceOf<GeneratorException>().With.Message.Contain(message));

    [Test]
    public void Types_are_parsed_as_clang_spells_them()
    {
        Assert.That(CType.Parse("const int64_t *"), Is.EqualTo(new CType("int64_t", true, 1, 0)));
        Assert.That(CType.Parse("dn_tensor **"), Is.EqualTo(new CType("dn_tensor", false, 2, 0)));
        Assert.That(CType.Parse("char[32]"), Is.EqualTo(new CType("char", false, 0, 32)));
        Assert.That(CType.Parse("enum dn_status"), Is.EqualTo(new CType("dn_status", false, 0, 0)));
    }
}
