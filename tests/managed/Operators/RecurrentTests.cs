using DeepNative.Operators;

namespace DeepNative.Tests.Operators;

internal sealed class RecurrentCases : IOperatorCases
{
    [Flags]
    private enum With
    {
        Nothing = 0,
        Bias = 1,
        States = 2,
        Lengths = 4,
        Finals = 8, // the loss depends on the final states too
        Reverse = 16,
        NoOutput = 32, // and on nothing else
        All = Bias | States | Lengths | Finals,
    }

    private static readonly RecurrentCell[] _cells = [RecurrentCell.Tanh, RecurrentCell.ReLU, RecurrentCell.Lstm, RecurrentCell.Gru];

    public static IEnumerable<OperatorCase> Cases
    {
        get
        {
            foreach (var cell in _cells)
            {
                yield return Of(cell, 3, 2, 5, With.Nothing);
                yield return Of(cell, 4, 3, 4, With.All);
                yield return Of(cell, 4, 3, 4, With.All | With.Reverse);
                yield return Of(cell, 3, 2, 17, With.Bias | With.Reverse);
                yield return Of(cell, 3, 2, 3, With.States | With.Reverse);
                yield return Of(cell, 4, 3, 2, With.Lengths);
                yield return Of(cell, 4, 3, 2, With.Lengths | With.Reverse);
                yield return Of(cell, 1, 1, 1, With.Bias | With.States);
                yield return Of(cell, 1, 4, 3, With.Nothing);
                yield return Of(cell, 3, 2, 3, With.Finals | With.NoOutput);
                yield return Of(cell, 3, 0, 4, With.All);

                // Several tiles of samples and several vectors of units.
                yield return Of(cell, 2, 19, 33, With.Bias | With.States | With.Finals);
            }

            yield return Of(RecurrentCell.Lstm, 3, 8, 130, With.All);
            yield return Of(RecurrentCell.Gru, 2, 13, 70, With.All | With.Reverse);
            yield return new OperatorCase("without a gradient", b =>
            {
                b.HasDerivative = false;
                b.ReductionLength = 20;
                return Build(b, RecurrentCell.Lstm, 3, 2, 5, With.All);
            });
        }
    }

    public static IEnumerable<BadCase> BadCases =>
    [
        new("gates of a matrix", "gates has rank 2, expected 3", b => Recurrent.Run(RecurrentCell.Tanh, b.Input([3, 4]), b.Input([4, 4]))),
        new("gates of another width", "gates is (2, 3, 8), expected (2, 3, 16)", b => Recurrent.Run(RecurrentCell.Lstm, b.Input([2, 3, 8]), b.Input([16, 4]))),
        new("weight of another cell", "weight is (16, 4), expected (12, 4)", b => Recurrent.Run(RecurrentCell.Gru, b.Input([2, 3, 12]), b.Input([16, 4]))),
        new("no steps", "there is no step", b => Recurrent.Run(RecurrentCell.Tanh, b.Input([0, 3, 4]), b.Input([4, 4]))),
        new("no units", "there is no step or no unit", b => Recurrent.Run(RecurrentCell.Tanh, b.Input([2, 3, 0]), b.Input([0, 0]))),
        new("bias of one gate", "bias is (4), expected (12)", b => Recurrent.Run(RecurrentCell.Gru, b.Input([2, 3, 12]), b.Input([12, 4]), b.Input([4]))),
        new("hidden state of another batch", "initial hidden state is (2, 4), expected (3, 4)", b => Recurrent.Run(RecurrentCell.Tanh, b.Input([2, 3, 4]), b.Input([4, 4]), initialHidden: b.Input([2, 4]))),
        new("cell state of another size", "initial cell state is (3, 5), expected (3, 4)", b => Recurrent.Run(RecurrentCell.Lstm, b.Input([2, 3, 16]), b.Input([16, 4]), initialCell: b.Input([3, 5]))),
        new("lengths as numbers", "lengths is Float32, expected Int32", b => Recurrent.Run(RecurrentCell.Tanh, b.Input([2, 3, 4]), b.Input([4, 4]), lengths: b.Input([3]))),
        new("lengths of fewer samples", "lengths is (2), expected (3)", b => Recurrent.Run(RecurrentCell.Tanh, b.Input([2, 3, 4]), b.Input([4, 4]), lengths: b.Indices(DType.Int32, [2], 1))),
        new("whole numbers", "gates is Int32, expected Float32", b => Recurrent.Run(RecurrentCell.Tanh, b.Indices(DType.Int32, [2, 3, 4], 2), b.Input([4, 4]))),
    ];

    public static OperatorCase Random(System.Random random) => Of(
        _cells[random.Next(_cells.Length)], random.Next(1, 6), random.Next(1, 9), random.Next(1, 24),
        (With)random.Next((int)With.NoOutput));

    private static OperatorCase Of(RecurrentCell cell, int steps, int batch, int hidden, With with) => new($"{cell} {steps}x{batch}x{hidden} {with}", b =>
    {
        b.DerivativeOrder = 1;
        b.ReductionLength = (hidden + 8) * steps;
        b.Magnitude = 1;
        b.MayBeZero = true;
        return Build(b, cell, steps, batch, hidden, with);
    });

    private static Value Build(CaseBuilder b, RecurrentCell cell, int steps, int batch, int hidden, With with)
    {
        var width = Recurrent.GateCount(cell) * hidden;
        var scale = 1 / Math.Sqrt(hidden);
        var gates = b.Input([steps, batch, width]);
        var weight = b.Input([width, hidden], -scale, scale);
        var bias = with.HasFlag(With.Bias) ? b.Input([width]) : null;
        var initialHidden = with.HasFlag(With.States) ? b.Input([batch, hidden]) : null;
        var initialCell = with.HasFlag(With.States) && cell == RecurrentCell.Lstm ? b.Input([batch, hidden]) : null;
        var lengths = with.HasFlag(With.Lengths)
            ? b.Given(DType.Int32, [batch], [.. Enumerable.Range(0, batch).Select(n => (double)(steps - n * 2 % steps))])
            : null;
        var result = Recurrent.Run(cell, gates, weight, bias, initialHidden, initialCell, lengths, with.HasFlag(With.Reverse));
        if (!with.HasFlag(With.Finals)) return result.Output;
        b.Store("hidden", result.Hidden);
        var finals = result.Hidden * 0.7f;
        if (result.Cell is not null)
        {
            b.Store("cell", result.Cell);
            finals += result.Cell * 0.4f;
        }

        return with.HasFlag(With.NoOutput) ? finals : result.Output + finals;
    }
}

internal sealed class RecurrentTests : OperatorTests<RecurrentCases>
{
    [Test]
    public void A_length_outside_the_steps_fails_the_run_and_is_named(
        [ValueSource(typeof(TestDevices), nameof(TestDevices.Names))] string name, [Values(0, 5, -1)] int length)
    {
        var device = TestDevices.Get(name);
        using var gates = new Tensor(device, DType.Float32, [4, 3, 8]);
        using var weight = new Tensor(device, DType.Float32, [8, 2]);
        using var lengths = new Tensor(device, DType.Int32, [3]);
        using var result = new Tensor(device, DType.Float32, [4, 3, 2]);
        var graph = new Graph(training: false);
        var run = Recurrent.Run(
            RecurrentCell.Lstm, graph.Bind(gates, "gates"), graph.Bind(weight, "weight"), lengths: graph.Bind(lengths, "lengths"), reverse: true);
        graph.Store(run.Output, result);
        using var program = graph.Compile(device);
        lengths.Write<int>([4, length, length]);
        var error = Assert.Throws<DeepNativeException>(() =>
        {
            program.Run();
            device.Synchronize();
        })!;
        Assert.That(error.Message, Does.Contain($"length {length} of sample 1 is outside 1 to 4"));
        lengths.Write<int>([4, 1, 2]);
        program.Run();
        device.Synchronize();
    }

    [Test]
    public void Only_an_lstm_has_a_cell_state()
    {
        var b = new CaseBuilder(device: null);
        Assert.That(
            () => Recurrent.Run(RecurrentCell.Gru, b.Input([2, 3, 12]), b.Input([12, 4]), initialCell: b.Input([3, 4])),
            Throws.ArgumentException.With.Message.Contains("no cell state"));
        Assert.That(Recurrent.Run(RecurrentCell.Gru, b.Input([2, 3, 12]), b.Input([12, 4])).Cell, Is.Null);
    }

    [Test]
    public void There_is_no_second_derivative()
    {
        var b = new CaseBuilder(device: null);
        var gates = b.Input([2, 3, 4]);
        using var scope = b.Graph.Scope("memory");
        var loss = Reduce.Sum(Recurrent.Run(RecurrentCell.Tanh, gates, b.Input([4, 4])).Output);
        var gradient = Reduce.Sum(b.Graph.Gradients(loss, [gates])[0]);
        Assert.That(() => b.Graph.Gradients(gradient, [gates]), Throws.TypeOf<NotSupportedException>().With.Message.Contains("memory"));
    }
}
