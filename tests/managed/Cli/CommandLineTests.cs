using System.Text.Json;
using DeepNative.Cli;
using DeepNative.Cli.Output;

namespace DeepNative.Tests.Cli;

/// <summary>The tool as a shell sees it: arguments in, two streams and an exit code out.</summary>
[TestFixture]
public class CommandLineTests
{
    private WorkingFolder _folder = null!;

    [SetUp]
    public void EnterEmptyFolder() => _folder = new WorkingFolder();

    [TearDown]
    public void LeaveFolder() => _folder.Dispose();

    [TestCase("train nosuchnet", "nosuchnet", "mnistnet")]
    [TestCase("bench nosuchnet", "nosuchnet", "lenet300")]
    [TestCase("inspect nosuchnet", "nosuchnet", "mnistnet")]
    [TestCase("data get nosuchdata", "nosuchdata", "fashion-mnist")]
    [TestCase("train mnistnet --data nosuchdata", "nosuchdata", "mnist")]
    [TestCase("eval nosuchrun", "nosuchrun", "none yet")]
    [TestCase("predict nosuchrun a.png", "nosuchrun", "none yet")]
    [TestCase("train --resume --name nosuchrun", "nosuchrun", "none yet")]
    [TestCase("train mnistnet --schedule nosuchschedule", "nosuchschedule", "cosine-restarts")]
    [TestCase("train mnistnet --schedule one-cycle:peak=1", "peak=1", "one-cycle:rise=0.3,start=25,end=10000")]
    public void Unknown_names_list_the_known_ones(string line, string unknown, string known)
    {
        var (code, output, error) = Run(line.Split(' '));
        Assert.That(code, Is.EqualTo(ExitCodes.Usage));
        Assert.That(error, Does.Contain(unknown).And.Contain(known));
        Assert.That(Lines(error), Is.EqualTo(1), error);
        Assert.That(output, Is.Empty);
    }

    [TestCase("train")]
    [TestCase("train mnistnet --epochs 0")]
    [TestCase("train mnistnet --batch -3")]
    [TestCase("train mnistnet --epochs many")]
    [TestCase("train mnistnet --lr 0")]
    [TestCase("train mnistnet --momentum 1.5")]
    [TestCase("train mnistnet --optimizer lion")]
    [TestCase("train mnistnet --optimizer adam --momentum 0.9")]
    [TestCase("train mnistnet --optimizer lars")]
    [TestCase("train mnistnet --optimizer rmsprop --momentum 1.5")]
    [TestCase("train mnistnet --ema 1.5")]
    [TestCase("train mnistnet --accumulate 0")]
    [TestCase("train mnistnet --class-weights some")]
    [TestCase("train mnistnet --label-smoothing 1")]
    [TestCase("train mnistnet --validation 1")]
    [TestCase("train mnistnet --patience -1")]
    [TestCase("train mnistnet --keep first")]
    [TestCase("train mnistnet --replace-head 3")]
    [TestCase("train mnistnet --from nosuchfile")]
    [TestCase("train mnistnet --freeze nosuchlayer.*")]
    [TestCase("train mnistnet --clip-norm 0")]
    [TestCase("train mnistnet --clip-norm 1 --clip-value 1")]
    [TestCase("train mnistnet --schedule linear")]
    [TestCase("train mnistnet --schedule step")]
    [TestCase("train mnistnet --schedule step:epochs=0")]
    [TestCase("train mnistnet --schedule step:epochs=2.5")]
    [TestCase("train mnistnet --schedule step:steps=3")]
    [TestCase("train mnistnet --schedule multi-step:epochs=3/2")]
    [TestCase("train mnistnet --schedule cosine:minimum=x")]
    [TestCase("train mnistnet --precision f8")]
    [TestCase("train mnistnet --name a/b --device cpu")]
    [TestCase("train mnistnet --nosuchoption")]
    [TestCase("bench mnistnet --mode sleep")]
    [TestCase("bench mnistnet --steps 0")]
    [TestCase("bench mnistnet --json no/such/folder/x.json")]
    [TestCase("nosuchcommand")]
    [TestCase("predict mnistnet")]
    [TestCase("data get")]
    public void A_wrong_command_line_is_one_line_and_exit_code_2(string line)
    {
        var (code, output, error) = Run(line.Split(' '));
        Assert.That(code, Is.EqualTo(ExitCodes.Usage), error);
        Assert.That(Lines(error), Is.EqualTo(1), error);
        Assert.That(error, Does.StartWith("deepnative: ").And.Not.Contain("   at "));
        Assert.That(output, Is.Empty);
    }

    [Test]
    public void Nothing_is_left_behind_by_a_wrong_command_line()
    {
        Run("train", "nosuchnet");
        Run("train", "mnistnet", "--momentum", "1.5");
        Assert.That(Directory.EnumerateFileSystemEntries("."), Is.Empty);
    }

    [Test]
    public void Tests_are_the_launchers_affair()
    {
        var (code, _, error) = Run("test", "--native");
        Assert.That((code, error), Is.EqualTo((ExitCodes.Usage, error)).And.Not.EqualTo((ExitCodes.Usage, "")));
        Assert.That(error, Does.Contain("./deepnative test"));
    }

    [Test]
    public void Inspect_counts_parameters_and_multiply_adds()
    {
        var (code, output, error) = Run("inspect", "mnistnet");
        Assert.That((code, error), Is.EqualTo((ExitCodes.Success, "")));
        Assert.That(output, Does.Contain("105,506"));
        // conv1 25 * 32 * 24 * 24, conv2 32 * 25 * 64 * 4 * 4, then 256 * 200 and 200 * 10.
        Assert.That(output, Does.Contain("460,800").And.Contain("819,200").And.Contain("51,200").And.Contain("2,000"));
        Assert.That(output, Does.Contain("1,333,200"));
        Assert.That(output, Does.Contain("(1, 32, 24, 24)"));
    }

    [Test]
    public void Inspect_takes_other_inputs_and_writes_json()
    {
        var (code, output, error) = Run("inspect", "resnet18", "--input", "3x64x64", "--classes", "5", "--json", "-");
        Assert.That(code, Is.EqualTo(ExitCodes.Success), error);
        var json = JsonDocument.Parse(output).RootElement;
        Assert.That(json.GetProperty("parameters").GetInt64(), Is.EqualTo(11_689_512 - 995 * 513));
        Assert.That(json.GetProperty("multiply_adds").GetInt64(), Is.EqualTo(json.GetProperty("layers").EnumerateArray().Sum(layer => layer.GetProperty("multiply_adds").GetInt64())));
        var first = json.GetProperty("layers")[0];
        Assert.That(first.GetProperty("name").GetString(), Is.EqualTo("conv1"));
        Assert.That(first.GetProperty("output").EnumerateArray().Select(e => e.GetInt64()), Is.EqualTo(new long[] { 1, 64, 32, 32 }));
        Assert.That(first.GetProperty("receptive_field").EnumerateArray().Select(e => e.GetInt64()), Is.EqualTo(new long[] { 7, 7 }));
        Assert.That(first.GetProperty("stride").EnumerateArray().Select(e => e.GetDouble()), Is.EqualTo(new[] { 2.0, 2.0 }));
        (code, _, error) = Run("inspect", "resnet18", "--input", "3x8x8");
        Assert.That((code, error), Is.EqualTo((ExitCodes.Usage, error)));
        Assert.That(error, Does.Contain("32 x 32"));
        (code, _, error) = Run("inspect", "resnet18", "--input", "3xx8");
        Assert.That(code, Is.EqualTo(ExitCodes.Usage));
        Assert.That(error, Does.Contain("3xx8"));
    }

    [Test]
    public void The_measurement_has_every_key_and_null_for_what_is_unknown()
    {
        var json = JsonDocument.Parse(new Measurement { Command = "bench", Batch = 100, TestError = 0.0106 }.ToString()).RootElement;
        string[] keys =
        [
            "command", "model", "device", "precision", "batch", "steps", "epochs", "seconds", "images_per_second", "train_loss",
            "test_error", "test_top5_error", "test_mean_iou", "peak_bytes", "first_step_seconds", "seed", "data_wait", "version",
        ];
        Assert.That(json.EnumerateObject().Select(property => property.Name), Is.EqualTo(keys));
        Assert.That(json.GetProperty("command").GetString(), Is.EqualTo("bench"));
        Assert.That(json.GetProperty("batch").GetInt32(), Is.EqualTo(100));
        Assert.That(json.GetProperty("test_error").GetDouble(), Is.EqualTo(0.0106));
        Assert.That(json.GetProperty("model").ValueKind, Is.EqualTo(JsonValueKind.Null));
        Assert.That(json.GetProperty("version").GetString(), Does.Match(@"^\d+\.\d+\.\d+"));
    }

    [TestCase(double.NaN)]
    [TestCase(double.PositiveInfinity)]
    public void What_is_not_finite_becomes_null(double value) => Assert.That(Measurement.Finite(value), Is.Null);

    [TestCase("-")]
    [TestCase("/dev/stdout")]
    public void Json_on_standard_output_sends_the_text_to_standard_error(string path)
    {
        var (output, error) = (new StringWriter(), new StringWriter());
        var terminal = new Terminal(output, error, path);
        terminal.Line("for people");
        terminal.Write(new Measurement { Command = "eval" });
        Assert.That(JsonDocument.Parse(output.ToString()).RootElement.GetProperty("command").GetString(), Is.EqualTo("eval"));
        Assert.That(error.ToString(), Does.Contain("for people"));
    }

    [Test]
    public void Json_in_a_file_leaves_the_text_on_standard_output()
    {
        var (output, error) = (new StringWriter(), new StringWriter());
        var terminal = new Terminal(output, error, "result.json");
        terminal.Line("for [people]");
        terminal.Write(new Measurement { Command = "eval" });
        Assert.That(output.ToString(), Is.EqualTo("for [people]" + Environment.NewLine));
        Assert.That(error.ToString(), Is.Empty);
        Assert.That(JsonDocument.Parse(File.ReadAllText("result.json")).RootElement.GetProperty("command").GetString(), Is.EqualTo("eval"));
    }

    [Test]
    public void Lines_that_are_long_are_not_folded_in_a_file()
    {
        var output = new StringWriter();
        new Terminal(output, new StringWriter()).Line(new string('x', 500));
        Assert.That(output.ToString(), Is.EqualTo(new string('x', 500) + Environment.NewLine));
    }

    [TestCase(1L, "1 B")]
    [TestCase(1536L, "1.50 KiB")]
    [TestCase(123L << 20, "123 MiB")]
    public void Bytes_have_units(long bytes, string text) => Assert.That(Units.Bytes(bytes), Is.EqualTo(text));

    [TestCase(0.0000123, "12.3 us")]
    [TestCase(0.00384, "3.84 ms")]
    [TestCase(24.24, "24.2 s")]
    public void Times_have_units(double seconds, string text) => Assert.That(Units.Time(seconds), Is.EqualTo(text));

    internal static (int Code, string Output, string Error) Run(params string[] arguments)
    {
        var (output, error) = (new StringWriter(), new StringWriter());
        var code = App.Run(arguments, output, error);
        return (code, output.ToString(), error.ToString());
    }

    private static int Lines(string text) => text.Count(character => character == '\n');
}
