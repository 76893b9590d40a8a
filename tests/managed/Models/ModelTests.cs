using DeepNative.Layers;
using DeepNative.Models;

namespace DeepNative.Tests.Models;

internal sealed class ModelTests
{
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
        Assert.That(error.Message, Does.Contain("vgg99").And.Contain("lenet300").And.Contain("resnet152").And.Contain("unet"));
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
