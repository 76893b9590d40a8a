using DeepNative.Layers;
using DeepNative.Losses;
using DeepNative.Models;

namespace DeepNative.Tests.Models;

/// <summary>Every net takes steps of training, thin and with the smallest pictures that it takes.</summary>
internal sealed class ToyStepTests
{
    private const int Classes = 3;
    private const int Batch = 2;
    private const double Thin = 1.0 / 16;

    // Nets that are too large for the simulated GPU as they are; the rest are made as they are registered.
    private static readonly Dictionary<string, Func<Shape, Layer>> _thin = new()
    {
        ["alexnet"] = input => AlexNet.Create(input, Classes, width: Thin),
        ["alexnet-grouped"] = input => AlexNet.Create(input, Classes, grouped: true, Thin),
        ["bn-alexnet"] = input => AlexNet.CreateNormalised(input, Classes, Thin),
        ["vgg-a"] = input => Vgg.Create(input, Classes, VggConfiguration.A, Thin),
        ["vgg-a-lrn"] = input => Vgg.Create(input, Classes, VggConfiguration.ALrn, Thin),
        ["vgg-b"] = input => Vgg.Create(input, Classes, VggConfiguration.B, Thin),
        ["vgg-c"] = input => Vgg.Create(input, Classes, VggConfiguration.C, Thin),
        ["vgg-d"] = input => Vgg.Create(input, Classes, VggConfiguration.D, Thin),
        ["vgg-e"] = input => Vgg.Create(input, Classes, VggConfiguration.E, Thin),
        ["nin"] = input => NetworkInNetwork.Create(input, Classes, width: Thin),
        ["bn-nin"] = input => NetworkInNetwork.Create(input, Classes, normalised: true, Thin),
        ["nin-cifar"] = input => NetworkInNetwork.CreateCifar(input, Classes, Thin),
        ["googlenet"] = input => GoogLeNet.Create(input, Classes, width: Thin),
        ["bn-inception"] = input => BnInception.Create(input, Classes, Thin),
        ["inception-v3"] = input => InceptionV3.Create(input, Classes, width: Thin),
        ["resnet18"] = input => Residual(input, 18),
        ["resnet34"] = input => Residual(input, 34),
        ["resnet34-a"] = input => Residual(input, 34, ResidualShortcut.PaddedIdentity),
        ["resnet34-c"] = input => Residual(input, 34, ResidualShortcut.Projection),
        ["plain18"] = input => Residual(input, 18, ResidualShortcut.None),
        ["plain34"] = input => Residual(input, 34, ResidualShortcut.None),
        ["resnet50"] = input => Residual(input, 50),
        ["resnet101"] = input => Residual(input, 101),
        ["resnet152"] = input => Residual(input, 152),
        ["resnet18-cifar"] = input => ResNet.Create(input, Classes, new ResNetOptions { Depth = 18, SmallPictures = true, Width = Thin }),
        ["resnet9-cifar"] = input => ResNet9.Create(input, Classes, width: 4),
        ["resnet9-slim-cifar"] = input => ResNet9.Create(input, Classes, width: 3),
    };

    // Deep ones on the simulated GPU are the shallower ones' operators again.
    private static readonly string[] _cpuOnly = ["resnet101", "resnet152", "resnet56-cifar", "resnet110-cifar", "plain56-cifar", "resnet44-cifar", "plain44-cifar", "vgg-b", "vgg-d"];

    private static IEnumerable<TestCaseData> Cases() =>
        from device in TestDevices.Names
        from model in ModelRegistry.All
        where model.InputShape.Rank == 3 && model.Loss().TargetType == DType.Int32 && model.Classes is 10 or 1000
        where device != TestDevices.Simulated || !_cpuOnly.Contains(model.Name)
        select new TestCaseData(device, model).SetArgDisplayNames(device, model.Name);

    [TestCaseSource(nameof(Cases))]
    public void A_toy_takes_a_step(string name, ModelEntry entry)
    {
        var device = TestDevices.Get(name);
        var input = Smallest(entry);
        var model = _thin.TryGetValue(entry.Name, out var thin) ? thin(input) : entry.Create(new ModelOptions { Classes = Classes, InputShape = input });
        var rate = entry.Name == "lenet5-1998" ? 1e-4f : 1e-3f;
        using var run = new StepRun(device, model, entry.Loss(), new Shape(Batch).Concat(input), rate, seed: 1, momentum: 0.9f);
        Assert.That(run.OutputShape, Is.EqualTo(new Shape(Batch, Classes)));
        var numbers = new float[run.Input.Shape.Count];
        new Philox(7, stream: 0).FillNormal(numbers, 0f, 1f);
        run.Input.Write<float>(numbers);
        run.Target.Write<int>([0, 2]);
        run.Step();
        Assert.That(float.IsFinite(run.Loss), Is.True, "loss");
        foreach (var parameter in run.Trained)
            Assert.That(parameter.Tensor!.ToArray<float>().All(float.IsFinite), Is.True, parameter.Name);
    }

    [Test]
    public void Nets_honour_classes_and_say_which_pictures_they_take()
    {
        foreach (var entry in ModelRegistry.All.Where(entry => entry.InputShape.Rank == 3 && entry.Classes is 10 or 1000))
        {
            var input = Smallest(entry);
            foreach (var shape in (Shape[])[entry.InputShape, input.With(0, 4), input.With(1, input[1] + 1).With(2, input[2] + 6)])
            {
                var model = entry.Create(new ModelOptions { Classes = 7, InputShape = shape });
                Assert.That(ModelSummary.Of(model, shape).Layers[^1].OutputShape, Is.EqualTo(new Shape(1, 7)), $"{entry.Name} {shape}");
            }

            if (input[1] == 1) continue;
            var tooSmall = input.With(1, input[1] - 1);
            var error = Assert.Throws<ArgumentException>(() => entry.Create(new ModelOptions { InputShape = tooSmall }), entry.Name)!;
            Assert.That(error.Message, Does.Contain($"{input[1]} x {input[1]}").And.Contain($"{tooSmall}"));
        }
    }

    private static Shape Smallest(ModelEntry entry)
    {
        for (var size = 1; ; size++)
        {
            var input = new Shape(entry.InputShape[0], size, size);
            try
            {
                entry.Create(new ModelOptions { Classes = Classes, InputShape = input });
                return input;
            }
            catch (ArgumentException)
            {
                // The next size is tried.
                if (size > entry.InputShape[1]) throw;
            }
        }
    }

    private static Sequential Residual(Shape input, int depth, ResidualShortcut shortcut = ResidualShortcut.ProjectionWhereNeeded) =>
        ResNet.Create(input, Classes, new ResNetOptions { Depth = depth, Shortcut = shortcut, Width = Thin, ZeroLastWeight = depth == 50 });
}
