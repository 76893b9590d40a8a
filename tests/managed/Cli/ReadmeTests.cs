using System.Runtime.CompilerServices;
using DeepNative.Data;
using DeepNative.Layers;
using DeepNative.Losses;
using DeepNative.Models;
using DeepNative.Optimizers;
using DeepNative.Training;

namespace DeepNative.Tests.Cli;

/// <summary>The code that README.md shows is the code below, which is compiled.</summary>
[TestFixture]
public class ReadmeTests
{
    // Not run here: it trains for a while and fetches MNIST.
    internal static void Example()
    {
        using var device = Device.Best();
        var data  = Mnist.Load();
        var model = new Sequential(new Conv2d(1, 32, kernel: 5), new MaxPool2d(3), new ReLU(), new Conv2d(32, 64, kernel: 5), new MaxPool2d(2),
                                   new ReLU(), new Flatten(), new Linear(256, 200), new ReLU(), new Linear(200, 10));
        using var trainer = new Trainer(model, new SoftmaxCrossEntropy(), new Sgd(learningRate: 0.1f), device, seed: 1);
        trainer.Fit(data.Train, epochs: 10, batch: 100, progress: Console.WriteLine);
        Console.WriteLine($"test error {trainer.Evaluate(data.Test).Error:P2}");
        trainer.Save("mnist.safetensors");
    }

    // Not run either: there is no such folder.
    internal static void PictureExample()
    {
        using var device = Device.Best();
        var vary  = new Augmentation { CropScaleMin = 0.25f, Flip = 0.5f, Brightness = 0.2f };
        var data  = Datasets.Open("photos", new DataOptions { InputShape = new Shape(3, 224, 224), Augmentation = vary });
        var model = ModelRegistry.Get("resnet18").Create(new ModelOptions { Classes = data.ClassNames.Count });
        using var trainer = new Trainer(model, new SoftmaxCrossEntropy(), new Sgd(0.05f, momentum: 0.9f), device, seed: 1,
                                        new TrainerOptions { Augmentation = vary, Precision = Precision.BFloat16 });
        trainer.Fit(data.Train, new FitOptions { Epochs = 10, Batch = 32, Validation = data.Test });
        Console.WriteLine(trainer.Evaluate(data.Test).Error);
        trainer.Save("photos.safetensors");
    }

    [Test]
    public void The_examples_are_compiled()
    {
        var examples = Readme().Split("```csharp")[1..];
        Assert.That(examples, Has.Length.EqualTo(2));
        var source = string.Join('\n', File.ReadAllLines(ThisFile()).Select(line => line.Trim()));
        foreach (var example in examples)
        {
            var shown = example.Split("```")[0].Trim().Split('\n');
            Assert.That(shown, Has.Length.GreaterThanOrEqualTo(8));
            Assert.That(source, Does.Contain(string.Join('\n', shown.Select(line => line.Trim()))));
        }
    }

    [Test]
    public void Every_command_is_named()
    {
        var readme = Readme();
        var (_, help, _) = CommandLineTests.Run("--help");
        var commands = help.Split("Commands:")[1].Split('\n', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries)
            .Select(line => line.Split(' ')[0]).ToArray();
        Assert.That(commands, Does.Contain("train").And.Contain("bench"));
        foreach (var command in commands) Assert.That(readme, Does.Contain($"`{command}"), command);
    }

    [Test]
    public void The_examples_of_CONTRIBUTING_are_lines_of_the_files_they_name()
    {
        var parts = Text("CONTRIBUTING.md").Split("```csharp");
        Assert.That(parts, Has.Length.EqualTo(3));
        for (var i = 1; i < parts.Length; i++)
        {
            var file = parts[i - 1].Split('`').Last(word => word.EndsWith(".cs", StringComparison.Ordinal));
            var source = string.Join('\n', Text(file).Split('\n').Select(line => line.Trim()));
            Assert.That(source, Does.Contain(parts[i].Split("```")[0].Trim()), file);
        }
    }

    private static string Readme() => Text("README.md");

    private static string Text(string file) => File.ReadAllText(Path.Combine(Path.GetDirectoryName(ThisFile())!, "..", "..", "..", file));

    private static string ThisFile([CallerFilePath] string path = "") => path;
}
