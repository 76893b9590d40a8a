using DeepNative.Operators;

namespace DeepNative.Tests.Operators;

internal sealed class GatherCases : IOperatorCases
{
    private static readonly DType[] _dataTypes =
        [DType.Float32, DType.Float64, DType.Float16, DType.BFloat16, DType.UInt8, DType.Int32, DType.Int64];

    public static IEnumerable<OperatorCase> Cases
    {
        get
        {
            foreach (var dtype in _dataTypes) yield return Rows(dtype, [7, 5], 4);
            foreach (var shape in new Shape[] { [1], [9], [4, 1, 3, 3], [3, 16], [5, 784], [2, 2, 2, 2, 2] })
                yield return Rows(DType.UInt8, shape, 13);
            yield return Rows(DType.Float32, [3, 0], 2);
            yield return Rows(DType.Float32, [3, 4], 0);
            yield return Rows(DType.Int32, [100, 3], 1000);
            yield return Next(DType.Float32, [6, 3], length: 8, position: 0, count: 8);
            yield return Next(DType.UInt8, [6, 3], length: 9, position: 5, count: 4);
            yield return Next(DType.Int32, [6], length: 9, position: 8, count: 1);
            yield return new OperatorCase("two tables at one position", b =>
            {
                Exact(b);
                var indices = b.Indices(DType.Int32, [10], 6);
                var position = b.Given(DType.Int64, [], [3]);
                var images = Gather.Next(b.Indices(DType.UInt8, [6, 2, 3], 256), indices, position, 4, advance: false);
                var labels = Gather.Next(b.Indices(DType.Int32, [6], 10), indices, position, 4, advance: true);
                b.Store("images", images);
                b.Store("labels", labels);
                return Gather.Next(b.Input([6, 2], differentiable: false), indices, position, 3, advance: true);
            });
            yield return new OperatorCase("rows of a computed table", b =>
            {
                b.ReductionLength = 1;
                return Activations.Relu(Gather.Rows(b.Input([5, 4]) * 2f, b.Indices(DType.Int32, [6], 5))) + 1f;
            });
            foreach (var padding in new[] { -1, 0, 2 })
            {
                yield return Table([5, 3], 9, padding);
                yield return Sums([5, 3], 9, padding);
            }

            yield return Table([1, 1], 1, -1);
            yield return Table([300, 2], 700, 7);  // more indices than places of one block
            yield return Table([3, 2, 5], 4, 1);
            yield return Table([4], 6, -1);
            yield return Table([10, 70], 40, -1);
            yield return Table([2, 300], 33, 0);
            yield return Table([6, 3], 0, -1);
            yield return Table([6, 0], 4, -1);
            yield return Sums([5000, 3], 7, -1);
            yield return new OperatorCase("one row takes all", b =>
            {
                b.ReductionLength = 600;
                b.Magnitude = 1;
                b.MayBeZero = true;
                return Gather.ScatterAddRows(b.Input([600, 2]), b.Given(DType.Int32, [600], new double[600]), 3);
            });
            foreach (var dtype in _dataTypes) yield return AlongOf(dtype, [4, 5, 3], 1, 7);
            foreach (var axis in new[] { 0, 1, 2 })
            {
                yield return AlongOf(DType.Float32, [4, 5, 3], axis, 2);
                yield return AlongSums([4, 5, 3], axis, 6);
            }

            yield return AlongOf(DType.Float32, [1], 0, 1);
            yield return AlongOf(DType.Float32, [9], 0, 30);
            yield return AlongOf(DType.Float32, [3, 1, 17], 1, 4);
            yield return AlongOf(DType.Float32, [2, 400], 1, 500);
            yield return AlongOf(DType.Float32, [40, 33], 0, 50);
            yield return AlongOf(DType.Float32, [3, 5], 1, 0);
            yield return AlongOf(DType.Float32, [0, 5], 1, 3);
            yield return AlongSums([3, 0], 1, 4);
            yield return AlongSums([2, 700], 1, 900);
        }
    }

    public static IEnumerable<BadCase> BadCases =>
    [
        new("indices as numbers", "indices is Float32, expected Int32", b => Gather.Rows(b.Input([3, 2]), b.Input([4]))),
        new("a matrix of indices", "indices has rank 2, expected 1", b => Gather.Rows(b.Input([3, 2]), b.Indices(DType.Int32, [4, 1], 3))),
        new("one number", "the table is one number", b => Gather.Rows(b.Input([]), b.Indices(DType.Int32, [4], 1))),
        new("a position of another shape", "position is (1), expected ()", b => Next(b, b.Indices(DType.Int64, [1], 2), 2)),
        new("a position of another type", "position is Int32, expected Int64", b => Next(b, b.Indices(DType.Int32, [], 2), 2)),
        new("no such padding index", "the padding index 3 is no row of the table (3, 2)", b => Gather.Rows(b.Input([3, 2]), b.Indices(DType.Int32, [4], 3), 3)),
        new("sums of whole numbers", "source is Int32, expected Float32", b => Gather.ScatterAddRows(b.Indices(DType.Int32, [4], 3), b.Indices(DType.Int32, [4], 3), 3)),
        new("sums of a number", "the source is one number", b => Gather.ScatterAddRows(b.Input([]), b.Indices(DType.Int32, [4], 3), 3)),
        new("sums by other indices", "indices is (3), expected (4)", b => Gather.ScatterAddRows(b.Input([4, 2]), b.Indices(DType.Int32, [3], 3), 3)),
        new("no such axis", "axis 2 does not exist; input is (3, 2)", b => Gather.Along(b.Input([3, 2]), b.Indices(DType.Int32, [3, 2], 2), 2)),
        new("indices of another rank", "indices has rank 1, expected 2", b => Gather.Along(b.Input([3, 2]), b.Indices(DType.Int32, [3], 2), 1)),
        new("indices of another extent", "indices is (4, 5), expected (3, 5)", b => Gather.Along(b.Input([3, 2]), b.Indices(DType.Int32, [4, 5], 2), 1)),
        new("indices of another type", "indices is Int64, expected Int32", b => Gather.Along(b.Input([3, 2]), b.Indices(DType.Int64, [3, 2], 2), 1)),
        new("sums along by other indices", "indices is (3, 2), expected (3, 4)", b => Gather.ScatterAddAlong(b.Input([3, 4]), b.Indices(DType.Int32, [3, 2], 2), 1, 5)),
        new("too many rows", "5 rows are asked for, but indices are (4)", b => Next(b, b.Indices(DType.Int64, [], 1), 5)),
    ];

    public static OperatorCase Random(System.Random random)
    {
        var dtype = _dataTypes[random.Next(_dataTypes.Length)];
        Shape shape = [random.Next(1, 9), .. Enumerable.Range(0, random.Next(0, 4)).Select(_ => (long)random.Next(1, 6))];
        var length = random.Next(1, 20);
        var position = random.Next(length);
        return random.Next(6) switch
        {
            0 => Rows(dtype, shape, length),
            1 => Next(dtype, shape, length, position, random.Next(0, length - position + 1)),
            2 => Table(shape, length, random.Next(-1, (int)shape[0])),
            3 => Sums(shape, length, random.Next(-1, (int)shape[0])),
            4 => AlongOf(DType.Float32, shape, random.Next(shape.Rank), length),
            _ => AlongSums(shape, random.Next(shape.Rank), random.Next(1, 9)),
        };
    }

    private static OperatorCase Table(Shape shape, long count, int padding) => new($"{count} rows of a table {shape} without {padding}", b =>
    {
        b.MayBeZero = true;

        // A square, so that there is a second derivative; the padding row's gradient is 0 by decree, not by nature.
        var table = b.Input(shape, differentiable: padding < 0);
        var rows = Gather.Rows(table, b.Indices(DType.Int32, [count], (int)shape[0]), padding);
        return padding < 0 ? rows * rows : rows;
    });

    private static OperatorCase Sums(Shape shape, long count, int padding) => new($"{count} rows added to {shape} without {padding}", b =>
    {
        b.ReductionLength = count;
        b.Magnitude = 1;
        b.MayBeZero = true;
        var sums = Gather.ScatterAddRows(b.Input(shape.With(0, count)), b.Indices(DType.Int32, [count], (int)shape[0]), shape[0], padding);
        return sums * sums;
    });

    private static OperatorCase AlongOf(DType dtype, Shape shape, int axis, long count) => new($"{count} of {dtype} {shape} along {axis}", b =>
    {
        b.MayBeZero = true;
        var indices = b.Indices(DType.Int32, shape.With(axis, count), (int)shape[axis]);
        if (dtype != DType.Float32)
        {
            b.ReductionLength = 0;
            b.HasDerivative = false;
            return Gather.Along(b.Indices(dtype, shape, 120), indices, axis);
        }

        var y = Gather.Along(b.Input(shape), indices, axis);
        return y * y;
    });

    private static OperatorCase AlongSums(Shape source, int axis, long extent) => new($"{source} added to {extent} along {axis}", b =>
    {
        b.ReductionLength = source[axis];
        b.Magnitude = 1;
        b.MayBeZero = true;
        var sums = Gather.ScatterAddAlong(b.Input(source), b.Indices(DType.Int32, source, (int)extent), axis, extent);
        return sums * sums;
    });

    private static Value Next(CaseBuilder b, Value position, long count) =>
        Gather.Next(b.Input([3, 2]), b.Indices(DType.Int32, [4], 3), position, count, advance: true);

    private static OperatorCase Rows(DType dtype, Shape shape, long count) => new($"{count} rows of {dtype} {shape}", b =>
    {
        Exact(b);
        return Gather.Rows(b.Indices(dtype, shape, 120), b.Indices(DType.Int32, [count], (int)shape[0]));
    });

    private static OperatorCase Next(DType dtype, Shape shape, long length, long position, long count) =>
        new($"{count} of {length} rows of {dtype} {shape} at {position}", b =>
        {
            Exact(b);
            return Gather.Next(
                b.Indices(dtype, shape, 120), b.Indices(DType.Int32, [length], (int)shape[0]), b.Given(DType.Int64, [], [position]), count, advance: true);
        });

    private static void Exact(CaseBuilder b)
    {
        b.ReductionLength = 0;
        b.HasDerivative = false;
        b.MayBeZero = true;
    }
}

internal sealed class GatherTests : OperatorTests<GatherCases>
{
    [TestCaseSource(typeof(TestDevices), nameof(TestDevices.Names))]
    public void Runs_go_through_a_list_and_a_run_past_its_end_is_named(string name)
    {
        using var run = new Batches(TestDevices.Get(name), rows: 5, count: 2);
        Assert.That(run.Take([3, 1, 4, 0, 2], 0), Is.EqualTo(new[] { 30, 10 }));
        Assert.That(run.Take(), Is.EqualTo(new[] { 40, 0 }));
        Assert.That(Assert.Throws<DeepNativeException>(() => run.Take())!.Message, Does.Contain("rows 4 to 5 are outside the 5 indices"));
        Assert.That(run.Take([4, 4, 4, 1, 0], 3), Is.EqualTo(new[] { 10, 0 }));
        Assert.That(Assert.Throws<DeepNativeException>(() => run.Take([0, 0, 0, 0, 0], -1))!.Message, Does.Contain("rows -1 to 0"));
        Assert.That(run.Take([2, 2, 2, 2, 2], 0), Is.EqualTo(new[] { 20, 20 }));
    }

    [Test]
    public void An_index_outside_the_table_fails_the_run_and_is_named(
        [ValueSource(typeof(TestDevices), nameof(TestDevices.Names))] string name, [Values(5, -1, int.MinValue)] int index)
    {
        using var run = new Batches(TestDevices.Get(name), rows: 5, count: 3);
        var error = Assert.Throws<DeepNativeException>(() => run.Take([0, 4, index, index, 1], 1))!;
        Assert.That(error.Message, Does.Contain($"index {index} of row 1 is outside the rows 0 to 4"));
        Assert.That(run.Take([0, 4, 3, 2, 1], 1), Is.EqualTo(new[] { 40, 30, 20 }));
    }

    [Test]
    public void A_table_at_a_position_has_no_gradient()
    {
        var b = new CaseBuilder(device: null);
        var x = b.Input([3, 2]);
        var y = Reduce.Sum(Gather.Next(x, b.Indices(DType.Int32, [4], 3), b.Given(DType.Int64, [], [0]), 2, advance: true));
        Assert.That(() => b.Graph.Gradients(y, [x]), Throws.TypeOf<NotSupportedException>().With.Message.Contains("Gather"));
    }

    [Test]
    public void Sums_and_elements_name_an_index_outside_their_range(
        [ValueSource(typeof(TestDevices), nameof(TestDevices.Names))] string name, [Values(3, -1, int.MaxValue)] int index)
    {
        var device = TestDevices.Get(name);
        foreach (var (text, apply) in new (string, Func<Value, Value, Value>)[]
        {
            ($"index {index} of row 2 is outside the rows 0 to 2", (x, i) => Gather.ScatterAddRows(x, i, 3)),
            ($"index {index} of element 2 is outside 0 to 2", (x, i) => Gather.Along(x, i, 0)),
            ($"index {index} of element 2 is outside 0 to 2", (x, i) => Gather.ScatterAddAlong(Reshape.To(Pointwise.Cast(i, DType.Float32), i.Shape), i, 0, 3)),
        })
        {
            var graph = new Graph(training: false);
            using var x = new Tensor(device, DType.Float32, text.Contains("row") ? [5, 2] : [3]);
            using var indices = new Tensor(device, DType.Int32, [5]);
            var y = apply(graph.Bind(x, "x"), graph.Bind(indices, "indices"));
            using var result = new Tensor(device, DType.Float32, y.Shape);
            graph.Store(y, result);
            using var program = graph.Compile(device);
            indices.Write<int>([0, 1, index, index, 2]);
            var error = Assert.Throws<DeepNativeException>(() =>
            {
                program.Run();
                device.Synchronize();
            })!;
            Assert.That(error.Message, Does.Contain(text));
            indices.Write<int>([0, 1, 1, 0, 2]);
            program.Run();
            device.Synchronize();
        }
    }

    [Test]
    public void A_padding_row_gets_no_gradient()
    {
        var b = new CaseBuilder(device: null);
        var x = b.Given(DType.Float32, [3], [5, 6, 7]);
        var y = Reduce.Sum(Gather.Rows(x, b.Given(DType.Int32, [4], [1, 2, 1, 1], differentiable: false), paddingIndex: 1));
        b.Store("gradient", b.Graph.Gradients(y, [x])[0]);
        Assert.That(OperatorChecks.Run(b.Graph.Nodes, b)["gradient"], Is.EqualTo(new[] { 0.0, 0, 1 }));
    }

    [Test]
    public void A_position_that_is_no_tensor_is_refused()
    {
        var b = new CaseBuilder(device: null);
        var position = Pointwise.Cast(b.Input([]), DType.Int64);
        Assert.That(
            () => Gather.Next(b.Input([3, 2]), b.Indices(DType.Int32, [4], 3), position, 2, advance: true),
            Throws.ArgumentException.With.Message.Contains("would be overwritten"));
    }

    // The rows of {0, 10, 20, ...} that a list names, some in a run.
    private sealed class Batches : IDisposable
    {
        private readonly Device _device;
        private readonly Tensor _table;
        private readonly Tensor _indices;
        private readonly Tensor _position;
        private readonly Tensor _result;
        private readonly CompiledProgram _program;

        public Batches(Device device, int rows, int count)
        {
            _device = device;
            _table = new Tensor(device, DType.Int32, [rows]);
            _table.Write<int>([.. Enumerable.Range(0, rows).Select(row => 10 * row)]);
            _indices = new Tensor(device, DType.Int32, [5]);
            _position = new Tensor(device, DType.Int64, []);
            _result = new Tensor(device, DType.Int32, [count]);
            var graph = new Graph(training: false);
            var (table, indices, position) = (graph.Bind(_table, "table"), graph.Bind(_indices, "indices"), graph.Bind(_position, "position"));
            graph.Store(Gather.Next(table, indices, position, count, advance: true), _result);
            _program = graph.Compile(device);
        }

        public int[] Take(int[]? indices = null, long position = 0)
        {
            if (indices is not null)
            {
                _indices.Write<int>(indices);
                _position.Write<long>([position]);
            }

            _program.Run();
            _device.Synchronize();
            return _result.ToArray<int>();
        }

        public void Dispose()
        {
            _program.Dispose();
            foreach (var tensor in new[] { _table, _indices, _position, _result }) tensor.Dispose();
        }
    }
}
