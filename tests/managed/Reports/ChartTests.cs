using System.Globalization;
using System.Xml.Linq;
using DeepNative.Cli.Reports;

namespace DeepNative.Tests.Reports;

/// <summary>Charts: round ticks that hold the numbers, coordinates inside the picture, text that is text.</summary>
[TestFixture]
public class ChartTests
{
    private static readonly XNamespace _svg = "http://www.w3.org/2000/svg";

    [TestCase(0.0, 1.0, "0|0.2|0.4|0.6|0.8|1")]
    [TestCase(0.013, 0.27, "0|0.05|0.1|0.15|0.2|0.25|0.3")]
    [TestCase(-3.0, 7.0, "-4|-2|0|2|4|6|8")]
    [TestCase(0.0, 26_120.0, "0|5000|10k|15k|20k|25k|30k")]
    [TestCase(2e6, 9e6, "2M|3M|4M|5M|6M|7M|8M|9M")]
    [TestCase(1e-6, 5e-6, "1e-6|2e-6|3e-6|4e-6|5e-6")]
    public void Linear_ticks_are_round_and_hold_all_numbers(double low, double high, string expected)
    {
        var ticks = Ticks.Linear(low, high, most: 7, whole: false);
        Assert.That(string.Join('|', ticks.Labels), Is.EqualTo(expected));
        Assert.That(ticks.Low, Is.LessThanOrEqualTo(low + 1e-12));
        Assert.That(ticks.High, Is.GreaterThanOrEqualTo(high - 1e-12));
    }

    [TestCase(0.0, 0.0)]
    [TestCase(0.1, 0.1)]
    [TestCase(-5.0, -5.0)]
    [TestCase(1e9, 1e9 + 1e-3)]
    [TestCase(-1e308, 1e308)]
    [TestCase(0.0, 5e-324)]
    public void Ticks_of_numbers_that_hardly_differ_or_are_huge_are_finite(double low, double high)
    {
        foreach (var whole in new[] { false, true })
        {
            var ticks = Ticks.Linear(low, high, most: 7, whole);
            Assert.That(ticks.High, Is.GreaterThan(ticks.Low));
            Assert.That(ticks.Values, Has.All.Matches<double>(double.IsFinite));
            Assert.That(ticks.Values.Count, Is.InRange(2, 20));
            Assert.That(ticks.Position(low), Is.InRange(-1e-9, 1 + 1e-9));
        }
    }

    [TestCase(1.0, 64.0, 2, "1|2|4|8|16|32|64")]
    [TestCase(0.001, 1000.0, 10, "0.001|0.01|0.1|1|10|100|1000")]
    [TestCase(0.02, 0.4, 10, "0.02|0.05|0.1|0.2|0.5")]
    [TestCase(10.0, 10.0, 10, "10|20")]
    public void Logarithmic_ticks_are_powers(double low, double high, int radix, string expected)
    {
        var ticks = Ticks.Powers(low, high, most: 8, radix);
        Assert.That(string.Join('|', ticks.Labels), Is.EqualTo(expected));
        Assert.That(ticks.Position(ticks.Low), Is.Zero);
        Assert.That(ticks.Position(ticks.High), Is.EqualTo(1).Within(1e-12));
    }

    [Test]
    public void Whole_axes_have_whole_ticks_only()
    {
        for (var epochs = 1; epochs < 200; epochs++)
        {
            var ticks = new Axis("epoch") { Whole = true }.Fit([1, epochs], most: 8);
            Assert.That(ticks.Values, Has.All.Matches<double>(value => value == Math.Round(value)), $"{epochs} epochs");
            Assert.That(ticks.Labels.Distinct().Count(), Is.EqualTo(ticks.Labels.Count), $"{epochs} epochs");
        }
    }

    [TestCase(nameof(AxisScale.Linear))]
    [TestCase(nameof(AxisScale.Logarithmic))]
    [TestCase(nameof(AxisScale.Binary))]
    public void Whatever_the_numbers_are_the_picture_is_well_formed_and_inside_its_frame(string name)
    {
        var scale = Enum.Parse<AxisScale>(name);
        double[] odd = [1, double.NaN, 2, double.PositiveInfinity, -3, 0, 1e-30, 1e30, 5, double.NegativeInfinity, 7];
        var points = odd.Select((value, i) => new ChartPoint(i + 1, value, Radius: i, Label: $"p{i}")).ToArray();
        Check(new Chart
        {
            Title = "odd <numbers> & \"quotes\" \u0001 日本",
            X = new Axis("x", scale),
            Y = new Axis("y", scale),
            Series = [new ChartSeries("line <a>", points), new ChartSeries("bubbles", points) { Bubbles = true }, new ChartSeries("none", [])],
        });
        Check(new Chart { Title = "", X = new Axis(""), Y = new Axis(""), Series = [] });
    }

    [Test]
    public void Points_that_cannot_be_drawn_interrupt_a_line()
    {
        ChartPoint[] points = [.. Enumerable.Range(0, 60).Select(i => new ChartPoint(i, i is 20 or 40 ? double.NaN : i))];
        var root = Check(new Chart { Title = "gaps", X = new Axis("x"), Y = new Axis("y"), Series = [new ChartSeries("line", points)] });
        Assert.That(root.Descendants(_svg + "polyline").Count(), Is.EqualTo(3));
    }

    [Test]
    public void Long_names_wrap_the_legend_and_do_not_overlap()
    {
        var series = Enumerable.Range(0, 12).Select(i => new ChartSeries($"resnet{i}-cifar with augmentation", [new ChartPoint(1, i), new ChartPoint(2, i)])).ToArray();
        var root = Check(new Chart { Title = "many", X = new Axis("x"), Y = new Axis("y"), Series = series });
        var names = root.Elements(_svg + "text").Where(text => text.Value.StartsWith("resnet", StringComparison.Ordinal))
            .Select(text => (X: Number(text, "x"), Y: Number(text, "y"), Width: SvgWriter.Width(text.Value))).ToArray();
        Assert.That(names, Has.Length.EqualTo(12));
        foreach (var row in names.GroupBy(name => name.Y))
        {
            var ordered = row.OrderBy(name => name.X).ToArray();
            for (var i = 1; i < ordered.Length; i++) Assert.That(ordered[i].X, Is.GreaterThan(ordered[i - 1].X + ordered[i - 1].Width));
        }
    }

    [Test]
    public void Labels_of_bubbles_do_not_overlap()
    {
        ChartPoint[] points = [.. Enumerable.Range(0, 8).Select(i => new ChartPoint(10 + 0.3 * i, 70 + 0.5 * (i % 3), Radius: 14, Label: $"net number {i}"))];
        var root = Check(new Chart { Title = "close", X = new Axis("x") { FromZero = true }, Y = new Axis("y") { FromZero = true }, Series = [new ChartSeries("nets", points) { Bubbles = true }] });
        var boxes = root.Elements(_svg + "text").Where(text => text.Value.StartsWith("net number", StringComparison.Ordinal))
            .Select(text => (X: Number(text, "x"), Y: Number(text, "y"), Width: SvgWriter.Width(text.Value, 11))).ToArray();
        Assert.That(boxes, Has.Length.EqualTo(8));
        for (var i = 0; i < boxes.Length; i++)
        {
            for (var j = 0; j < i; j++)
            {
                var apart = Math.Abs(boxes[i].Y - boxes[j].Y) >= 12 || boxes[i].X > boxes[j].X + boxes[j].Width || boxes[j].X > boxes[i].X + boxes[i].Width;
                Assert.That(apart, $"{i} and {j}: {boxes[i]} {boxes[j]}");
            }
        }
    }

    [TestCase(0)]
    [TestCase(1)]
    [TestCase(10)]
    [TestCase(100)]
    public void A_heat_map_shows_every_count(int classes)
    {
        var counts = new long[classes, classes];
        for (var row = 0; row < classes; row++)
        {
            counts[row, row] = 900 + row;
            counts[row, classes - 1 - row] += 3;
        }

        var names = Enumerable.Range(0, classes).Select(i => $"class & <{i}> of a very long name indeed").ToArray();
        var root = XDocument.Parse(HeatMap.ToSvg("confusion", names, counts)).Root!;
        Frame(root);
        var cells = root.Elements(_svg + "rect").Count() - 1;
        Assert.That(cells, Is.EqualTo(counts.Cast<long>().Count(count => count > 0)));
        if (classes == 10) Assert.That(root.Elements(_svg + "text").Select(text => text.Value), Does.Contain("905").And.Contain("3"));
    }

    [Test]
    public void A_name_of_one_long_word_is_cut_at_whole_characters()
    {
        var cut = SvgWriter.Fit(string.Concat(Enumerable.Repeat("\U0001F600", 50)), 100);
        Assert.That(cut, Does.EndWith("\u2026"));
        Assert.That(SvgWriter.Width(cut), Is.LessThanOrEqualTo(100));
        Assert.That(cut.EnumerateRunes().Any(rune => rune.Value == 0xFFFD), Is.False);
    }

    private static XElement Check(Chart chart)
    {
        var text = chart.ToSvg();
        Assert.That(text, Does.Not.Contain("NaN").And.Not.Contain("Infinity").And.Not.Contain("\u221E"));
        var root = XDocument.Parse(text).Root!;
        Frame(root);
        return root;
    }

    // Every coordinate lies inside the view box.
    private static void Frame(XElement root)
    {
        var (width, height) = (Number(root, "width"), Number(root, "height"));
        foreach (var element in root.Elements())
        {
            foreach (var (name, most) in new[] { ("x", width), ("x1", width), ("x2", width), ("cx", width), ("y", height), ("y1", height), ("y2", height), ("cy", height) })
                if (element.Attribute(name) is not null) Assert.That(Number(element, name), Is.InRange(-0.01, most + 0.01), element.ToString());
            if (element.Name != _svg + "text" || element.Attribute("transform") is not null) continue;
            var (x, wide) = (Number(element, "x"), SvgWriter.Width(element.Value, element.Attribute("font-size") is null ? 12 : Number(element, "font-size")));
            var left = element.Attribute("text-anchor")!.Value switch { "start" => x, "end" => x - wide, _ => x - wide / 2 };
            // Estimated widths are larger than real ones.
            Assert.That(left, Is.GreaterThanOrEqualTo(-6), element.ToString());
            Assert.That(left + wide, Is.LessThanOrEqualTo(width + 6), element.ToString());
        }
    }

    private static double Number(XElement element, string attribute) => double.Parse(element.Attribute(attribute)!.Value, CultureInfo.InvariantCulture);
}
