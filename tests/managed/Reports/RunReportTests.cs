using System.Xml.Linq;
using DeepNative.Cli.Images;
using DeepNative.Cli.Reports;
using DeepNative.Cli.Runs;
using DeepNative.Data;
using DeepNative.Layers;
using DeepNative.Recipes;
using DeepNative.Tests.Cli;
using DeepNative.Tests.Data;
using DeepNative.Training;

namespace DeepNative.Tests.Reports;

/// <summary>The report of a run: well-formed, self-contained, with the right numbers; and what it is made of.</summary>
[TestFixture]
public class RunReportTests
{
    private WorkingFolder _folder = null!;

    [SetUp]
    public void EnterEmptyFolder() => _folder = new WorkingFolder();

    [TearDown]
    public void LeaveFolder() => _folder.Dispose();

    [Test]
    public void A_report_is_well_formed_and_refers_to_nothing_outside()
    {
        var run = Run("größe <b> & \"net\" 日本");
        run.Write(new RunMetrics
        {
            Epochs = [new EpochMetrics(1, 2.5, 0.1f, 1000, 3, 2.4, 0.5), new EpochMetrics(2, 0.01, 0.1f, null, 6, null, null)],
            TestError = 0.0123,
        });
        var text = RunReport.Html(run, Review(["Ä < B", "cat & dog", "猫"]));
        var root = XDocument.Parse(text).Root!;
        XNamespace html = "http://www.w3.org/1999/xhtml";
        Assert.That(root.Descendants(html + "h1").Single().Value, Is.EqualTo(run.Name));
        Assert.That(root.Value, Does.Contain("1.23 %").And.Contain("recipe.learning_rate").And.Contain("cat & dog").And.Contain("猫"));
        foreach (var reference in root.Descendants().Attributes().Where(attribute => attribute.Name.LocalName is "src" or "href"))
            Assert.That(reference.Value, Does.StartWith("data:image/png;base64,"));
        Assert.That(root.Descendants(html + "script"), Is.Empty);
        Assert.That(root.Descendants(XName.Get("svg", "http://www.w3.org/2000/svg")).Count(), Is.GreaterThanOrEqualTo(5));
        Assert.That(RunReport.Write(run, null), Does.Exist);
    }

    [Test]
    public void A_run_without_an_epoch_has_a_report() =>
        Assert.That(XDocument.Parse(RunReport.Html(Run("young"), null)).Root!.Value, Does.Contain("No epoch is done yet"));

    [Test]
    public void Lines_go_before_the_whole_and_a_line_cut_off_is_left_out()
    {
        var run = Run("lines");
        run.Write(new RunMetrics { Epochs = [new EpochMetrics(1, 9, 0.1f, 1, 1, null, null)] });
        Assert.That(RunHistory.Read(run).Points("train_loss"), Is.EqualTo(new[] { new ChartPoint(1, 9) }));
        File.WriteAllText(
            Path.Combine(run.Path, "metrics.jsonl"),
            """
            {"event":"step","epoch":1,"step":5,"train_loss":3}
            {"event":"epoch","epoch":1,"step":10,"train_loss":2,"validation_error":0.25,"seconds":4}
            {"event":"other","epoch":7}
            {"event":"epoch","epoch":2,"st
            """);
        var history = RunHistory.Read(run);
        Assert.That(history.EpochCount, Is.EqualTo(1));
        Assert.That(history.Points("train_loss"), Is.EqualTo(new[] { new ChartPoint(1, 2) }));
        Assert.That(history.Points("test_error", "seconds", percent: true), Is.EqualTo(new[] { new ChartPoint(4, 25) }));
        Assert.That(history.StepPoints("train_loss"), Is.EqualTo(new[] { new ChartPoint(5, 3) }));
        Assert.That(history.Names, Is.EqualTo(new[] { "seconds", "train_loss", "validation_error" }));
    }

    [Test]
    public void A_review_counts_what_is_confused_and_puts_the_surest_mistakes_first()
    {
        PictureLibrary.Require();
        var review = Review(["a", "b", "c"]);
        // Example i is of class i % 3 and always taken for class 0, the surer the larger its pixel.
        Assert.That(review.Confusion!.Cast<long>(), Is.EqualTo(new long[] { 4, 0, 0, 4, 0, 0, 4, 0, 0 }));
        Assert.That(review.Accuracy, Is.EqualTo(4.0 / 12).Within(1e-12));
        Assert.That((review.Recall(0), review.Recall(1), review.Precision(0)), Is.EqualTo((1.0, 0.0, 4.0 / 12)));
        Assert.That(review.Precision(1), Is.NaN);
        Assert.That(review.Mistakes.Select(example => example.Index), Is.EqualTo(new[] { 11, 10, 8, 7, 5, 4, 2, 1 }));
        Assert.That(PictureDecoder.Decode(review.Mistakes[0].Picture).Planes[0], Is.EqualTo(11));
    }

    [Test]
    public void Scores_become_probabilities()
    {
        var review = TestReview.Of(
            inputs =>
            {
                var scores = new float[inputs.Length * 3];
                for (var i = 0; i < inputs.Length; i++) (scores[3 * i], scores[3 * i + 1]) = (8.123f, 7.123f);
                return new Prediction(scores, new Shape(inputs.Length, 3));
            },
            new Dots(), [], multiplyAdds: 1)!;
        Assert.That(review.Mistakes[0].Probability, Is.EqualTo(1 / (1 + Math.Exp(-1) + Math.Exp(-8.123))).Within(1e-6));
    }

    [Test]
    public void Tiles_show_what_the_run_measured_and_the_last_epoch()
    {
        var run = Run("tiles");
        run.Write(new RunMetrics { Epochs = [], TestMeanIou = 0.625, TrainLoss = 3 });
        File.WriteAllText(Path.Combine(run.Path, "metrics.jsonl"), """{"event":"epoch","epoch":2,"step":10,"train_loss":2,"seconds":4}""" + "\n");
        var text = XDocument.Parse(RunReport.Html(run, null)).Root!.Value;
        Assert.That(text, Does.Contain("mean intersection over union62.50 %").And.Contain("train loss2.0000").And.Contain("time4.00 s"));
    }

    [Test]
    public void A_segmentation_is_measured_by_intersection_over_union()
    {
        PictureLibrary.Require();
        var review = TestReview.Of(
            inputs =>
            {
                // Everything is foreground.
                var scores = new float[inputs.Length / 4 * 8];
                for (var i = 0; i < scores.Length; i++) scores[i] = i % 8 >= 4 ? 1 : 0;
                return new Prediction(scores, new Shape(inputs.Length / 4, 2, 2, 2));
            },
            new Squares(), [], multiplyAdds: 1)!;
        Assert.That(review.IsSegmentation);
        // Three of four pixels are foreground, one of the twelve has no label.
        Assert.That(review.Confusion!.Cast<long>(), Is.EqualTo(new long[] { 0, 3, 0, 8 }));
        Assert.That(review.Intersection(1), Is.EqualTo(8.0 / 11).Within(1e-12));
        Assert.That(review.MeanIntersection, Is.EqualTo(4.0 / 11).Within(1e-12));
        Assert.That(review.Masks, Has.Count.EqualTo(3));
        Assert.That(PictureDecoder.Decode(review.Masks[1].Truth).Planes, Is.EqualTo(new byte[] { 0, 255, 255, 255, 0, 255, 255, 255, 0, 255, 255, 255 }));
        Assert.That(XDocument.Parse(RunReport.Html(Run("masks"), review)).Root!.Value, Does.Contain("72.7 %"));
    }

    [Test]
    public void Filters_are_scaled_each_on_its_own()
    {
        float[] weights = [0, 1, 2, 3, -10, -10, 10, 10, 7, 7, 7, 7];
        var (planes, width, height) = Filters.Grid(weights, count: 3, channels: 1, height: 2, width: 2);
        Assert.That((width, height), Is.EqualTo((3 * 43 + 3, 43 + 3)));
        byte At(int filter, int row, int column) => planes[(3 + 20 * row) * width + 3 + 43 * filter + 20 * column];
        Assert.That(new[] { At(0, 0, 0), At(0, 0, 1), At(0, 1, 0), At(0, 1, 1) }, Is.EqualTo(new byte[] { 0, 85, 170, 255 }));
        Assert.That(new[] { At(1, 0, 0), At(1, 1, 1), At(2, 0, 0) }, Is.EqualTo(new byte[] { 0, 255, 128 }));
    }

    [Test]
    public void Filters_are_those_of_the_layer_that_sees_the_input()
    {
        using var device = Device.Open("cpu", threads: 1);
        var conv = new Sequential(new Conv2d(3, 4, kernel: 3), new Flatten(), new Linear(4 * 36, 2));
        var linear = new Sequential(new Flatten(), new Linear(64, 5), new Linear(5, 3));
        foreach (var model in new[] { conv, linear }) model.Materialize(device, seed: 1);
        Assert.That(Filters.Of(conv, new Shape(3, 8, 8)) is { Tensor: "0.weight", Channels: 3, Description: "4 filters of 3 x 3" });
        Assert.That(Filters.Of(linear, new Shape(1, 8, 8)) is { Tensor: "1.weight", Channels: 1, Description: "5 filters of 8 x 8" });
        Assert.That(Filters.Of(linear, new Shape(64)), Is.Null);
        foreach (var model in new[] { conv, linear }) model.ReleaseTensors();
    }

    [TestCase(1)]
    [TestCase(3)]
    public void A_written_picture_reads_back(int channels)
    {
        PictureLibrary.Require();
        var planes = new byte[channels * 5 * 7];
        for (var i = 0; i < planes.Length; i++) planes[i] = (byte)(i * 37);
        var picture = PictureDecoder.Decode(PngWriter.FromPlanes(7, 5, channels, planes));
        Assert.That((picture.Width, picture.Height, picture.Channels), Is.EqualTo((7, 5, channels)));
        Assert.That(picture.Planes, Is.EqualTo(planes));
    }

    [TestCase("report nosuchrun", "none yet")]
    [TestCase("plot nosuchrun --svg a.svg", "none yet")]
    [TestCase("plot curves --metric nosuchmetric --svg a.svg", "train_loss")]
    [TestCase("plot curves --labels a,b --svg a.svg", "2 lines for 1 runs")]
    public void Wrong_names_are_refused_with_the_known_ones(string line, string known)
    {
        Run("curves").Write(new RunMetrics { Epochs = [new EpochMetrics(1, 9, 0.1f, 1, 1, null, null)] });
        var (code, _, error) = CommandLineTests.Run(line.Split(' '));
        Assert.That(code, Is.EqualTo(2), error);
        Assert.That(error, Does.Contain(known.Replace("none yet", "(curves)", StringComparison.Ordinal)));
    }

    [Test]
    public void Curves_of_two_runs_are_drawn_into_one_file()
    {
        foreach (var name in new[] { "one", "two" })
            Run(name).Write(new RunMetrics { Epochs = [new EpochMetrics(1, 9, 0.1f, 1, 1, null, 0.5), new EpochMetrics(2, 8, 0.1f, 1, 1, null, 0.25)] });
        var (code, _, error) = CommandLineTests.Run("plot", "one", "two", "--metric", "test_error", "--labels", "eins,zwei", "--svg", "a.svg");
        Assert.That(code, Is.Zero, error);
        var root = XDocument.Load("a.svg").Root!;
        Assert.That(root.Value, Does.Contain("eins").And.Contain("zwei").And.Contain("50"));
        Assert.That(root.Elements().Count(element => element.Name.LocalName == "polyline"), Is.EqualTo(4), "two curves, two in the legend");
    }

    private static RunFolder Run(string name)
    {
        var run = RunFolder.Create(name, "mnistnet");
        run.Write(new RunConfiguration
        {
            Model = "mnistnet",
            Recipe = new Recipe
            {
                Models = ["mnistnet"], Data = "mnist <28 x 28>", Source = "test", Epochs = 2, Batch = 16, Optimizer = "sgd", LearningRate = 0.1f,
            },
            Seed = 7,
            Version = "0.1.0+abc",
            Framework = ".NET",
            OperatingSystem = "Linux",
            Started = DateTime.UnixEpoch,
        });
        return run;
    }

    private static TestReview Review(string[] names) => TestReview.Of(
        inputs =>
        {
            var values = new float[inputs.Length * 3];
            for (var i = 0; i < inputs.Length; i++) (values[3 * i], values[3 * i + 1], values[3 * i + 2]) = (0.5f + inputs[i] / 100f, 0.3f, 0.2f);
            return new Prediction(values, new Shape(inputs.Length, 3));
        },
        new Dots(), names, multiplyAdds: 1)!;

    /// <summary>Twelve pictures of one pixel, which is their number.</summary>
    private sealed class Dots : IExampleSource
    {
        public string Name => "dots <12>";
        public int Count => 12;
        public Shape InputShape => new(1, 1, 1);
        public DType InputType => DType.UInt8;
        public Shape TargetShape => Shape.Scalar;
        public DType TargetType => DType.Int32;
        public int? MaxLabel => 2;

        public void Gather(ReadOnlySpan<int> indices, Span<byte> inputs, Span<byte> targets)
        {
            for (var i = 0; i < indices.Length; i++)
            {
                inputs[i] = (byte)indices[i];
                BitConverter.TryWriteBytes(targets[(4 * i)..], indices[i] % 3);
            }
        }

        public Normalization? Statistics() => null;
    }

    /// <summary>Three pictures of 2 x 2, all but the first pixel foreground; the last pixel of the last one has no label.</summary>
    private sealed class Squares : IExampleSource
    {
        public string Name => "squares";
        public int Count => 3;
        public Shape InputShape => new(1, 2, 2);
        public DType InputType => DType.UInt8;
        public Shape TargetShape => new(2, 2);
        public DType TargetType => DType.Int32;
        public int? MaxLabel => 1;

        public void Gather(ReadOnlySpan<int> indices, Span<byte> inputs, Span<byte> targets)
        {
            for (var i = 0; i < indices.Length; i++)
                for (var pixel = 0; pixel < 4; pixel++)
                    BitConverter.TryWriteBytes(targets[(16 * i + 4 * pixel)..], indices[i] == 2 && pixel == 3 ? -100 : pixel > 0 ? 1 : 0);
        }

        public Normalization? Statistics() => null;
    }
}
