using DeepNative.Layers;
using DeepNative.Losses;

namespace DeepNative.Tests.Layers;

internal sealed class AuxiliaryHeadTests
{
    private const float Weight = 0.3f;

    [Test]
    public void Its_loss_counts_in_training_and_only_there()
    {
        var device = TestDevices.Get("cpu");
        var side = new Linear(4, 3);
        var model = new Sequential(new AuxiliaryHead(Weight, [("fc", side)]), new Linear(4, 3));
        Assert.That(model.Parameters().Select(parameter => parameter.Name), Is.EqualTo(new[] { "0.fc.weight", "0.fc.bias", "1.weight", "1.bias" }));
        model.Materialize(device, seed: 2);
        using var x = new Tensor(device, DType.Float32, new Shape(2, 4));
        using var labels = new Tensor(device, DType.Int32, new Shape(2));
        x.Write<float>([1, -2, 3, 0.5f, -1, 2, 0, 1]);
        labels.Write<int>([2, 0]);
        foreach (var training in new[] { true, false })
        {
            var graph = new Graph(training);
            var (input, target) = (graph.Bind(x, "x"), graph.Bind(labels, "labels"));
            var loss = new SoftmaxCrossEntropy();
            var output = model.Forward(input);
            using var total = new Tensor(device, DType.Float32, Shape.Scalar);
            using var main = new Tensor(device, DType.Float32, Shape.Scalar);
            using var extra = new Tensor(device, DType.Float32, Shape.Scalar);
            graph.Store(loss.Total(output, target), total);
            graph.Store(loss.Forward(output, target), main);
            graph.Store(loss.Forward(side.Forward(input), target), extra);
            using (var program = graph.Compile(device)) program.Run();
            var expected = main.ToArray<float>()[0] + (training ? Weight * extra.ToArray<float>()[0] : 0f);
            Assert.That(extra.ToArray<float>()[0], Is.GreaterThan(0.01f));
            Assert.That(total.ToArray<float>()[0], Is.EqualTo(expected).Within(1e-6f), $"training {training}");
        }

        model.ReleaseTensors();
        Assert.Throws<ArgumentOutOfRangeException>(() => _ = new AuxiliaryHead(0f, []));
    }

    [Test]
    public void Names_and_numbers_given_are_taken()
    {
        var model = new Sequential([("first", new Linear(2, 1, weightInitializer: Initializer.Of(3f, 4f))), ("second", new Branches([("a", new Linear(1, 1)), ("b", new Linear(1, 2))]))]);
        Assert.That(model.Parameters().Select(parameter => parameter.Name).Where(name => name.EndsWith("weight", StringComparison.Ordinal)), Is.EqualTo(new[] { "first.weight", "second.a.weight", "second.b.weight" }));
        model.Materialize(TestDevices.Get("cpu"), seed: 1);
        Assert.That(model.Parameters()[0].Tensor!.ToArray<float>(), Is.EqualTo(new[] { 3f, 4f }));
        model.ReleaseTensors();
        Assert.Throws<ArgumentException>(() => _ = new Sequential([("same", new ReLU()), ("same", new ReLU())]));
        Assert.Throws<ArgumentException>(() => new Linear(3, 1, weightInitializer: Initializer.Of(1f)).Materialize(TestDevices.Get("cpu"), seed: 1));
    }
}
