using DeepNative.Models;

namespace DeepNative.Tests.Models;

/// <summary>Names and shapes of weights are torchvision's, so that its files can be loaded.</summary>
internal sealed class WeightNameTests
{
    // From the state dictionaries of torchvision.models; the first, some from the middle, the last.
    private static readonly (string Model, string Name, Shape Shape)[] _known =
    [
        ("vgg-d", "features.0.weight", [64, 3, 3, 3]),
        ("vgg-d", "features.28.bias", [512]),
        ("vgg-d", "classifier.0.weight", [4096, 25088]),
        ("vgg-d", "classifier.3.weight", [4096, 4096]),
        ("vgg-d", "classifier.6.bias", [1000]),
        ("vgg-a", "features.18.weight", [512, 512, 3, 3]),
        ("vgg-e", "features.34.weight", [512, 512, 3, 3]),
        ("resnet18", "conv1.weight", [64, 3, 7, 7]),
        ("resnet18", "bn1.running_mean", [64]),
        ("resnet18", "layer1.0.conv1.weight", [64, 64, 3, 3]),
        ("resnet18", "layer2.0.downsample.0.weight", [128, 64, 1, 1]),
        ("resnet18", "layer2.0.downsample.1.running_var", [128]),
        ("resnet18", "layer4.1.bn2.weight", [512]),
        ("resnet18", "fc.weight", [1000, 512]),
        ("resnet50", "layer1.0.conv3.weight", [256, 64, 1, 1]),
        ("resnet50", "layer1.0.downsample.0.weight", [256, 64, 1, 1]),
        ("resnet50", "layer3.5.conv2.weight", [256, 256, 3, 3]),
        ("resnet50", "layer4.2.bn3.bias", [2048]),
        ("resnet152", "layer3.35.conv1.weight", [256, 1024, 1, 1]),
        ("inception-v3", "Conv2d_1a_3x3.conv.weight", [32, 3, 3, 3]),
        ("inception-v3", "Conv2d_4a_3x3.bn.running_var", [192]),
        ("inception-v3", "Mixed_5b.branch5x5_2.conv.weight", [64, 48, 5, 5]),
        ("inception-v3", "Mixed_6a.branch3x3.conv.weight", [384, 288, 3, 3]),
        ("inception-v3", "Mixed_6b.branch7x7dbl_4.conv.weight", [128, 128, 7, 1]),
        ("inception-v3", "Mixed_6e.branch7x7_2.conv.weight", [192, 192, 1, 7]),
        ("inception-v3", "AuxLogits.conv1.conv.weight", [768, 128, 5, 5]),
        ("inception-v3", "AuxLogits.fc.weight", [1000, 768]),
        ("inception-v3", "Mixed_7a.branch7x7x3_4.bn.weight", [192]),
        ("inception-v3", "Mixed_7b.branch3x3_2b.conv.weight", [384, 384, 3, 1]),
        ("inception-v3", "Mixed_7c.branch3x3dbl_3a.conv.weight", [384, 384, 1, 3]),
        ("inception-v3", "Mixed_7c.branch_pool.bn.bias", [192]),
        ("inception-v3", "fc.bias", [1000]),
    ];

    // Tensors in the state dictionaries, without num_batches_tracked.
    [TestCase("vgg-d", 32)]
    [TestCase("resnet18", 102)]
    [TestCase("resnet50", 267)]
    [TestCase("inception-v3", 484)]
    public void Are_those_of_torchvision(string model, int count)
    {
        var parameters = ModelRegistry.Get(model).Create().Parameters();
        Assert.That(parameters, Has.Count.EqualTo(count));
        Assert.That(parameters.Select(parameter => parameter.Name), Is.Unique);
    }

    [Test]
    public void Have_the_shapes_of_torchvision()
    {
        foreach (var group in _known.GroupBy(entry => entry.Model))
        {
            var parameters = ModelRegistry.Get(group.Key).Create().Parameters().ToDictionary(parameter => parameter.Name, parameter => parameter.Shape);
            foreach (var (_, name, shape) in group)
                Assert.That(parameters.TryGetValue(name, out var found) ? found.ToString() : "none", Is.EqualTo(shape.ToString()), $"{group.Key} {name}");
        }
    }
}
