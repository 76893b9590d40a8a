using System.Text.Json;
using DeepNative.Layers;
using DeepNative.Operators;

namespace DeepNative.Tests.Golden;

internal sealed class IndexingGoldenTests
{
    private delegate Value Operation(GoldenRun run, Value x, JsonElement attributes);

    private static readonly Dictionary<string, Func<Value, int[], bool, Value>> _reductions = new()
    {
        ["logsumexp"] = (x, axes, keep) => Reduce.LogSumExp(x, axes, keep),
        ["var"] = (x, axes, keep) => Reduce.Variance(x, axes, keepDims: keep),
        ["var0"] = (x, axes, keep) => Reduce.Variance(x, axes, correction: 0, keep),
        ["std"] = (x, axes, keep) => Reduce.StandardDeviation(x, axes, keepDims: keep),
        ["norm1"] = (x, axes, keep) => Reduce.NormL1(x, axes, keep),
        ["norm2"] = (x, axes, keep) => Reduce.NormL2(x, axes, keep),
        ["prod"] = (x, axes, keep) => Reduce.Product(x, axes, keep),
        ["min"] = (x, axes, keep) => Reduce.Min(x, axes, keep),
    };

    // All of one differentiable input "x".
    private static readonly Dictionary<string, Operation> _operations = new()
    {
        ["gather"] = (run, x, a) => Gather.Along(x, run.Bind("indices"), Int(a, "axis")),
        ["scatter_add"] = (run, x, a) => Gather.ScatterAddAlong(x, run.Bind("indices"), Int(a, "axis"), Int(a, "extent")),
        ["topk"] = (run, x, a) => WithIndices(run, TopK.Apply(x, Int(a, "k"), Int(a, "axis"), Bool(a, "largest"))),
        ["sort"] = (run, x, a) => WithIndices(run, TopK.Sort(x, Int(a, "axis"), Bool(a, "descending"))),
        ["cumsum"] = (_, x, a) => CumulativeSum.Apply(x, Int(a, "axis")),
        ["interpolate"] = (_, x, a) => Upsample.ToSize(Size(a), Bool(a, "linear") ? UpsampleMode.Linear : UpsampleMode.Nearest, Bool(a, "corners")).Forward(x),
        ["upsample"] = (_, x, a) => new Upsample(a.GetProperty("scale").GetDouble(), UpsampleMode.Linear).Forward(x),
        ["adaptive_avg_pool"] = (_, x, a) => x.Shape.Rank switch
        {
            3 => new AdaptiveAvgPool1d(Size(a)).Forward(x),
            4 => new AdaptiveAvgPool2d(Size(a)).Forward(x),
            _ => Pooling.AdaptiveAverage(x, Size(a)),
        },
        ["reduce"] = (_, x, a) => _reductions[a.GetProperty("function").GetString()!](x, Ints(a, "axes"), Bool(a, "keep")),
        ["argmin"] = (_, x, a) => Reduce.ArgMin(x, Int(a, "axis")),
        ["clip"] = (_, x, a) => Pointwise.Clip(x, a.GetProperty("low").GetSingle(), a.GetProperty("high").GetSingle()),
    };

    private static IEnumerable<GoldenCase> Cases => GoldenFile.Load("indexing");

    [Test]
    public void Values_and_gradients_are_PyTorchs(
        [ValueSource(typeof(TestDevices), nameof(TestDevices.Names))] string device, [ValueSource(nameof(Cases))] GoldenCase test)
    {
        using var run = new GoldenRun(TestDevices.Get(device), test);
        var operation = test.Attributes.GetProperty("operation").GetString()!;
        if (operation is "embedding" or "embedding_bag")
        {
            CheckEmbedding(run, TestDevices.Get(device), test, operation == "embedding_bag");
            return;
        }

        if (operation == "one_hot")
        {
            run.Expect("y", OneHot.Encode(run.Bind("indices"), Int(test.Attributes, "classes")));
            run.Check();
            return;
        }

        var x = run.Bind("x");
        var y = _operations[operation](run, x, test.Attributes);
        run.Expect("y", y);
        if (test.Tensors.ContainsKey("grad_x"))
            run.Expect("grad_x", run.Graph.Gradients(Reduce.Sum(y * run.Bind("loss_weight")), [x])[0]);
        run.Check(terms: 64);
    }

    private static void CheckEmbedding(GoldenRun run, Device device, GoldenCase test, bool bag)
    {
        var table = test["weight"];
        int? padding = Int(test.Attributes, "padding") is var row and >= 0 ? row : null;
        var (rows, width) = ((int)table.Shape[0], (int)table.Shape[1]);
        Layer layer = bag
            ? new EmbeddingBag(rows, width, test.Attributes.GetProperty("mode").GetString() == "sum" ? BagMode.Sum : BagMode.Mean, padding)
            : new Embedding(rows, width, padding);
        layer.Materialize(device, seed: 1);
        try
        {
            var parameter = layer.Parameters()[0];
            if (padding is { } zero)
                Assert.That(parameter.Tensor!.ToArray<float>().Skip(zero * width).Take(width), Is.All.Zero);
            parameter.Tensor!.Write<float>(Array.ConvertAll(table.Numbers, n => (float)n));
            var y = layer.Forward(run.Bind("indices"));
            run.Expect("y", y);
            run.Expect("grad_weight", run.Graph.Gradients(Reduce.Sum(y * run.Bind("loss_weight")), [run.Graph.Parameter(parameter)])[0]);
            run.Check();
        }
        finally
        {
            layer.ReleaseTensors();
        }
    }

    private static Value WithIndices(GoldenRun run, (Value Values, Value Indices) found)
    {
        run.Expect("indices", found.Indices);
        return found.Values;
    }

    private static PerAxis Size(JsonElement attributes) => Ints(attributes, "size") switch
    {
        [var length] => length,
        [var height, var width] => (height, width),
        var all => (all[0], all[1], all[2]),
    };

    private static int[] Ints(JsonElement attributes, string name) => [.. attributes.GetProperty(name).EnumerateArray().Select(item => item.GetInt32())];

    private static int Int(JsonElement attributes, string name) => attributes.GetProperty(name).GetInt32();

    private static bool Bool(JsonElement attributes, string name) => attributes.GetProperty(name).GetBoolean();
}
