using DeepNative.Interop;
using DeepNative.Tests.Operators.Reference;

namespace DeepNative.Tests.Operators;

/// <summary>Names what a new operator lacks.</summary>
internal sealed class CompletenessTests
{
    private static readonly Type[] _nodes = [.. typeof(Node).Assembly.GetTypes().Where(type => type.IsSubclassOf(typeof(Node)) && !type.IsAbstract)];

    // Declared in the interface, on their way.
    private static readonly string[] _pending =
    [
        nameof(OperatorKind.TopK),
        nameof(OperatorKind.CumulativeSum),
        nameof(OperatorKind.Resize),
    ];

    [Test]
    public void Every_node_has_a_reference() => Assert.That(Interpreter.Known, Is.EquivalentTo(_nodes));

    [Test]
    public void Every_kind_of_the_interface_has_a_family_and_its_tests()
    {
        var nodes = _nodes.Select(node => node.Name.Replace("MatMul", "Matmul", StringComparison.Ordinal)).ToArray();
        foreach (var kind in Enum.GetNames<OperatorKind>().Except(_pending))
            Assert.That(nodes, Has.Some.StartsWith(kind), $"a node for {kind}");
        var fixtures = typeof(CompletenessTests).Assembly.GetTypes().Select(type => type.Name).ToArray();
        foreach (var kind in Enum.GetNames<OperatorKind>().Except([nameof(OperatorKind.SoftmaxCrossEntropy), .. _pending]))
            Assert.That(fixtures, Has.Some.EqualTo(kind.Replace("Matmul", "MatMul", StringComparison.Ordinal) + "Tests"), $"tests of {kind}");
    }

    [Test]
    public void Data_types_are_those_of_the_interface()
    {
        foreach (var dtype in Enum.GetValues<DType>())
            Assert.That(((DeepNative.Interop.DType)dtype).ToString(), Is.EqualTo(dtype.ToString()));
        Assert.That(Enum.GetValues<DType>(), Has.Length.EqualTo(Enum.GetValues<DeepNative.Interop.DType>().Length));
    }

    [Test]
    public void Shapes_have_as_many_dimensions_as_the_interface_allows() =>
        Assert.That(Shape.MaxRank, Is.EqualTo(Constants.MaxRank));
}
