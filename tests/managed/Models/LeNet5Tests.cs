using DeepNative.Layers;
using DeepNative.Losses;
using DeepNative.Models;
using DeepNative.Tests.Operators;

namespace DeepNative.Tests.Models;

/// <summary>The parts of the LeNet-5 of 1998 against loops in float64.</summary>
internal sealed class LeNet5Tests
{
    // Row: S2 maps; column: C3 maps; as table I of the paper is printed.
    private static readonly string[] _table =
    [
        "X...XXX..XXXX.XX",
        "XX...XXX..XXXX.X",
        "XXX...XXX..X.XXX",
        ".XXX..XXXX..X.XX",
        "..XXX..XXXX.XX.X",
        "...XXX..XXXX.XXX",
    ];

    private static IEnumerable<string> Devices => TestDevices.Names;

    // Windows of ones add up the maps that they see,
    // and maps that are powers of two say which those are.
    [TestCaseSource(nameof(Devices))]
    public void Maps_of_C3_see_the_maps_of_the_table(string name)
    {
        var device = TestDevices.Get(name);
        var alone = LeNet5.CreateOriginal(new Shape(1, 28, 28), 10).Children.Single(child => child.Name == "C3");
        alone.Materialize(device, seed: 1);
        foreach (var parameter in alone.Parameters())
            TensorNumbers.Write(parameter.Tensor!, [.. Enumerable.Repeat(parameter.Shape.Rank == 1 ? 0.0 : 1.0, (int)parameter.Shape.Count)]);
        var graph = new Graph(training: false);
        using var x = new Tensor(device, DType.Float32, new Shape(1, 6, 5, 5));
        TensorNumbers.Write(x, [.. Enumerable.Range(0, 150).Select(i => i % 25 == 12 ? Math.ScaleB(1, i / 25) : 0.0)]);
        var y = alone.Forward(graph.Bind(x, "x"));
        using var output = new Tensor(device, DType.Float32, y.Shape);
        graph.Store(y, output);
        using (var program = graph.Compile(device)) program.Run();
        var expected = Enumerable.Range(0, 16).Select(map => Enumerable.Range(0, 6).Sum(input => _table[input][map] == 'X' ? Math.ScaleB(1, input) : 0.0));
        Assert.That(TensorNumbers.Read(output), Is.EqualTo(expected));
        alone.ReleaseTensors();
    }

    [TestCaseSource(nameof(Devices))]
    public void The_loss_is_equation_9(string name)
    {
        const double Distance = 3;
        var device = TestDevices.Get(name);
        double[] outputs = [-0.5, -4, -7, -100, -2, -1];
        int[] labels = [1, 2];
        var graph = new Graph(training: true);
        using var x = new Tensor(device, DType.Float32, new Shape(2, 3));
        using var target = new Tensor(device, DType.Int32, new Shape(2));
        using var value = new Tensor(device, DType.Float32, Shape.Scalar);
        using var gradient = new Tensor(device, DType.Float32, x.Shape);
        TensorNumbers.Write(x, outputs);
        target.Write<int>(labels);
        var input = graph.Bind(x, "x");
        var loss = new RbfCrossEntropy((float)Distance).Forward(input, graph.Bind(target, "target"));
        graph.Store(loss, value);
        graph.Store(graph.Gradients(loss, [input])[0], gradient);
        using (var program = graph.Compile(device)) program.Run();

        var sum = 0.0;
        var slopes = new double[6];
        for (var n = 0; n < 2; n++)
        {
            var row = outputs.AsSpan(3 * n, 3);
            var all = Math.Exp(-Distance);
            foreach (var z in row) all += Math.Exp(z);
            sum += (-row[labels[n]] + Math.Log(all)) / 2;
            for (var c = 0; c < 3; c++) slopes[3 * n + c] = (Math.Exp(row[c]) / all - (c == labels[n] ? 1 : 0)) / 2;
        }

        Tolerance.Check("loss", TensorNumbers.Read(value), [sum], DType.Float32, 16);
        Tolerance.Check("gradient", TensorNumbers.Read(gradient), slopes, DType.Float32, 16);
    }

    // The codes differ, and minus the squared distance of each to itself is 0.
    [Test]
    public void Every_digit_has_a_code_of_its_own()
    {
        Assert.That(DigitDrawings.All, Has.Length.EqualTo(10));
        Assert.That(DigitDrawings.All, Has.All.Length.EqualTo(84));
        for (var i = 0; i < 10; i++)
        {
            Assert.That(DigitDrawings.All[i].All(pixel => pixel is '#' or '.'), Is.True);
            for (var j = 0; j < i; j++)
                Assert.That(DigitDrawings.All[i].Zip(DigitDrawings.All[j]).Count(pair => pair.First != pair.Second), Is.AtLeast(8), $"{i} and {j}");
        }
    }
}
