using DeepNative.Layers;
using DeepNative.Models;
using DeepNative.Operators;
using DeepNative.Tests.Operators;

namespace DeepNative.Tests.Golden;

/// <summary>Parts of the classical nets against the same in PyTorch: values and all gradients in training.</summary>
internal sealed class ModelsGoldenTests
{
    private static IEnumerable<TestCaseData> Cases() =>
        from device in TestDevices.Names
        from golden in GoldenFile.Load("models")
        select new TestCaseData(device, golden).SetArgDisplayNames(device, golden.Name);

    [TestCaseSource(nameof(Cases))]
    public void Are_what_PyTorch_computes(string name, GoldenCase golden)
    {
        var device = TestDevices.Get(name);
        var (layer, prefix) = Part(golden.Name);
        layer.Materialize(device, seed: 1);
        using var run = new GoldenRun(device, golden);
        var trained = layer.Parameters().Where(parameter => parameter.Trainable).ToArray();
        foreach (var parameter in trained) TensorNumbers.Write(parameter.Tensor!, golden[parameter.Name[prefix.Length..]].Numbers);
        var input = run.Bind("input");
        var output = layer.Forward(input);
        run.Expect("output", output);
        var gradients = run.Graph.Gradients(Reduce.Sum(output * run.Bind("loss_weight")), [input, .. Array.ConvertAll(trained, run.Graph.Parameter)]);
        run.Expect("grad_input", gradients[0]);
        for (var i = 0; i < trained.Length; i++) run.Expect("grad_" + trained[i].Name[prefix.Length..], gradients[i + 1]);
        run.Check(terms: 4 * input.Shape.Count);
        layer.ReleaseTensors();
    }

    // A part as the net has it, and the path to it.
    private static (Layer Layer, string Prefix) Part(string name)
    {
        return name switch
        {
            "bottleneck" => (new ResidualBlock(8, 4, stride: 2, bottleneck: true, new ResNetOptions()), ""),
            "padded block" => (new ResidualBlock(4, 8, stride: 2, bottleneck: false, new ResNetOptions { Shortcut = ResidualShortcut.PaddedIdentity }), ""),
            "inception 3a" => Child(GoogLeNet.Create(new Shape(3, 47, 47), 10, width: 1.0 / 8), "inception3a"),
            "inception v3 7b" => Child(InceptionV3.Create(new Shape(3, 75, 75), 10, width: 1.0 / 32), "Mixed_7b"),
            "alexnet stem" => (Stem(), "features."),
            _ => throw new InvalidDataException($"no part '{name}'"),
        };

        static (Layer, string) Child(Layer net, string child) => (net.Children.Single(layer => layer.Name == child), child + ".");
    }

    private static Prefix Stem() => new(AlexNet.Create(new Shape(3, 67, 67), 10, grouped: true, 1.0 / 16).Children[0].Children.Take(8));

    // The first layers of a net under their own names.
    private sealed class Prefix : Layer
    {
        private readonly Layer[] _layers;

        public Prefix(IEnumerable<Layer> layers)
        {
            _layers = [.. layers];
            for (var i = 0; i < _layers.Length; i++) AddChild($"{i}", _layers[i]);
        }

        protected override Value Build(Value input)
        {
            foreach (var layer in _layers) input = layer.Forward(input);
            return input;
        }
    }
}
