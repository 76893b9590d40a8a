using System.Text.Json;
using System.Xml.Linq;
using DeepNative.Cli;
using DeepNative.Cli.Commands;
using DeepNative.Cli.Output;
using DeepNative.Cli.Runs;
using DeepNative.Data;
using DeepNative.Models;
using DeepNative.Recipes;
using DeepNative.Serialization;
using DeepNative.Tests.Data;

namespace DeepNative.Tests.Cli;

/// <summary>Training, resuming, evaluating and predicting on a small made-up data set, on the CPU device.</summary>
[TestFixture]
public class TrainingSessionTests
{
    private const int TrainCount = 60;
    private const int TestCount = 20;
    private const int Batch = 16;

    private Device _device = null!;
    private DatasetDescription _data = null!;
    private WorkingFolder _folder = null!;

    [OneTimeSetUp]
    public void Open()
    {
        _device = Device.Open("cpu", threads: 1);
        _folder = new WorkingFolder();
        _data = WriteData("data");
    }

    [OneTimeTearDown]
    public void Close()
    {
        if (_device is null) return;
        _device.Dispose();
        _folder.Dispose();
    }

    [Test]
    public void A_run_leaves_weights_checkpoint_metrics_and_configuration()
    {
        var json = new StringWriter();
        var code = Session("complete", epochs: 2, json: json).Train();
        Assert.That(code, Is.EqualTo(ExitCodes.Success));
        var run = RunFolder.Find("complete")!;
        Assert.That(File.Exists(run.Weights) && File.Exists(run.Checkpoint));

        Assert.That(XDocument.Load(Path.Combine(run.Path, "report.html")).Root!.Value, Does.Contain("Confusion matrix").And.Contain("Loss"));
        Assert.That(Directory.GetFiles(run.Path, "events.out.tfevents.*"), Has.Length.EqualTo(1));
        Assert.That(File.ReadAllLines(Path.Combine(run.Path, "metrics.jsonl")).Count(line => line.Contains("\"epoch\",", StringComparison.Ordinal)), Is.EqualTo(2));

        var metrics = run.ReadMetrics();
        Assert.That(metrics.Completed);
        Assert.That(metrics.Epochs.Select(epoch => epoch.Epoch), Is.EqualTo(new[] { 1, 2 }));
        Assert.That(metrics.TestError, Is.InRange(0, 1));
        var configuration = run.ReadConfiguration();
        Assert.That((configuration.Model, configuration.Recipe.Epochs, configuration.Recipe.Batch, configuration.Seed), Is.EqualTo(("lenet300", 2, Batch, 7ul)));
        Assert.That(configuration.InputMean, Has.Length.EqualTo(1));

        var measured = JsonDocument.Parse(json.ToString()).RootElement;
        Assert.That(measured.GetProperty("steps").GetInt32(), Is.EqualTo(2 * 4));
        Assert.That(measured.GetProperty("epochs").GetInt32(), Is.EqualTo(2));
        Assert.That(measured.GetProperty("test_error").GetDouble(), Is.EqualTo(metrics.TestError));
        Assert.That(measured.GetProperty("train_loss").GetDouble(), Is.EqualTo(metrics.TrainLoss));
        Assert.That(measured.GetProperty("device").GetString(), Is.EqualTo("cpu"));
        Assert.That(measured.GetProperty("peak_bytes").GetInt64(), Is.Positive);
    }

    [Test]
    public void A_resumed_run_ends_with_the_weights_of_an_uninterrupted_one()
    {
        Assert.That(Session("whole", epochs: 3).Train(), Is.EqualTo(ExitCodes.Success));
        Assert.That(Session("parts", epochs: 1).Train(), Is.EqualTo(ExitCodes.Success));
        Assert.That(Session("parts", epochs: 3, resume: true).Train(), Is.EqualTo(ExitCodes.Success));
        Assert.That(Weights("parts"), Is.EqualTo(Weights("whole")));
        var (parts, whole) = (RunFolder.Find("parts")!.ReadMetrics(), RunFolder.Find("whole")!.ReadMetrics());
        Assert.That(parts.Epochs.Select(epoch => epoch.TrainLoss), Is.EqualTo(whole.Epochs.Select(epoch => epoch.TrainLoss)));
        Assert.That(parts.TestError, Is.EqualTo(whole.TestError));
    }

    private static readonly string[] _rules = ["sgd", "adam", "adamw", "adagrad", "adadelta", "rmsprop", "adamax", "nadam", "lars"];

    [Test]
    public void Every_rule_trains_by_name([ValueSource(nameof(_rules))] string rule)
    {
        Assert.That(OptimizerRules.Names, Is.EqualTo(_rules));
        Assert.That(Session("rule-" + rule, epochs: 1, change: recipe => recipe with { Optimizer = rule, Momentum = 0f }).Train(), Is.EqualTo(ExitCodes.Success));
        Assert.That(RunFolder.Find("rule-" + rule)!.ReadMetrics().TrainLoss, Is.Positive);
    }

    [TestCase("constant", "constant")]
    [TestCase("step:epochs=1,factor=0.5", "times 0.5 every 1 epochs")]
    [TestCase("multi-step:epochs=1/2", "times 0.1 at epochs 1, 2")]
    [TestCase("exponential:factor=0.9", "times 0.9 every 1 epochs")]
    [TestCase("polynomial:power=2", "polynomial of power 2 to 0")]
    [TestCase("cosine:minimum=0.1", "cosine to 0.1")]
    [TestCase("cosine-restarts:epochs=1,multiplier=2", "cosine to 0 with restarts after 1 epochs, times 2")]
    [TestCase("one-cycle", "one cycle, rise 0.3, divisors 25 and 10000")]
    [TestCase("inverse-time:decay=0.5", "1 / (1 + 0.5 * epoch)")]
    [TestCase("plateau:factor=0.5,patience=2", "times 0.5 after 2 epochs without a better validation loss, threshold 0.0001, cooldown 0, minimum 0")]
    public void Schedules_are_read_from_text(string text, string schedule)
    {
        Assert.That(Schedules.Create(text).ToString(), Is.EqualTo(schedule));
        Assert.That(Schedules.Create(text, warmup: 3).ToString(), Is.EqualTo("warm-up of 3 steps, then " + schedule));
        Assert.That(Schedules.Forms, Does.Contain(text.Split(':')[0]));
        Assert.That(Schedules.NeedsValidation(text), Is.EqualTo(text.StartsWith("plateau", StringComparison.Ordinal)));
    }

    [Test]
    public void A_run_with_every_option_resumes_to_the_same_weights()
    {
        static Recipe Change(Recipe recipe) => recipe with
        {
            Schedule = "plateau:factor=0.5,patience=0",
            Warmup = 2,
            ClipNorm = 0.5f,
            Accumulate = 3,
            Ema = 0.6f,
        };
        Assert.That(Session("options", epochs: 3, change: Change).Train(), Is.EqualTo(ExitCodes.Success));
        Assert.That(Session("options-parts", epochs: 1, change: Change).Train(), Is.EqualTo(ExitCodes.Success));
        Assert.That(Session("options-parts", epochs: 3, resume: true, change: Change).Train(), Is.EqualTo(ExitCodes.Success));
        Assert.That(Weights("options-parts"), Is.EqualTo(Weights("options")));
        Assert.That(Session("plain", epochs: 3).Train(), Is.EqualTo(ExitCodes.Success));
        Assert.That(Weights("plain"), Is.Not.EqualTo(Weights("options")));
        var recipe = RunFolder.Find("options")!.ReadConfiguration().Recipe;
        Assert.That(
            (recipe.Schedule, recipe.Warmup, recipe.ClipNorm, recipe.Accumulate, recipe.Ema),
            Is.EqualTo(("plateau:factor=0.5,patience=0", 2, 0.5f, 3, 0.6f)));
    }

    [Test]
    public void A_part_held_out_chooses_the_weights_and_the_test_set_measures_them()
    {
        // A rate too small to change a prediction: no epoch is better than the first.
        static Recipe Change(Recipe recipe) => recipe with { Validation = 0.2f, Patience = 2, LearningRate = 1e-6f };
        Assert.That(Session("held-out", epochs: 6, change: Change).Train(), Is.EqualTo(ExitCodes.Success));
        var run = RunFolder.Find("held-out")!;
        var metrics = run.ReadMetrics();
        Assert.That(metrics.Epochs, Has.All.Matches<EpochMetrics>(epoch => epoch is { ValidationError: not null, Top5Error: not null, TestError: null }));
        Assert.That((metrics.BestEpoch, metrics.Epochs.Count, metrics.StoppedEarly), Is.EqualTo(((int?)1, 3, true)));
        Assert.That(Tensors(run.Weights), Is.EqualTo(Tensors(run.Best)));
        Assert.That(metrics.TestConfusion!.Sum(row => row.Sum()), Is.EqualTo(TestCount));
        var wrong = TestCount - Enumerable.Range(0, 10).Sum(index => metrics.TestConfusion![index][index]);
        Assert.That(metrics.TestError, Is.EqualTo((double)wrong / TestCount).Within(1e-12));
        Assert.That(metrics.TestRecall, Has.Count.EqualTo(10));
        Assert.That(metrics.TestTop5Error, Is.InRange(0, metrics.TestError));
        Assert.That(metrics.TestIou, Is.Null);

        Assert.That(Session("held-parts", epochs: 1, change: Change).Train(), Is.EqualTo(ExitCodes.Success));
        Assert.That(Session("held-parts", epochs: 6, resume: true, change: Change).Train(), Is.EqualTo(ExitCodes.Success));
        Assert.That(Weights("held-parts"), Is.EqualTo(Weights("held-out")));

        var last = Session("held-last", epochs: 6, change: Change, configure: run => run with { Keep = TrainingSession.KeepLast });
        Assert.That(last.Train(), Is.EqualTo(ExitCodes.Success));
        Assert.That(Weights("held-last"), Is.Not.EqualTo(Weights("held-out")));
    }

    [Test]
    public void What_selects_needs_a_part_to_measure()
    {
        Assert.That(
            () => Session("no-part", epochs: 1, change: recipe => recipe with { Patience = 2 }).Train(),
            Throws.InstanceOf<UsageException>().With.Message.Contains("--validation"));
        Assert.That(
            () => Session("no-part", epochs: 1, configure: run => run with { Keep = TrainingSession.KeepBest }).Train(),
            Throws.InstanceOf<UsageException>().With.Message.Contains("--validation"));
    }

    [Test]
    public void Features_of_another_run_stay_and_the_head_is_new()
    {
        Assert.That(Session("features", epochs: 1).Train(), Is.EqualTo(ExitCodes.Success));
        var features = RunFolder.Find("features")!.Weights;
        RecipeGroup[] groups = [new() { Pattern = "1.*", Frozen = true }, new() { Pattern = "3.*", Frozen = true }];
        TrainingSession Transfer(string name, int head) => Session(
            name, epochs: 1, change: recipe => recipe with { Groups = groups }, configure: run => run with { From = features, ReplaceHead = head });
        Assert.That(Transfer("transfer", head: 10).Train(), Is.EqualTo(ExitCodes.Success));
        var (before, after) = (Tensors(features), Tensors(RunFolder.Find("transfer")!.Weights));
        foreach (var (name, bytes) in after)
            Assert.That(bytes, name.StartsWith("5.", StringComparison.Ordinal) ? Is.Not.EqualTo(before[name]) : Is.EqualTo(before[name]), name);
        Assert.That(() => Transfer("wrong", head: 7).Train(), Throws.InstanceOf<UsageException>().With.Message.Contains("10 classes"));
    }

    [Test]
    public void Labels_are_smoothed_and_classes_weighed()
    {
        Assert.That(Session("plain-loss", epochs: 1).Train(), Is.EqualTo(ExitCodes.Success));
        // All classes are equally frequent: balanced weights change nothing, others and smoothing do.
        Assert.That(Session("balanced", epochs: 1, change: recipe => recipe with { ClassWeights = "balanced" }).Train(), Is.EqualTo(ExitCodes.Success));
        Assert.That(
            Session("weighed", epochs: 1, change: recipe => recipe with { ClassWeights = "9,1,1,1,1,1,1,1,1,0.5" }).Train(), Is.EqualTo(ExitCodes.Success));
        Assert.That(Session("smoothed", epochs: 1, change: recipe => recipe with { LabelSmoothing = 0.9f }).Train(), Is.EqualTo(ExitCodes.Success));
        double Loss(string name) => RunFolder.Find(name)!.ReadMetrics().TrainLoss!.Value;
        Assert.That(Loss("balanced"), Is.EqualTo(Loss("plain-loss")).Within(1e-4));
        Assert.That(Loss("weighed"), Is.Not.EqualTo(Loss("plain-loss")).Within(1e-3));
        Assert.That(Loss("smoothed"), Is.Not.EqualTo(Loss("plain-loss")).Within(1e-4));
        Assert.That(
            () => Session("few", epochs: 1, change: recipe => recipe with { ClassWeights = "1,2" }).Train(),
            Throws.InstanceOf<UsageException>().With.Message.Contains("2 class weights").And.Message.Contains("10 classes"));
    }

    [Test]
    public void The_recipes_augmentation_is_done()
    {
        static Recipe Vary(Recipe recipe) => recipe with { Augmentation = new Augmentation { Padding = 2, Flip = 0.5f } };
        Assert.That(Session("unvaried", epochs: 1).Train(), Is.EqualTo(ExitCodes.Success));
        Assert.That(Session("varied", epochs: 1, change: Vary).Train(), Is.EqualTo(ExitCodes.Success));
        Assert.That(Session("varied-again", epochs: 1, change: Vary).Train(), Is.EqualTo(ExitCodes.Success));
        Assert.That(Weights("varied"), Is.Not.EqualTo(Weights("unvaried")));
        Assert.That(Weights("varied-again"), Is.EqualTo(Weights("varied")));
    }

    [Test]
    public void A_run_that_is_done_is_not_resumed()
    {
        Assert.That(Session("done", epochs: 2).Train(), Is.EqualTo(ExitCodes.Success));
        Assert.That(() => Session("done", epochs: 2, resume: true).Train(), Throws.InstanceOf<UsageException>().With.Message.Contains("--epochs"));
        Assert.That(() => Session("done", epochs: 1, resume: true).Train(), Throws.InstanceOf<UsageException>().With.Message.Contains("--epochs"));
    }

    [Test]
    public void A_run_that_was_ended_before_its_test_is_finished()
    {
        Assert.That(Session("untested", epochs: 1).Train(), Is.EqualTo(ExitCodes.Success));
        var run = RunFolder.Find("untested")!;
        var complete = run.ReadMetrics();
        run.Write(complete with { Completed = false, TestError = null, TestLoss = null });
        File.Delete(run.Weights);
        Assert.That(Session("untested", epochs: 1, resume: true).Train(), Is.EqualTo(ExitCodes.Success));
        Assert.That(File.Exists(run.Weights));
        var finished = run.ReadMetrics();
        Assert.That((finished.Completed, finished.TestError, finished.TrainLoss), Is.EqualTo((true, complete.TestError, complete.TrainLoss)));
    }

    [Test]
    public void A_resumed_run_keeps_its_settings()
    {
        Assert.That(Session("settings", epochs: 1).Train(), Is.EqualTo(ExitCodes.Success));
        var (code, _, error) = CommandLineTests.Run("train", "--resume", "--name", "settings", "--lr", "0.5");
        Assert.That(code, Is.EqualTo(ExitCodes.Usage));
        Assert.That(error, Does.Contain("--lr").And.Contain("0.5"));
    }

    [Test]
    public void The_name_of_a_run_is_not_taken_twice()
    {
        Assert.That(Session("once", epochs: 1).Train(), Is.EqualTo(ExitCodes.Success));
        Assert.That(() => Session("once", epochs: 1).Train(), Throws.InstanceOf<UsageException>().With.Message.Contains("once"));
        Assert.That(Session(null, epochs: 1).Train(), Is.EqualTo(ExitCodes.Success));
        Assert.That(Session(null, epochs: 1).Train(), Is.EqualTo(ExitCodes.Success));
        Assert.That(RunFolder.Names(), Does.Contain("lenet300").And.Contain("lenet300-2"));
    }

    [Test]
    public void Predict_shows_classes_and_their_probabilities()
    {
        PictureLibrary.Require();
        Assert.That(Session("predict", epochs: 1).Train(), Is.EqualTo(ExitCodes.Success));
        File.WriteAllBytes("flat.png", PictureEncoder.Png(new Picture(30, 30, 1, new byte[900])));
        var item = Path.Combine("data", "synthetic", "t10k-images-idx3-ubyte:3");
        var (code, output, error) = CommandLineTests.Run("predict", "predict", item, "flat.png", "--device", "cpu");
        Assert.That((code, error), Is.EqualTo((ExitCodes.Success, "")));
        Assert.That(output, Does.Contain("flat.png: resized from 30x30 to 28x28").And.Contain(item).And.Contain(" %"));
        (code, _, error) = CommandLineTests.Run("predict", "predict", item.Replace(":3", ":999", StringComparison.Ordinal));
        Assert.That((code, error), Is.EqualTo((ExitCodes.Usage, error)));
        Assert.That(error, Does.Contain("999"));
    }

    [Test]
    public void Damaged_files_are_named()
    {
        PictureLibrary.Require();
        Assert.That(Session("damaged", epochs: 1).Train(), Is.EqualTo(ExitCodes.Success));
        var run = RunFolder.Find("damaged")!;
        File.WriteAllBytes(run.Weights, File.ReadAllBytes(run.Weights)[..100]);
        File.WriteAllText("no-image.png", "nothing");
        var (code, _, error) = CommandLineTests.Run("predict", "damaged", "no-image.png");
        Assert.That((code, error.Contains("no-image.png", StringComparison.Ordinal)), Is.EqualTo((ExitCodes.Failure, true)), error);
        File.WriteAllBytes("sound.png", PictureEncoder.Png(new Picture(28, 28, 1, new byte[784])));
        (code, _, error) = CommandLineTests.Run("predict", "damaged", "sound.png");
        Assert.That((code, error.Contains("weights.safetensors", StringComparison.Ordinal)), Is.EqualTo((ExitCodes.Failure, true)), error);
    }

    [TestCase("train")]
    [TestCase("infer")]
    public void Bench_measures_steps(string mode)
    {
        var (code, output, error) = CommandLineTests.Run(
            "bench", "lenet300", "--mode", mode, "--batch", "4", "--steps", "3", "--warmup", "1", "--device", "cpu", "--threads", "1", "--explain", "--json", "-");
        Assert.That(code, Is.EqualTo(ExitCodes.Success), error);
        var measured = JsonDocument.Parse(output).RootElement;
        Assert.That((measured.GetProperty("batch").GetInt32(), measured.GetProperty("steps").GetInt32()), Is.EqualTo((4, 3)));
        Assert.That(measured.GetProperty("images_per_second").GetDouble(), Is.Positive);
        Assert.That(measured.GetProperty("train_loss").ValueKind, Is.EqualTo(mode == "train" ? JsonValueKind.Number : JsonValueKind.Null));
        Assert.That(error, Does.Contain("images/s").And.Contain("GFLOP/s"));
    }

    [Test]
    public void Bench_races_kernels_when_asked()
    {
        var cache = Directory.CreateTempSubdirectory("deepnative-race-");
        try
        {
            NativeEnvironment.Set("DEEPNATIVE_CACHE", cache.FullName);
            string[] arguments = ["bench", "lenet300", "--batch", "4", "--steps", "3", "--warmup", "1", "--device", "cpu", "--threads", "1"];
            var (code, _, error) = CommandLineTests.Run(arguments);
            Assert.That((code, cache.GetDirectories().Length), Is.EqualTo((ExitCodes.Success, 0)), error);
            (code, _, error) = CommandLineTests.Run([.. arguments, "--race", "2000", "--tf32"]);
            Assert.That(code, Is.EqualTo(ExitCodes.Success), error);
            var winners = File.ReadAllText(cache.GetFiles("race/*.txt").Single().FullName);
            Assert.That(winners, Does.Contain("own:gemm onednn:matmul").And.Contain("tf32"));
        }
        finally
        {
            NativeEnvironment.Set("DEEPNATIVE_CACHE", Environment.GetEnvironmentVariable("DEEPNATIVE_CACHE"));
            cache.Delete(recursive: true);
        }
    }

    [Test]
    public void Devices_lists_all_with_what_they_are_or_why_they_cannot_be_used()
    {
        var (code, output, _) = CommandLineTests.Run("devices");
        Assert.That(code, Is.EqualTo(ExitCodes.Success));
        Assert.That(output, Does.Contain("cpu"));
        // The first word: the rest may be on another line.
        foreach (var device in Device.List())
            Assert.That(output, Does.Contain(device.Name).And.Contain(device.Detail.Split(' ')[0]), device.Detail);
    }

    [Test]
    public void An_unknown_device_lists_the_known_ones()
    {
        var (code, _, error) = CommandLineTests.Run("bench", "lenet300", "--device", "nosuchdevice");
        Assert.That(code, Is.EqualTo(ExitCodes.Usage));
        Assert.That(error, Does.Contain("nosuchdevice").And.Contain("cpu"));
    }

    private static Dictionary<string, byte[]> Tensors(string path)
    {
        using var file = SafeTensors.Open(path);
        return file.Names.ToDictionary(name => name, name =>
        {
            var bytes = new byte[file.Info(name).Bytes];
            file.Read(name, bytes.AsSpan());
            return bytes;
        });
    }

    private static byte[] Weights(string run)
    {
        using var file = SafeTensors.Open(RunFolder.Find(run)!.Weights);
        return [.. file.Names.SelectMany(name =>
        {
            var bytes = new byte[file.Info(name).Bytes];
            file.Read(name, bytes);
            return bytes;
        })];
    }

    // Ten kinds of stripes, so that there is something to learn.
    private static DatasetDescription WriteData(string folder)
    {
        var files = new Dictionary<string, byte[]>();
        foreach (var (part, count) in (ReadOnlySpan<(string, int)>)[("train", TrainCount), ("t10k", TestCount)])
        {
            var images = IdxFixture.Images(count, 28, 28, count);
            var labels = new byte[count];
            for (var i = 0; i < count; i++)
            {
                labels[i] = (byte)(i % 10);
                images.AsSpan(16 + i * 784 + labels[i] * 56, 56).Fill(255);
            }

            files[$"{part}-images-idx3-ubyte"] = images;
            files[$"{part}-labels-idx1-ubyte"] = IdxFixture.Labels(labels);
        }

        Directory.CreateDirectory(Path.Combine(folder, "synthetic"));
        foreach (var (name, content) in files) File.WriteAllBytes(Path.Combine(folder, "synthetic", name), content);
        DatasetFile Describe(string name) => IdxFixture.Describe(name, files[name]);
        return new DatasetDescription
        {
            Name = "synthetic",
            Format = new IdxFormat(
                Describe("train-images-idx3-ubyte"), Describe("train-labels-idx1-ubyte"), Describe("t10k-images-idx3-ubyte"), Describe("t10k-labels-idx1-ubyte")),
            ClassNames = ["0", "1", "2", "3", "4", "5", "6", "7", "8", "9"],
        };
    }

    private TrainingSession Session(
        string? name, int epochs, bool resume = false, StringWriter? json = null, Func<Recipe, Recipe>? change = null,
        Func<RunConfiguration, RunConfiguration>? configure = null)
    {
        var model = ModelRegistry.Get("lenet300");
        var terminal = json is null
            ? new Terminal(new StringWriter(), new StringWriter())
            : new Terminal(json, new StringWriter(), "-");
        var recipe = new Recipe
        {
            Name = "test",
            Models = [model.Name],
            Data = _data.Name,
            Source = "test",
            Epochs = epochs,
            Batch = Batch,
            Optimizer = "sgd",
            LearningRate = 0.05f,
            Momentum = 0.9f,
        };
        var configuration = new RunConfiguration
        {
            Model = model.Name,
            Recipe = change?.Invoke(recipe) ?? recipe,
            Seed = 7,
            Version = "test",
            Framework = "test",
            OperatingSystem = "test",
            Started = DateTime.UtcNow,
        };
        return new TrainingSession(terminal, _device, model, _data)
        {
            Configuration = configure?.Invoke(configuration) ?? configuration,
            RunName = name,
            Resumed = resume ? RunFolder.Find(name!) : null,
            DataFolder = "data",
            CheckpointEvery = 1,
        };
    }
}
