using DeepNative.Operators;
using DeepNative.Optimizers;
using Gru = DeepNative.Layers.Gru;
using Lstm = DeepNative.Layers.Lstm;
using RecurrentLayer = DeepNative.Layers.RecurrentLayer;
using Rnn = DeepNative.Layers.Rnn;

namespace DeepNative.Benchmarks;

/// <summary>How each operator of operators.json is written with the library; bench/peers/operators.py is its twin.</summary>
public static class OperatorTable
{
    // Small: the weights of many thousand updates stay ordinary numbers.
    private const float Rate = 1e-6f;

    private static readonly Dictionary<string, Func<CaseTensors, Value?>> _builders = new()
    {
        ["conv1d"] = t => Convolution.Apply(t.Input("x"), t.Input("weight"), t.Optional("bias"), Window(t.Case)),
        ["conv2d"] = t => Convolution.Conv2d(t.Input("x"), t.Input("weight"), t.Optional("bias"), Window(t.Case)),
        ["conv_transpose2d"] = t => Convolution.Transposed(t.Input("x"), t.Input("weight"), t.Optional("bias"), Window(t.Case)),
        ["linear"] = t => MatMul.Multiply(t.Input("x"), t.Input("weight"), transposeB: true, bias: t.Optional("bias")),
        ["matmul"] = t => MatMul.Multiply(t.Input("a"), t.Input("b"), transposeB: t.Case.Has("transpose_b")),

        ["max_pool2d"] = t => Pooling.MaxPool2d(t.Input("x"), PoolWindow(t.Case)),
        ["avg_pool2d"] = t => Pooling.AvgPool2d(t.Input("x"), PoolWindow(t.Case)),
        ["global_avg_pool"] = t => Pooling.GlobalAvgPool(t.Input("x")),
        ["adaptive_avg_pool2d"] = t => Pooling.AdaptiveAverage(t.Input("x"), Size(t)),

        ["batch_norm"] = t => BatchNorm.Training(t.Input("x"), t.Input("weight"), t.Input("bias"), Mean(t), Variance(t)),
        ["layer_norm"] = t => GroupNorm.Layer(t.Input("x"), t.Case.Inputs["weight"], t.Input("weight"), t.Input("bias")),
        ["group_norm"] = t => GroupNorm.Apply(t.Input("x"), t.Case.Whole("groups"), t.Input("weight"), t.Input("bias")),
        ["instance_norm"] = t => GroupNorm.Apply(t.Input("x"), (int)t.Case.Inputs["x"][1], t.Input("weight"), t.Input("bias")),
        ["lrn"] = t => LocalResponseNorm.Apply(
            t.Input("x"), t.Case.Whole("size"), t.Case.Real("alpha"), t.Case.Real("beta"), t.Case.Real("k")),
        ["batch_norm_inference"] = t => BatchNorm.Inference(t.Input("x"), t.Input("weight"), t.Input("bias"), Mean(t), Variance(t)),

        ["relu"] = t => Activations.Relu(t.Input("x")),
        ["leaky_relu"] = t => Activations.LeakyRelu(t.Input("x")),
        ["elu"] = t => Activations.Elu(t.Input("x")),
        ["gelu"] = t => Activations.Gelu(t.Input("x")),
        ["gelu_tanh"] = t => Activations.Gelu(t.Input("x"), GeluForm.Tanh),
        ["hardswish"] = t => Activations.HardSwish(t.Input("x")),
        ["mish"] = t => Activations.Mish(t.Input("x")),
        ["sigmoid"] = t => Pointwise.Sigmoid(t.Input("x")),
        ["tanh"] = t => Pointwise.Tanh(t.Input("x")),
        ["silu"] = t => Activations.Silu(t.Input("x")),
        ["softplus"] = t => Activations.Softplus(t.Input("x")),
        // The derivatives of these two need the result, which a training step has by then.
        ["sigmoid_backward"] = t => SigmoidGradient(t.Input("grad"), t.Input("y")),
        ["tanh_backward"] = t => t.Input("grad") * (1f - Square(t.Input("y"))),
        ["exp"] = t => Pointwise.Exp(t.Input("x")),
        ["log"] = t => Pointwise.Log(t.Input("x")),
        ["sqrt"] = t => Pointwise.Sqrt(t.Input("x")),
        ["add"] = t => t.Input("a") + t.Input("b"),
        ["multiply"] = t => t.Input("a") * t.Input("b"),
        ["power"] = t => Pointwise.Power(t.Input("a"), t.Input("b")),
        ["add_relu"] = t => Activations.Relu(t.Input("a") + t.Input("b")),
        ["cast"] = t => Pointwise.Cast(t.Input("x"), DType.BFloat16),
        ["copy"] = t => t.Input("x"),

        ["sum"] = t => Reduce.Sum(t.Input("x"), t.Case.Wholes("axes")),
        ["mean"] = t => Reduce.Mean(t.Input("x"), t.Case.Wholes("axes")),
        ["max"] = t => Reduce.Max(t.Input("x"), t.Case.Wholes("axes")),
        ["argmax"] = t => Reduce.ArgMax(t.Input("x"), t.Case.Wholes("axes")[0]),

        ["softmax"] = t => Softmax.Apply(t.Input("x"), t.Case.Whole("axis")),
        ["log_softmax"] = t => Softmax.Log(t.Input("x"), t.Case.Whole("axis")),
        ["cross_entropy"] = t => Softmax.CrossEntropy(t.Input("x"), t.Indices("labels")),
        ["bce_with_logits"] = t => new Losses.BinaryCrossEntropy().Forward(t.Input("x"), t.Floats("target", t.Case.Inputs["target"], 0f)),
        ["ctc_loss"] = Alignment,
        ["mse_loss"] = t =>
        {
            var difference = t.Input("x") - t.Floats("target", t.Case.Inputs["target"]);
            return Reduce.Mean(difference * difference);
        },


        ["dropout"] = t =>
        {
            var (x, kept) = (t.Input("x"), 1f - t.Case.Real("p"));
            return x * Operators.Random.Bernoulli(t.RandomState(), x.Shape, kept) * (1f / kept);
        },
        ["uniform"] = t => Operators.Random.Uniform(t.RandomState(), Extents(t)),
        ["normal"] = t => Operators.Random.Normal(t.RandomState(), Extents(t)),

        ["concat"] = t => Concat.Along(t.Case.Whole("axis"), [.. t.Case.Inputs.Keys.Select(name => t.Input(name))]),
        ["slice"] = t => Slice.Range(t.Input("x"), Longs(t, "begin"), [.. Longs(t, "begin").Zip(Longs(t, "extent"), (begin, extent) => begin + extent)]),
        ["pad"] = Frame,
        ["transpose"] = t => Transpose.Permute(t.Input("x"), t.Case.Wholes("axes")),
        ["lstm"] = t => Recur(t, new Lstm(Width(t), t.Case.Whole("hidden"), t.Case.Whole("layers"), batchFirst: false)),
        ["gru"] = t => Recur(t, new Gru(Width(t), t.Case.Whole("hidden"), t.Case.Whole("layers"), batchFirst: false)),
        ["rnn"] = t => Recur(t, new Rnn(Width(t), t.Case.Whole("hidden"), t.Case.Whole("layers"), batchFirst: false)),
        ["attention"] = t => Attention.ScaledDotProduct(t.Input("q"), t.Input("k"), t.Input("v")),

        ["gather_rows"] = t => Gather.Rows(t.Input("x"), t.Indices("indices")),
        ["gather_along"] = t => Gather.Along(t.Input("x"), t.Indices("indices"), t.Case.Whole("axis")),
        ["embedding"] = t => Embedding(t.Input("weight"), t.Indices("indices")),
        ["top_k"] = t => TopK.Apply(t.Input("x"), t.Case.Whole("k"), t.Case.Whole("axis")).Values,
        ["cumulative_sum"] = t => CumulativeSum.Apply(t.Input("x"), t.Case.Whole("axis")),
        ["upsample_nearest"] = t => Resize.Nearest(t.Input("x"), Size(t)),
        ["upsample_bilinear"] = t => Resize.Linear(t.Input("x"), Size(t)),

        ["sgd"] = t => t.Update(new Sgd(Rate, momentum: 0.9f)),
        ["adam"] = t => t.Update(new Adam(Rate)),
        ["adamw"] = t => t.Update(new AdamW(Rate)),
        ["rmsprop"] = t => t.Update(new RmsProp(Rate)),
        ["adagrad"] = t => t.Update(new Adagrad(Rate)),
    };

    /// <summary>Whether the library has an operator.</summary>
    public static bool Has(string name) => _builders.ContainsKey(name);

    /// <summary>Adds the case's operators and results to its graph.</summary>
    public static void Build(CaseTensors tensors)
    {
        ArgumentNullException.ThrowIfNull(tensors);
        if (_builders[tensors.Case.Operator](tensors) is not { } result) return;
        if (tensors.Case.HasResult) tensors.Store(result);
        if (!tensors.Case.HasGradients) return;
        var gradients = result.Shape.Rank == 0
            ? tensors.Graph.Gradients(result, tensors.Wanted)
            : tensors.Graph.Gradients(result, tensors.Floats("grad_output", result.Shape), tensors.Wanted);
        foreach (var gradient in gradients) tensors.Store(gradient);
    }

    private static ConvGeometry Window(OperatorCase c) => new()
    {
        Stride = c.Whole("stride", 1),
        Padding = c.Whole("padding"),
        Dilation = c.Whole("dilation", 1),
        Groups = c.Whole("groups", 1),
    };

    private static PoolGeometry PoolWindow(OperatorCase c) =>
        new(c.Whole("kernel")) { Stride = c.Whole("stride"), Padding = c.Whole("padding") };

    private static Value Mean(CaseTensors t) => t.Floats("running_mean", t.Case.Inputs["running_mean"]);

    private static Value Variance(CaseTensors t) => t.Floats("running_var", t.Case.Inputs["running_var"], 0.5f, 1.5f);

    private static Value SigmoidGradient(Value gradient, Value y) => gradient * (y * (1f - y));

    private static Value Square(Value x) => x * x;

    private static int Width(CaseTensors t) => (int)t.Case.Inputs["x"][2];

    private static Value Alignment(CaseTensors t)
    {
        var (x, targets) = (t.Input("x"), t.Case.Inputs["targets"]);
        var (steps, batch, length) = ((int)x.Shape[0], targets[0], (int)targets[1]);
        Value Lengths(string name, int each) => t.Given<int>(name, DType.Int32, [batch], [.. Enumerable.Repeat(each, (int)batch)]);
        var losses = CtcLoss.Apply(
            Softmax.Log(x, 2), t.Indices("targets"), Lengths("input_lengths", steps), Lengths("target_lengths", length), blank: (int)x.Shape[2] - 1);
        return Reduce.Mean(losses * (1f / length));
    }

    private static Value Recur(CaseTensors t, RecurrentLayer layer) => t.Apply(layer, t.Input("x"));

    private static Value Frame(CaseTensors t)
    {
        long width = t.Case.Whole("padding");
        long[] around = [0, 0, width, width];
        return t.Case.Text("mode") == "reflect" ? Pad.Reflect(t.Input("x"), around, around) : Pad.Constant(t.Input("x"), around, around);
    }

    private static long[] Longs(CaseTensors t, string name) => [.. t.Case.Wholes(name).Select(number => (long)number)];

    private static Shape Extents(CaseTensors t) => new(Longs(t, "shape"));

    private static Value Embedding(Value table, Value indices) =>
        Reshape.To(Gather.Rows(table, Reshape.Flatten(indices, 0)), indices.Shape.Concat([table.Shape[1]]));

    private static PerAxis Size(CaseTensors t)
    {
        if (t.Case.Has("size")) return (t.Case.Wholes("size")[0], t.Case.Wholes("size")[1]);
        var (shape, scale) = (t.Case.Inputs["x"], t.Case.Whole("scale"));
        return ((int)shape[2] * scale, (int)shape[3] * scale);
    }
}
