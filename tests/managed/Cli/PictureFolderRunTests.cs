using DeepNative.Cli;
using DeepNative.Cli.Runs;
using DeepNative.Data;
using DeepNative.Losses;
using DeepNative.Models;
using DeepNative.Optimizers;
using DeepNative.Tests.Data;
using DeepNative.Training;

namespace DeepNative.Tests.Cli;

/// <summary>The tool with a folder of a few tiny pictures, one of them damaged: trained, resumed, measured, looked into.</summary>
[TestFixture]
public sealed class PictureFolderRunTests
{
    private const string Weights = "cam.safetensors";

    private WorkingFolder _folder = null!;

    [OneTimeSetUp]
    public void Train()
    {
        PictureLibrary.Require();
        _folder = new WorkingFolder();
        foreach (var (label, name) in (ReadOnlySpan<(int, string)>)[(0, "cat"), (1, "dog")])
        {
            Directory.CreateDirectory(Path.Combine("photos", name));
            for (var i = 0; i < 12; i++) File.WriteAllBytes(Path.Combine("photos", name, $"{i}.ppm"), PictureFiles.Noise(24 + i, 20, 3, 100 * label + i));
        }

        File.WriteAllText(Path.Combine("photos", "cat", "damaged.ppm"), "P6 20");
        foreach (var (model, name) in (ReadOnlySpan<(string, string)>)[("cam-small", "cam"), ("lenet300", "linear")])
        {
            var (code, _, error) = Run([.. Command(model, name, epochs: 1), "--skip-bad"]);
            Assert.That(code, Is.EqualTo(ExitCodes.Success), error);
        }

        File.Copy(RunFolder.Find("cam")!.Weights, Weights);
    }

    [OneTimeTearDown]
    public void Leave() => _folder?.Dispose();

    [TestCase("eval")]
    [TestCase("report")]
    public void What_was_left_out_in_training_is_left_out_in_the_test(string command)
    {
        var (code, output, error) = Run(command, "cam", "--device", "cpu", "--threads", "1", "--data-folder", "kept");
        Assert.That(code, Is.EqualTo(ExitCodes.Success), error);
        Assert.That(output, Does.Contain("left out").And.Contain("damaged.ppm"));
        if (command == "report") Assert.That(File.ReadAllText(Path.Combine("runs", "cam", "report.html")), Does.Contain("Confusion matrix"));
    }

    [Test]
    public void A_file_of_weights_knows_its_classes_and_its_data()
    {
        var (code, output, error) = Run("eval", Weights, "--device", "cpu", "--threads", "1", "--data-folder", "kept", "--skip-bad");
        Assert.That(code, Is.EqualTo(ExitCodes.Success), error);
        Assert.That(output, Does.Contain(Path.GetFullPath("photos")));
        var description = ModelDescription.Read(Weights);
        Assert.That(description.ClassNames, Is.EqualTo(new[] { "cat", "dog" }));
        (code, output, error) = Run("predict", Weights, Path.Combine("photos", "dog", "1.ppm"), "--device", "cpu", "--threads", "1");
        Assert.That(code, Is.EqualTo(ExitCodes.Success), error);
        Assert.That(output, Does.Contain("the middle of 25x20, resized to 16x16").And.Contain(" dog ").And.Contain(" cat "));
    }

    [Test]
    public void A_picture_is_predicted_from_the_pixels_that_it_is_measured_with()
    {
        var path = Path.Combine("photos", "dog", "1.ppm");
        var options = new PictureFolderOptions { Channels = 3, Height = 16, Width = 16, SkipBad = true, Cache = new DatasetCache("kept") };
        var measured = new byte[3 * 16 * 16];
        var splits = PictureFolder.Open("photos", options);
        var predicted = DeepNative.Cli.Images.PictureFile.Read(path).ToPlanes(3, 16, 16, invert: false, isMeasured: true);
        var found = 0;
        foreach (var part in (IExampleSource[])[splits.Train, splits.Test])
        {
            for (var i = 0; i < part.Count; i++)
            {
                part.Gather([i], measured, new byte[sizeof(int)]);
                if (measured.AsSpan().SequenceEqual(predicted)) found++;
            }
        }

        Assert.That(found, Is.EqualTo(1));
    }

    [Test]
    public void The_same_command_line_goes_on_with_resume()
    {
        File.WriteAllText(
            "mine.json",
            """{"models": ["lenet300"], "data": "photos", "source": "test", "epochs": 1, "batch": 4, "optimizer": "sgd", "learning_rate": 0.01, "image_size": 16}""");
        string[] line = ["train", "lenet300", "--recipe", "mine.json", "--data", "photos", "--name", "again", "--skip-bad", .. Common];
        var (code, _, error) = Run(line);
        Assert.That(code, Is.EqualTo(ExitCodes.Success), error);
        (code, _, error) = Run([.. line, "--resume", "--epochs", "2"]);
        Assert.That(code, Is.EqualTo(ExitCodes.Success), error);
        var configuration = RunFolder.Find("again")!.ReadConfiguration();
        Assert.That((configuration.SkipBad, configuration.Recipe.Epochs), Is.EqualTo((true, 2)));
        (code, _, error) = Run("train", "--resume", "--name", "again", "--data", "mnist", "--epochs", "3");
        Assert.That((code, error.Contains("--data", StringComparison.Ordinal)), Is.EqualTo((ExitCodes.Usage, true)), error);
    }

    [TestCase("cam")]
    [TestCase("segment")]
    public void Pictures_of_the_same_name_have_their_own_outputs(string command)
    {
        string[] pictures = [Path.Combine("photos", "cat", "1.ppm"), Path.Combine("photos", "dog", "1.ppm")];
        var (code, output, error) = Run([command, "cam", .. pictures, "--out", "looks", "--device", "cpu", "--threads", "1"]);
        Assert.That(code, Is.EqualTo(ExitCodes.Success), error);
        Assert.That(output, Does.Contain($"1.{command}.png").And.Contain($"1-2.{command}.png"));
        foreach (var name in (string[])[$"1.{command}.png", $"1-2.{command}.png"])
            Assert.That(PictureDecoder.Decode(File.ReadAllBytes(Path.Combine("looks", name))).Channels, Is.EqualTo(3));
    }

    [TestCase("cam", "global mean")]
    [TestCase("predict", "segment")]
    [TestCase("segment", "net's tiles")]
    public void A_net_that_does_not_fit_is_refused(string command, string reason)
    {
        var run = "linear";
        if (command != "cam") SaveSegmentation(run = "pixels.safetensors");
        File.WriteAllBytes("small.ppm", PictureFiles.Noise(8, 8, 3, 1));
        var (code, output, error) = Run(command, run, "small.ppm", "--device", "cpu", "--threads", "1");
        Assert.That(code, Is.EqualTo(ExitCodes.Usage), output + error);
        Assert.That(error, Does.Contain(reason).And.Not.Contain("Exception"));
    }

    [Test]
    public void Random_crops_are_drawn_anew_in_each_column()
    {
        File.WriteAllText(
            "crops.json",
            """
            {"models": ["lenet300"], "data": "photos", "source": "test", "epochs": 1, "batch": 4, "optimizer": "sgd", "learning_rate": 0.01, "image_size": 100,
             "augmentation": {"crop_scale_min": 0.2}}
            """);
        var (code, _, error) = Run(
            "data", "show", "photos", "--recipe", "crops.json", "--rows", "1", "--columns", "3", "--out", "crops.png", "--skip-bad", "--data-folder", "kept");
        Assert.That(code, Is.EqualTo(ExitCodes.Success), error);
        var drawn = PictureDecoder.Decode(File.ReadAllBytes("crops.png"), 1);
        Assert.That((drawn.Width, drawn.Height), Is.EqualTo((3 * 100 + 2 * 2, 100)));
        byte[] Column(int column) => [.. Enumerable.Range(0, 100).SelectMany(y => drawn.Planes[(y * drawn.Width + column * 102)..][..100])];
        Assert.That(Column(1), Is.Not.EqualTo(Column(0)));
        Assert.That(Column(2), Is.Not.EqualTo(Column(1)));
    }

    private static string[] Common =>
        ["--image-size", "16", "--device", "cpu", "--threads", "1", "--no-progress", "--data-folder", "kept"];

    private static string[] Command(string model, string name, int epochs) =>
        ["train", model, "--data", "photos", "--name", name, "--epochs", $"{epochs}", "--batch", "4", .. Common];

    private static (int Code, string Output, string Error) Run(params string[] arguments) => CommandLineTests.Run(arguments);

    // Untrained; only what goes in and comes out matters.
    private static void SaveSegmentation(string path)
    {
        using var device = Device.Open("cpu", threads: 1);
        var options = new ModelOptions { InputShape = new Shape(3, 16, 16) };
        using var trainer = new Trainer(
            ModelRegistry.Get("upsample-small").Create(options), new SoftmaxCrossEntropy(), new Sgd(0.1f), device,
            options: new TrainerOptions { ModelName = "upsample-small", ModelOptions = options });
        trainer.Evaluate(new ShapesDataset(new ShapesOptions { Size = 16, Count = 2, Seed = 1 }).ToMasks());
        trainer.Save(path);
    }
}
