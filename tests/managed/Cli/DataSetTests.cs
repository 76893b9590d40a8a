using System.Text.Json;
using DeepNative.Cli;
using DeepNative.Data;

namespace DeepNative.Tests.Cli;

/// <summary>The tool with data sets that need no download.</summary>
[TestFixture]
public sealed class DataSetTests
{
    private WorkingFolder _folder = null!;

    [SetUp]
    public void Enter() => _folder = new WorkingFolder();

    [TearDown]
    public void Leave() => _folder.Dispose();

    [Test]
    public void A_model_fits_the_data_that_it_is_trained_on()
    {
        var (code, output, error) = CommandLineTests.Run(
            "train", "lenet300", "--data", "shapes", "--epochs", "1", "--image-size", "16", "--device", "cpu", "--threads", "1", "--no-progress", "--json", "-");
        Assert.That(code, Is.EqualTo(ExitCodes.Success), error);
        var measured = JsonDocument.Parse(output).RootElement;
        Assert.That(measured.GetProperty("data_wait").GetDouble(), Is.InRange(0.0, 1.0));
        Assert.That(error, Does.Contain("lenet300 on shapes").And.Contain("waited for"));
        (code, output, error) = CommandLineTests.Run("eval", "lenet300", "--device", "cpu", "--threads", "1");
        Assert.That(code, Is.EqualTo(ExitCodes.Success), error);
        Assert.That(output, Does.Contain("1,000 images").Or.Contain("1000 images"));
    }

    // A recipe that asks for what the data set would ignore.
    [TestCase("train resnet18 --data shapes --device cpu", "crop_scale_min")]
    [TestCase("train resnet18 --data cifar10 --device cpu", "crop_scale_min")]
    [TestCase("train unet --data shapes-segmentation --device cpu", "pixel_weights")]
    [TestCase("data show shapes --recipe resnet", "crop_scale_min")]
    public void What_a_data_set_would_ignore_is_refused(string line, string key)
    {
        var (code, _, error) = CommandLineTests.Run(line.Split(' '));
        Assert.That(code, Is.EqualTo(ExitCodes.Usage), error);
        Assert.That(error, Does.Contain(key).And.Contain("--recipe takes another"));
    }

    [Test]
    public void Data_get_tells_what_there_is()
    {
        var (code, output, error) = CommandLineTests.Run("data", "get", "shapes-heatmap");
        Assert.That(code, Is.EqualTo(ExitCodes.Success), error);
        Assert.That(output, Does.Contain("shapes-heatmap: 4000 images of (3, 64, 64) in 4 classes").And.Contain("test: 1000"));
    }

    [Test]
    public void Data_show_draws_pictures_as_training_sees_them()
    {
        var (code, output, error) = CommandLineTests.Run(
            "data", "show", "shapes", "--recipe", "resnet9-cifar", "--rows", "2", "--columns", "3", "--out", "a.png");
        Assert.That(code, Is.EqualTo(ExitCodes.Success), error);
        Assert.That(output, Does.Contain("a.png: 2 pictures of shapes").And.Contain("padding 4, reflect, flip 0.5, cutout 8"));
        var drawn = PictureDecoder.Decode(File.ReadAllBytes("a.png"), 3);
        Assert.That((drawn.Width, drawn.Height), Is.EqualTo((3 * 96 + 2 * 2, 2 * 96 + 2)), "as large as the recipe's net takes them, three times");
        var first = new byte[3 * 32 * 32];
        Datasets.Open("shapes", new DataOptions { InputShape = new Shape(3, 32, 32) }).Train.Gather([0], first, new byte[sizeof(int)]);
        var columns = new[] { Column(0), Column(1), Column(2) };
        Assert.That(columns[0], Is.EqualTo(first));
        Assert.That(columns[1], Is.Not.EqualTo(columns[0]));
        Assert.That(columns[2], Is.Not.EqualTo(columns[1]));

        CommandLineTests.Run("data", "show", "shapes", "--recipe", "resnet9-cifar", "--rows", "2", "--columns", "3", "--out", "b.png");
        Assert.That(File.ReadAllBytes("b.png"), Is.EqualTo(File.ReadAllBytes("a.png")));
        (code, _, error) = CommandLineTests.Run("data", "show", "shapes", "--recipe", "no-such");
        Assert.That(code, Is.EqualTo(ExitCodes.Usage));
        Assert.That(error, Does.Contain("no recipe 'no-such'"));

        // The first picture of a column.
        byte[] Column(int column)
        {
            var bytes = new List<byte>();
            for (var c = 0; c < 3; c++)
                for (var y = 0; y < 32; y++)
                    for (var x = 0; x < 32; x++) bytes.Add(drawn.Planes[(c * drawn.Height + 3 * y) * drawn.Width + column * 98 + 3 * x]);
            return [.. bytes];
        }
    }

    [Test]
    public void An_unknown_data_set_lists_the_known_ones([Values("train", "data")] string command)
    {
        string[] arguments = command == "train" ? ["train", "lenet300", "--data", "no-such"] : ["data", "get", "no-such"];
        var (code, _, error) = CommandLineTests.Run(arguments);
        Assert.That(code, Is.EqualTo(ExitCodes.Usage));
        Assert.That(error, Does.Contain("no-such").And.Contain("cifar10").And.Contain("shapes").And.Contain("folders of pictures"));
    }
}
