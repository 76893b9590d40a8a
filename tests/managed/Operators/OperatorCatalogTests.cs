using System.Runtime.CompilerServices;
using System.Text.Json;
using DeepNative.Interop;
using DeepNative.Operators;
using DeepNative.Tests.Cli;

namespace DeepNative.Tests.Operators;

/// <summary>What `deepnative inspect operators` shows.</summary>
internal sealed class OperatorCatalogTests
{
    private const string UpdateVariable = "DEEPNATIVE_UPDATE_OPERATORS";

    private static readonly string[] _nodes = [.. typeof(Node).Assembly.GetTypes().Where(type => type.IsSubclassOf(typeof(Node))).Select(type => type.Name)];

    private static string ManifestFile => Path.Combine(Path.GetDirectoryName(ThisFile())!, "..", "..", "operators.json");

    [Test]
    public void The_list_of_tests_is_up_to_date()
    {
        var text = "{\n" + string.Join(",\n", CasesByKind().Select(entry => $"  \"{entry.Key}\": {entry.Value}")) + "\n}\n";
        if (Environment.GetEnvironmentVariable(UpdateVariable) == "1") File.WriteAllText(ManifestFile, text);
        Assert.That(File.ReadAllText(ManifestFile), Is.EqualTo(text), $"{UpdateVariable}=1 writes tests/operators.json anew");
    }

    [Test]
    public void Every_kind_that_is_done_has_a_kernel_for_float32_and_an_order_of_its_derivative(
        [ValueSource(typeof(TestDevices), nameof(TestDevices.Names))] string name)
    {
        var device = TestDevices.Get(name);
        Assert.That(OperatorCatalog.Names, Is.EqualTo(Enum.GetNames<OperatorKind>()));
        // CompletenessTests asks that every kind has a node.
        foreach (var kind in OperatorCatalog.Names.Where(kind => _nodes.Any(node => node.StartsWith(kind, StringComparison.OrdinalIgnoreCase))))
        {
            foreach (var backward in (bool[])[false, true])
                Assert.That(OperatorCatalog.DataTypes(kind, device, backward), Does.Contain(DType.Float32), $"{kind} on {name}, backward: {backward}");
            if (kind != nameof(OperatorKind.Optimizer)) Assert.That(OperatorCatalog.DerivativeOrder(kind), Is.Not.Null, kind);
        }
    }

    [Test]
    public void Types_and_orders_are_those_that_the_families_test()
    {
        var cpu = TestDevice.Cpu;
        Assert.That(OperatorCatalog.DataTypes("Gather", cpu), Is.EqualTo(Enum.GetValues<DType>()));
        Assert.That(OperatorCatalog.DataTypes("Pointwise", cpu), Does.Contain(DType.BFloat16).And.Contain(DType.Int64));
        Assert.That(OperatorCatalog.DataTypes("Convolution", cpu), Does.Not.Contain(DType.Float64).And.Not.Contain(DType.UInt8));
        Assert.That(OperatorCatalog.DerivativeOrder("Pointwise"), Is.EqualTo(2));
        Assert.That(OperatorCatalog.DerivativeOrder("Convolution"), Is.EqualTo(2));
        Assert.That(OperatorCatalog.DerivativeOrder("Random"), Is.Zero);
        Assert.That(OperatorCatalog.DerivativeOrder("ImageDecode"), Is.Zero);
        Assert.That(OperatorCatalog.DerivativeOrder("Optimizer"), Is.Null);
        Assert.That(() => OperatorCatalog.DerivativeOrder("Nothing"), Throws.ArgumentException.With.Message.Contains("Pointwise"));
        Assert.That(() => OperatorCatalog.DerivativeOrder("3"), Throws.ArgumentException);
    }

    [Test]
    public void The_tool_shows_every_operator()
    {
        var (code, output, error) = CommandLineTests.Run("inspect", "operators");
        Assert.That((code, error), Is.EqualTo((0, "")));
        foreach (var kind in OperatorCatalog.Names) Assert.That(output, Does.Match($@"\b{kind}\b"));
        (code, output, error) = CommandLineTests.Run("inspect", "operators", "--json", "-");
        Assert.That(code, Is.Zero, error);
        var rows = JsonDocument.Parse(output).RootElement.EnumerateArray().ToArray();
        Assert.That(rows.Select(row => row.GetProperty("operator").GetString()), Is.EqualTo(OperatorCatalog.Names));
        var pointwise = rows[0];
        Assert.That(pointwise.GetProperty("devices").GetProperty("cpu").GetProperty("forward").EnumerateArray().Select(type => type.GetString()), Does.Contain("f32"));
        Assert.That(pointwise.GetProperty("derivative_order").GetInt32(), Is.EqualTo(2));
        Assert.That(pointwise.GetProperty("tests").GetInt32(), Is.Positive);
    }

    // For each kind the cases of all families whose graph has a node of it.
    private static SortedDictionary<string, int> CasesByKind()
    {
        var kinds = Enum.GetNames<OperatorKind>().OrderByDescending(kind => kind.Length).ToArray();
        var counts = new SortedDictionary<string, int>(kinds.ToDictionary(kind => kind, _ => 0), StringComparer.Ordinal);
        foreach (var family in typeof(IOperatorCases).Assembly.GetTypes().Where(type => type.IsAssignableTo(typeof(IOperatorCases)) && !type.IsInterface))
        {
            var property = family.GetProperty(nameof(IOperatorCases.Cases))!;
            foreach (var test in (IEnumerable<OperatorCase>)property.GetValue(null)!)
            {
                var builder = new CaseBuilder(device: null);
                test.Build(builder);
                var used = builder.Graph.Nodes.Select(node => Array.Find(kinds, kind => node.GetType().Name.StartsWith(kind, StringComparison.OrdinalIgnoreCase)));
                foreach (var kind in used.OfType<string>().Distinct()) counts[kind]++;
            }
        }

        return counts;
    }

    private static string ThisFile([CallerFilePath] string path = "") => path;
}
