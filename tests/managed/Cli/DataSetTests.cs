using System.Text.Json;
using DeepNative.Cli;

namespace DeepNative.Tests.Cli;

/// <summary>The tool with data sets that need no download.</summary>
[TestFixture]
public sealed class DataSetTests
{
    private string _before = "";

    [SetUp]
    public void Enter()
    {
        _before = Environment.CurrentDirectory;
        Environment.CurrentDirectory = Directory.CreateTempSubdirectory("deepnative-data-").FullName;
    }

    [TearDown]
    public void Leave()
    {
        var folder = Environment.CurrentDirectory;
        Environment.CurrentDirectory = _before;
        Directory.Delete(folder, recursive: true);
    }

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

    [Test]
    public void Data_get_tells_what_there_is()
    {
        var (code, output, error) = CommandLineTests.Run("data", "get", "shapes-heatmap");
        Assert.That(code, Is.EqualTo(ExitCodes.Success), error);
        Assert.That(output, Does.Contain("shapes-heatmap: 4000 images of (3, 64, 64) in 4 classes").And.Contain("test: 1000"));
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
