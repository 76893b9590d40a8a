using DeepNative.Models;

namespace DeepNative.Tests.Models;

/// <summary>What transfer learning makes anew, of every registered model.</summary>
internal sealed class HeadTests
{
    // Its classes are told apart by codes that are not trained.
    private const string WithoutHead = "lenet5-1998";

    private static IEnumerable<string> Names() => ModelRegistry.All.Select(entry => entry.Name).Where(name => name != WithoutHead);

    [TestCaseSource(nameof(Names))]
    public void Every_model_has_a_head_and_features(string name)
    {
        var entry = ModelRegistry.Get(name);
        var head = entry.HeadParameters();
        var names = entry.Create().Parameters().Select(parameter => parameter.Name).ToArray();
        Assert.That(head, Is.Not.Empty.And.SubsetOf(names));
        // One layer alone is its own head.
        Assert.That(head, names.Length > 2 ? Has.Count.LessThan(names.Length) : Has.Count.EqualTo(names.Length));
    }

    [TestCase("resnet18", "fc.weight fc.bias")]
    [TestCase("vgg-d", "classifier.6.weight classifier.6.bias")]
    public void Heads_are_the_last_layers(string name, string head) =>
        Assert.That(string.Join(' ', ModelRegistry.Get(name).HeadParameters(new ModelOptions { Classes = 3 })), Is.EqualTo(head));

    [Test]
    public void Fixed_codes_are_no_head() => Assert.That(ModelRegistry.Get(WithoutHead).HeadParameters(), Is.Empty);

    [Test]
    public void Side_heads_are_heads() => Assert.That(ModelRegistry.Get("googlenet").HeadParameters(), Has.Count.EqualTo(6));
}
