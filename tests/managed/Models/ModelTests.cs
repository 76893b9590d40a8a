using DeepNative.Layers;
using DeepNative.Models;

namespace DeepNative.Tests.Models;

internal sealed class ModelTests
{
    // Weights and biases, layer by layer.
    [TestCase("mnistnet", 32 * 25 + 32 + 64 * 800 + 64 + 200 * 256 + 200 + 10 * 200 + 10, 105_506)]
    [TestCase("lenet300", 784 * 300 + 300 + 300 * 100 + 100 + 100 * 10 + 10, 266_610)]
    public void Models_have_the_parameters_of_their_source(string name, int counted, int stated)
    {
        var model = ModelRegistry.Get(name);
        Assert.That(counted, Is.EqualTo(stated));
        Assert.That(model.Create().ParameterCount(), Is.EqualTo(stated));
        var summary = ModelSummary.Of(model.Create(), model.InputShape);
        Assert.That(summary.Parameters, Is.EqualTo(stated));
        Assert.That(summary.Layers[^1].OutputShape, Is.EqualTo(new Shape(1, model.Classes)));
    }

    [Test]
    public void Multiply_adds_of_the_mnist_net_are_counted()
    {
        var model = ModelRegistry.Get("MnistNet");
        var summary = ModelSummary.Of(model.Create(), model.InputShape);
        Assert.That(summary.MultiplyAdds, Is.EqualTo(32 * 576 * 25 + 64 * 16 * 800 + 256 * 200 + 200 * 10));
    }

    [Test]
    public void An_unknown_name_lists_the_known()
    {
        var error = Assert.Throws<ArgumentException>(() => ModelRegistry.Get("vgg99"))!;
        Assert.That(error.Message, Does.Contain("vgg99").And.Contain("lenet300, mnistnet"));
        Assert.That(ModelRegistry.TryGet("vgg99", out _), Is.False);
    }

    [Test]
    public void Every_name_is_lower_case_and_makes_a_new_model_each_time()
    {
        foreach (var model in ModelRegistry.All)
        {
            Assert.That(model.Name, Is.EqualTo(model.Name.ToLowerInvariant()));
            var (first, second) = (model.Create(), model.Create());
            Assert.That(first, Is.Not.SameAs(second));
        }
    }

    [Test]
    public void A_perceptron_has_the_layers_asked_for()
    {
        var model = Mlp.Create([784, 300, 10], () => new Tanh());
        Assert.That(model.Children.Select(layer => layer.Kind), Is.EqualTo(new[] { "Linear", "Tanh", "Linear" }));
        Assert.That(model.ParameterCount(), Is.EqualTo(784 * 300 + 300 + 3000 + 10));
        Assert.Throws<ArgumentException>(() => Mlp.Create([784]));
    }
}
