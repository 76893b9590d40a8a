using System.Globalization;
using System.Xml.Linq;
using DeepNative.Cli.Commands;
using DeepNative.Cli.Output;
using DeepNative.Layers;
using DeepNative.Models;
using DeepNative.Tests.Cli;

namespace DeepNative.Tests.Reports;

/// <summary>The table of forward times: measured on small nets, printed, as CSV and as a picture.</summary>
[TestFixture]
public class BenchTableTests
{
    [Test]
    public void A_table_of_small_nets_has_their_numbers()
    {
        using var device = Device.Open("cpu", threads: 1);
        PublishedNet[] nets = [new("LeNet, \"300\"", "lenet300", 97), new("mnistnet", "mnistnet", null), new("absent", "nosuchnet", 50)];
        var output = new StringWriter();
        var table = BenchTable.Measure(
            new Terminal(output, output), device, nets, [1, 3], repeats: 2, seed: 1, new CompileOptions(), CancellationToken.None);
        table.Print(new Terminal(output, output));

        var summary = ModelSummary.Of(ModelRegistry.Get("mnistnet").Create(), new Shape(1, 28, 28));
        var row = table.Rows[1];
        Assert.That((row.Operations, row.Parameters), Is.EqualTo((2 * summary.MultiplyAdds, 105_506L)));
        foreach (var cell in table.Rows.Take(2).SelectMany(measured => measured.Cells))
        {
            Assert.That(cell.Seconds, Is.Positive);
            Assert.That(cell.Bytes, Is.GreaterThan(4 * 100_000));
            Assert.That(cell.Reason, Is.Null);
        }

        Assert.That(table.Rows[1].Cells[1].Bytes, Is.GreaterThan(table.Rows[1].Cells[0].Bytes!.Value), "a larger batch needs more memory");
        Assert.That(table.Rows[2].Cells, Has.All.Matches<BenchTable.Cell>(cell => cell is { Seconds: null, Reason: not null }));
        Assert.That(output.ToString(), Does.Contain("-: absent from batch 1: no such model"));

        var lines = table.ToCsv("cpu (x, y)").TrimEnd('\n').Split('\n');
        Assert.That(lines, Has.Length.EqualTo(1 + 3 * 2));
        Assert.That(lines[1], Does.StartWith("\"LeNet, \"\"300\"\"\",lenet300,\"cpu (x, y)\",1,").And.Contains(",97.00,"));
        Assert.That(double.Parse(lines[3].Split(',')[8], CultureInfo.InvariantCulture), Is.Positive);
        XDocument.Parse(table.ToSvg("cpu <1>"));
    }

    [Test]
    public void What_does_not_fit_has_a_dash_and_its_reason()
    {
        var rows = PublishedNet.Canziani.Select((net, i) => new BenchTable.Row(
            net, (long)((i + 1) * 3e9), (i + 1) * 12_000_000L,
            [new(0.01 * (i + 1), 1 << 20, null), new(i < 5 ? 0.015 * (i + 1) : null, 1 << 22, i < 5 ? null : "needs 30 GiB of memory, there are 24 GiB")]));
        var table = new BenchTable([1, 64], rows);
        var output = new StringWriter();
        table.Print(new Terminal(output, output));
        Assert.That(output.ToString(), Does.Contain("-: VGG-16 from batch 64: needs 30 GiB"));
        Assert.That(output.ToString(), Does.Contain("70.62").And.Contain("imagenet-validation.torch"));
        Assert.That(table.ToCsv("cpu"), Does.Contain("VGG-16,vgg-d,cpu,64,18000000000,72000000,70.62,,4194304,\"needs 30 GiB of memory, there are 24 GiB\""));
        var root = XDocument.Parse(table.ToSvg("cpu")).Root!;
        Assert.That(root.Value, Does.Contain("ResNet-101").And.Contain("BN-NIN"));
    }

    [TestCase("bench --table nosuchtable", "canziani")]
    [TestCase("bench --table canziani --models nosuchnet", "mnistnet")]
    [TestCase("bench --table canziani --batches 1,x", "'x'")]
    [TestCase("bench --table canziani --batches 0", "'0'")]
    [TestCase("bench mnistnet --table canziani", "mnistnet")]
    [TestCase("bench --table canziani --svg no/such/folder/a.svg", "no/such/folder")]
    [TestCase("bench", "canziani")]
    [TestCase("bench --table canziani --json a.json", "--json")]
    [TestCase("bench --table canziani --mode train", "--mode")]
    [TestCase("bench --table canziani --explain", "--explain")]
    [TestCase("bench mnistnet --csv a.csv", "--csv")]
    [TestCase("bench mnistnet --batches 1", "--batches")]
    [TestCase("bench --table canziani --batches 1 --batches x", "'x'")]
    public void Wrong_tables_are_refused(string line, string named)
    {
        var (code, _, error) = CommandLineTests.Run(line.Split(' '));
        Assert.That(code, Is.EqualTo(2), error);
        Assert.That(error, Does.Contain(named));
    }
}
