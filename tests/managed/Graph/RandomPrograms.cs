using DeepNative.Operators;
using DeepNative.Tests.Operators;

namespace DeepNative.Tests.Graphs;

/// <summary>
/// Programs of element-wise operators, products and sums over a few tensors that they also overwrite: what
/// a pass that moves a read across a write, or a store that writes too early, gets wrong.
/// </summary>
internal static class RandomPrograms
{
    private const int Steps = 25;

    public static OperatorCase Case(int seed) => new($"random program {seed}", b =>
    {
        b.HasDerivative = false;
        b.ReductionLength = 4000;
        b.Magnitude = 4;
        b.MayBeZero = true;
        var random = new System.Random(seed);
        Value[] tensors = [.. Enumerable.Range(0, 4).Select(_ => b.Input([3, 3]))];
        var rate = b.Given(DType.Float32, [], [0.25]);
        var values = new List<Value>(tensors);
        for (var step = 0; step < Steps; step++)
        {
            Value Any() => values[random.Next(values.Count)];
            Value Tensor() => tensors[random.Next(tensors.Length)];
            switch (random.Next(10))
            {
                case 0 or 1:
                    b.Graph.Store(Any(), Tensor());
                    break;
                case 2:
                    var target = Tensor();
                    Optimizer.Sgd(rate, [target], [Any()], []);
                    break;
                case 3:
                    values.Add(Pointwise.Tanh(MatMul.Multiply(Any(), Any())));
                    break;
                case 4:
                    values.Add(Reduce.Mean(Any(), [0], keepDims: true) + Any());
                    break;
                case 5:
                    values.Add(Activations.Relu(Any()));
                    break;
                case 6:
                    values.Add(Any() - Any());
                    break;
                case 7:
                    values.Add(Pointwise.Sigmoid(Any() * Any()));
                    break;
                case 8:
                    values.Add(Reshape.To(Reshape.To(Any(), [9]) * 0.5f, [3, 3]));
                    break;
                default:
                    values.Add(Pointwise.Maximum(Any(), Any()));
                    break;
            }

            // Sums of sums must not grow without bound.
            if (random.Next(4) == 0) values[^1] = values[^1] * 0.5f;
        }

        for (var i = 0; i < 3; i++) b.Store($"result{i}", values[random.Next(values.Count)]);
        return Pointwise.Tanh(values[^1]);
    });
}
