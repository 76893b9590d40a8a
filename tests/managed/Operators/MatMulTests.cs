using DeepNative.Operators;

namespace DeepNative.Tests.Operators;

internal sealed class MatMulCases : IOperatorCases
{
    private static readonly (long[] Batch, long Rows, long Depth, long Columns)[] _sizes =
    [
        ([], 3, 5, 7),
        ([], 1, 1, 1),
        ([], 17, 33, 9),
        ([], 1, 64, 10),
        ([2], 3, 4, 5),
        ([2, 3], 4, 5, 2),
    ];

    public static IEnumerable<OperatorCase> Cases
    {
        get
        {
            foreach (var (batch, rows, depth, columns) in _sizes)
            {
                foreach (var (ta, tb) in new[] { (false, false), (false, true), (true, false), (true, true) })
                    yield return Case(batch, batch, rows, depth, columns, ta, tb, hasBias: ta == tb);
            }

            foreach (var (ta, tb) in new[] { (false, false), (false, true), (true, false), (true, true) })
            {
                yield return Case([3], [], 2, 4, 5, ta, tb, hasBias: false);
                yield return Case([], [3], 2, 4, 5, ta, tb, hasBias: false);
            }

            foreach (var (a, b) in new (Shape, Shape)[]
            {
                ([1, 3, 4], [5, 4, 2]), ([5, 3, 4], [1, 4, 2]), ([2, 1, 3, 4], [5, 4, 2]), ([2, 3, 3, 4], [3, 4, 2]), ([3, 3, 4], [2, 1, 4, 2]),
                ([1, 1, 3, 4], [1, 4, 2]), ([1, 3, 4], [4, 2]), ([4], [4, 2]), ([3, 4], [4]), ([4], [4]), ([2, 3, 4], [4]), ([4], [2, 4, 3]), ([0, 3, 4], [4, 2]),
                ([2, 1, 3, 4], [1, 0, 4, 2]), ([1], [1, 1]), ([2, 5, 16, 24], [24, 32]),
            })
            {
                yield return new OperatorCase($"{a} {b}", builder =>
                {
                    builder.MayBeZero = a.Count == 0 || b.Count == 0;
                    return Sized(builder, 32, MatMul.Multiply(builder.Input(a), builder.Input(b)));
                });
            }

            yield return new OperatorCase("a batch of transposed matrices by one transposed", b =>
                Sized(b, 32, MatMul.Multiply(b.Input([2, 4, 3]), b.Input([1, 5, 4]), transposeA: true, transposeB: true, bias: b.Input([5]))));
            yield return new OperatorCase("linear of a batch, relu", b => Sized(b, 32, Activations.Relu(MatMul.Multiply(b.Input([3, 2, 20]), b.Input([9, 20]), transposeB: true, bias: b.Input([9])))));
            yield return new OperatorCase("linear, relu", b => Sized(b, 20, Activations.Relu(Linear(b, 6, 20, 9))));
            yield return new OperatorCase("linear, sigmoid, times a third", b => Sized(b, 20, Pointwise.Sigmoid(Linear(b, 6, 20, 9)) * b.Input([6, 9])));
            yield return new OperatorCase("linear, plus a row", b => Sized(b, 20, Linear(b, 6, 20, 9) + b.Input([9])));
            yield return new OperatorCase("linear, gelu", b =>
            {
                var x = Linear(b, 5, 20, 8);
                return Sized(b, 80, 0.5f * x * (1f + Pointwise.Erf(x * 0.70710678f)));
            });
            yield return new OperatorCase("two layers", b => Sized(b, 80, Linear(b, Activations.Relu(Linear(b, 6, 20, 9)), 4)));
        }
    }

    public static IEnumerable<BadCase> BadCases =>
    [
        new("depths differ", "input has 5 features, expected 6; input is (4, 5), weight (3, 6) transposed", b => MatMul.Multiply(b.Input([4, 5]), b.Input([3, 6]), transposeB: true)),
        new("a number", "a has rank 0, expected 1 or more; a is ()", b => MatMul.Multiply(b.Input([]), b.Input([5, 3]))),
        new("a transposed vector", "b has rank 1, expected 2 or more; b is (5)", b => MatMul.Multiply(b.Input([3, 5]), b.Input([5]), transposeB: true)),
        new("a vector of another length", "input has 4 features, expected 5", b => MatMul.Multiply(b.Input([4]), b.Input([5, 3]))),
        new("batches differ", "leading dimensions (2) and (3) do not broadcast", b => MatMul.Multiply(b.Input([2, 4, 5]), b.Input([3, 5, 6]))),
        new("bias of another length", "bias is (4), expected (3)", b => MatMul.Multiply(b.Input([4, 5]), b.Input([5, 3]), bias: b.Input([4]))),
        new("integers", "a is Int32, expected Float32", b => MatMul.Multiply(b.Indices(DType.Int32, [4, 5], 3), b.Input([5, 3]))),
    ];

    public static OperatorCase Random(System.Random random)
    {
        long[] batch = random.Next(3) == 0 ? [random.Next(1, 4)] : [];
        return Case(batch, batch, random.Next(1, 20), random.Next(1, 20), random.Next(1, 20), random.Next(2) == 0, random.Next(2) == 0, random.Next(2) == 0);
    }

    private static OperatorCase Case(long[] batchA, long[] batchB, long rows, long depth, long columns, bool ta, bool tb, bool hasBias)
    {
        Shape a = [.. batchA, ta ? depth : rows, ta ? rows : depth];
        Shape b = [.. batchB, tb ? columns : depth, tb ? depth : columns];
        return new OperatorCase($"{a}{(ta ? "T" : "")} {b}{(tb ? "T" : "")}{(hasBias ? " + bias" : "")}", builder =>
            Sized(builder, depth * 4, MatMul.Multiply(builder.Input(a), builder.Input(b), ta, tb, hasBias ? builder.Input([columns]) : null)));
    }

    private static Value Linear(CaseBuilder b, long rows, long depth, long columns) => Linear(b, b.Input([rows, depth]), columns);

    private static Value Linear(CaseBuilder b, Value x, long columns) =>
        MatMul.Multiply(x, b.Input([columns, x.Shape[1]]), transposeB: true, bias: b.Input([columns]));

    private static Value Sized(CaseBuilder b, long length, Value y)
    {
        b.ReductionLength = length;
        b.Magnitude = 1;
        return y;
    }
}

internal sealed class MatMulTests : OperatorTests<MatMulCases>
{
    [Test]
    public void One_weight_for_a_batch_gets_its_gradient_from_one_product()
    {
        var builder = new CaseBuilder(device: null);
        var weight = builder.Input([4, 5]);
        var loss = Reduce.Sum(MatMul.Multiply(builder.Input([3, 2, 5]), weight, transposeB: true));
        builder.Graph.Gradients(loss, [weight]);
        Assert.That(builder.Graph.Nodes.OfType<MatMulNode>().Last().Outputs[0].Shape, Is.EqualTo(new Shape(4, 5)));
    }
}
