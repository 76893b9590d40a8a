using DeepNative.Operators;

namespace DeepNative.Tests.Operators;

internal sealed class AttentionCases : IOperatorCases
{
    public static IEnumerable<OperatorCase> Cases
    {
        get
        {
            yield return Case("plain", [2, 3], 4, 5, 6, 3);
            yield return Case("one query", [], 1, 5, 3, 2);
            yield return Case("one key", [2], 3, 1, 3, 2);
            yield return Case("causal", [2], 5, 5, 4, 4, causal: true);
            yield return Case("causal, more queries", [1], 7, 3, 4, 4, causal: true);
            yield return Case("no samples", [0], 3, 2, 4, 4);
            yield return new OperatorCase("an added mask", b => Sized(b, Attention.ScaledDotProduct(b.Input([2, 3, 4]), b.Input([2, 5, 4]), b.Input([2, 5, 2]), b.Input([3, 5]))));
            yield return new OperatorCase("an allowing mask, causal", b => Sized(b, Attention.ScaledDotProduct(
                b.Input([2, 3, 4]), b.Input([2, 5, 4]), b.Input([2, 5, 2]), b.Indices(DType.UInt8, [2, 1, 5], 2), causal: true)));
            yield return new OperatorCase("nothing allowed", b =>
            {
                b.MayBeZero = true;
                return Sized(b, Attention.ScaledDotProduct(b.Input([2, 3, 4]), b.Input([2, 5, 4]), b.Input([2, 5, 2]), b.Given(DType.UInt8, [2, 1, 1], [0, 1])));
            });
            foreach (var (rows, columns) in new[] { (1, 1), (3, 3), (2, 5), (6, 2), (0, 3), (3, 0) })
            {
                yield return new OperatorCase($"the lower triangle of {rows} x {columns}", b =>
                {
                    b.HasDerivative = false;
                    b.MayBeZero = true;
                    return Attention.LowerTriangle(b.Graph, rows, columns);
                });
            }

            yield return new OperatorCase("positions before lengths", b =>
            {
                b.HasDerivative = false;
                b.MayBeZero = true;
                return Attention.BeforeLength(b.Given(DType.Int32, [4], [0, 3, 1, 9]), 5);
            });
        }
    }

    public static IEnumerable<BadCase> BadCases =>
    [
        new("a vector", "query has rank 1, expected 2 or more; query is (4)", b => Attention.ScaledDotProduct(b.Input([4]), b.Input([3, 4]), b.Input([3, 4]))),
        new("other features", "query is (3, 5) and key is (3, 4): their last axes differ", b => Attention.ScaledDotProduct(b.Input([3, 5]), b.Input([3, 4]), b.Input([3, 4]))),
        new("other counts", "key is (3, 4) and value is (2, 4): they have different counts", b => Attention.ScaledDotProduct(b.Input([3, 4]), b.Input([3, 4]), b.Input([2, 4]))),
        new("other batches", "leading dimensions (2) and (3) do not broadcast", b => Attention.ScaledDotProduct(b.Input([2, 3, 4]), b.Input([3, 3, 4]), b.Input([3, 3, 4]))),
        new("another mask", "mask is (2, 3), which does not broadcast to (3, 3)", b => Attention.ScaledDotProduct(b.Input([3, 4]), b.Input([3, 4]), b.Input([3, 4]), b.Input([2, 3]))),
        new("a mask of indices", "mask is Int32, expected Float32", b => Attention.ScaledDotProduct(b.Input([3, 4]), b.Input([3, 4]), b.Input([3, 4]), b.Indices(DType.Int32, [3, 3], 2))),
        new("bytes", "value is UInt8, expected Float32", b => Attention.ScaledDotProduct(b.Input([3, 4]), b.Input([3, 4]), b.Indices(DType.UInt8, [3, 4], 2))),
    ];

    public static OperatorCase Random(System.Random random) => Case(
        "random", [.. Enumerable.Range(0, random.Next(0, 3)).Select(_ => (long)random.Next(1, 4))], random.Next(1, 6), random.Next(1, 6), random.Next(1, 6), random.Next(1, 6),
        random.Next(2) == 0);

    private static OperatorCase Case(string name, long[] batch, int queries, int keys, int features, int values, bool causal = false) =>
        new($"{name}: {queries} of {string.Join('x', batch)} x {keys} x {features}, {values}", b =>
        {
            b.MayBeZero = keys == 1 || causal; // the weight of one key is 1, whatever its score
            return Sized(b, Attention.ScaledDotProduct(
                b.Input([.. batch, queries, features], -2, 2), b.Input([.. batch, keys, features], -2, 2), b.Input([.. batch, keys, values]), causal: causal));
        });

    private static Value Sized(CaseBuilder b, Value y)
    {
        b.ReductionLength = 64;
        b.Magnitude = 4;
        return y;
    }
}

internal sealed class AttentionTests : OperatorTests<AttentionCases>
{
    [Test]
    public void The_triangle_is_that_of_the_definition()
    {
        foreach (var (rows, columns) in new[] { (1, 1), (4, 4), (2, 5), (6, 2) })
        {
            var b = new CaseBuilder(device: null);
            b.Store("y", Attention.LowerTriangle(b.Graph, rows, columns));
            var expected = Indexing(rows, columns).Select(at => at.Column <= at.Row ? 1.0 : 0.0);
            Assert.That(OperatorChecks.Run(b.Graph.Nodes, b)["y"], Is.EqualTo(expected), $"{rows} x {columns}");
        }
    }

    [Test]
    public void The_masks_of_several_layers_are_computed_once()
    {
        var b = new CaseBuilder(device: null);
        var x = b.Input([2, 4, 3]);
        b.Store("y", Attention.ScaledDotProduct(Attention.ScaledDotProduct(x, x, x, causal: true), x, x, causal: true));
        var plan = GraphPlan.Of(b.Graph);
        plan.Optimize();
        Assert.That(plan.Nodes.OfType<PadNode>().Count(), Is.EqualTo(1));
    }

    private static IEnumerable<(int Row, int Column)> Indexing(int rows, int columns) =>
        from row in Enumerable.Range(0, rows) from column in Enumerable.Range(0, columns) select (row, column);
}
