using DeepNative.Operators;

namespace DeepNative.Tests.Golden;

internal sealed class ActivationsGoldenTests
{
    private static readonly Dictionary<string, Func<Value, Value>> _functions = new()
    {
        ["Relu"] = Activations.Relu,
        ["Relu6"] = Activations.Relu6,
        ["LeakyRelu"] = x => Activations.LeakyRelu(x, 0.2f),
        ["Elu"] = x => Activations.Elu(x, 1.5f),
        ["Selu"] = Activations.Selu,
        ["Celu"] = x => Activations.Celu(x, 2f),
        ["HardTanh"] = x => Activations.HardTanh(x, -0.5f, 1.5f),
        ["HardSigmoid"] = Activations.HardSigmoid,
        ["HardSwish"] = Activations.HardSwish,
        ["Softplus"] = x => Activations.Softplus(x),
        ["SoftplusBeta"] = x => Activations.Softplus(x, 2.5f),
        ["LogSigmoid"] = Activations.LogSigmoid,
        ["Softsign"] = Activations.Softsign,
        ["Gelu"] = x => Activations.Gelu(x),
        ["GeluTanh"] = x => Activations.Gelu(x, GeluForm.Tanh),
        ["Silu"] = x => Activations.Silu(x),
        ["Mish"] = Activations.Mish,
        ["Sigmoid"] = Pointwise.Sigmoid,
        ["Tanh"] = Pointwise.Tanh,
        ["Heaviside"] = Activations.Heaviside,
        ["Softmax"] = x => Softmax.Apply(x),
        ["LogSoftmax"] = x => Softmax.Log(x),
        ["Glu"] = x => Activations.Glu(x),
    };

    private static IEnumerable<GoldenCase> Cases => GoldenFile.Load("activations");

    [Test]
    public void Every_function_is_compared() =>
        Assert.That(Cases.Select(test => test.Name), Is.EquivalentTo(_functions.Keys.Append("PRelu")));

    [Test]
    public void Values_and_gradients_are_PyTorchs(
        [ValueSource(typeof(TestDevices), nameof(TestDevices.Names))] string device, [ValueSource(nameof(Cases))] GoldenCase test)
    {
        using var run = new GoldenRun(TestDevices.Get(device), test);
        var x = run.Bind("x");
        var slope = test.Tensors.ContainsKey("slope") ? run.Bind("slope") : null;
        var y = slope is null ? _functions[test.Name](x) : Activations.PRelu(x, Reshape.To(slope, [4, 1]));
        var weight = run.Bind("loss_weight");
        var loss = Reduce.Sum(y * weight);
        run.Expect("y", y);
        if (slope is not null)
        {
            var gradients = run.Graph.Gradients(loss, [x, slope]);
            run.Expect("grad_x", gradients[0]);
            run.Expect("grad_slope", gradients[1]);
        }
        else
        {
            var gradient = run.Graph.Gradients(loss, [x])[0];
            run.Expect("grad_x", gradient);
            if (test.Tensors.ContainsKey("grad2_x"))
                run.Expect("grad2_x", SecondOf(run.Graph, gradient * run.Bind("grad_weight") * Pointwise.NotEqual(x, run.Graph.Constant(0f)), x));
        }

        // 1 - sigmoid has the error of 1 where it is small, and the second derivative multiplies it by x^5.
        run.Check(terms: test.Name == "GeluTanh" ? 512 : 16);
    }

    private static Value SecondOf(Graph graph, Value weighed, Value x)
    {
        try
        {
            return graph.Gradients(Reduce.Sum(weighed), [x])[0];
        }
        catch (ArgumentException)
        {
            return x * 0f; // The first derivative is constant.
        }
    }
}
