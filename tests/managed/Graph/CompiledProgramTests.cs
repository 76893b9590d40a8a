using DeepNative.Operators;
using DeepNative.Tests.Operators;

namespace DeepNative.Tests.Graphs;

internal sealed class CompiledProgramTests
{
    [TestCaseSource(typeof(TestDevices), nameof(TestDevices.Names))]
    public void A_run_allocates_nothing(string name)
    {
        var device = TestDevices.Get(name);
        using var program = Linear(device, rows: 16, out _, out _);
        for (var i = 0; i < 10; i++) program.Run();
        var native = device.Memory.AllocationCount;
        var managed = GC.GetAllocatedBytesForCurrentThread();
        for (var i = 0; i < 100; i++) program.Run();
        Assert.That(GC.GetAllocatedBytesForCurrentThread() - managed, Is.Zero, "managed bytes");
        Assert.That(device.Memory.AllocationCount - native, Is.Zero, "native allocations");
    }

    [Test]
    public void Use_after_dispose_is_refused()
    {
        var program = Linear(TestDevice.Cpu, rows: 2, out _, out _);
        program.Dispose();
        program.Dispose();
        Assert.That(() => program.Run(), Throws.TypeOf<ObjectDisposedException>());
        Assert.That(() => program.Report(), Throws.TypeOf<ObjectDisposedException>());
        Assert.That(() => program.Profile = true, Throws.TypeOf<ObjectDisposedException>());
    }

    [TestCaseSource(typeof(TestDevices), nameof(TestDevices.Names))]
    public void Programs_share_their_tensors(string name)
    {
        var device = TestDevices.Get(name);
        using var state = new Tensor(device, DType.Float32, [2]);
        using var result = new Tensor(device, DType.Float32, [2]);
        var writer = new Graph(training: true);
        writer.Store(writer.Bind(state, "state") + 1f, state);
        var reader = new Graph(training: false);
        reader.Store(reader.Bind(state, "state") * 10f, result);
        using var write = writer.Compile(device);
        using var read = reader.Compile(device);
        write.Run();
        write.Run();
        read.Run();
        Assert.That(result.ToArray<float>(), Is.EqualTo(new[] { 20f, 20f }));
    }

    [TestCaseSource(typeof(TestDevices), nameof(TestDevices.Names))]
    public void A_stored_value_stays_whole_for_readers_behind_the_next_stores_producer(string name)
    {
        var device = TestDevices.Get(name);
        using var x = new Tensor(device, DType.Float32, [2, 2]);
        using var target = new Tensor(device, DType.Float32, [2, 2]);
        using var result = new Tensor(device, DType.Float32, [2, 2]);
        x.Write<float>([1, 0, 0, 1]);
        var graph = new Graph(training: false);
        var input = graph.Bind(x, "x");
        var first = MatMul.Multiply(input, input) * 2f;
        graph.Store(first, target);
        var second = Reduce.Sum(input, [0], keepDims: true) * input;
        graph.Store(MatMul.Multiply(first, first), result);
        graph.Store(second, target);
        using var program = graph.Compile(device);
        program.Run();
        Assert.That(result.ToArray<float>(), Is.EqualTo(new float[] { 4, 0, 0, 4 }));
        Assert.That(target.ToArray<float>(), Is.EqualTo(new float[] { 1, 0, 0, 1 }));
    }

    // Each is made of all of them before, its own last: the next one's is read again, behind the first one's store.
    [TestCaseSource(typeof(TestDevices), nameof(TestDevices.Names))]
    public void Tensors_that_one_operator_updates_in_place_see_each_other_as_they_were(string name)
    {
        const int Count = 8;
        var device = TestDevices.Get(name);
        var tensors = new Tensor[Count];
        var graph = new Graph(training: false);
        for (var i = 0; i < Count; i++)
        {
            tensors[i] = new Tensor(device, DType.Float32, [1000]);
            tensors[i].Write<float>(Enumerable.Range(0, 1000).Select(k => (float)(i + k)).ToArray());
        }

        var before = Array.ConvertAll(tensors, tensor => graph.Bind(tensor, "x"));
        var after = new Value[Count];
        for (var i = 0; i < Count; i++)
        {
            after[i] = before[(i + 1) % Count];
            for (var j = 2; j <= Count; j++) after[i] = after[i] * 0.5f + before[(i + j) % Count];
        }

        for (var i = 0; i < Count; i++) graph.Store(after[i], tensors[i]);
        using (var program = graph.Compile(device)) program.Run();
        for (var i = 0; i < Count; i++)
        {
            var expected = Enumerable.Range(0, 1000).Select(k =>
            {
                var value = (float)((i + 1) % Count + k);
                for (var j = 2; j <= Count; j++) value = value * 0.5f + ((i + j) % Count + k);
                return value;
            }).ToArray();
            Assert.That(tensors[i].ToArray<float>(), Is.EqualTo(expected).Within(1e-3), $"tensor {i}");
            tensors[i].Dispose();
        }
    }

    // What is handed on as it is may be read after its tensor was written.
    [TestCaseSource(typeof(TestDevices), nameof(TestDevices.Names))]
    public void A_tensor_takes_on_what_another_was(string name)
    {
        var device = TestDevices.Get(name);
        using var now = new Tensor(device, DType.Float32, [3]);
        using var last = new Tensor(device, DType.Float32, [3]);
        now.Write<float>([1, 2, 3]);
        var graph = new Graph(training: false);
        var value = graph.Bind(now, "now");
        graph.Store(value, last);
        graph.Store(value * 2f, now);
        using var program = graph.Compile(device);
        program.Run();
        program.Run();
        Assert.That(last.ToArray<float>(), Is.EqualTo(new float[] { 2, 4, 6 }));
        Assert.That(now.ToArray<float>(), Is.EqualTo(new float[] { 4, 8, 12 }));
    }

    [TestCaseSource(typeof(TestDevices), nameof(TestDevices.Names))]
    public void A_program_outlives_its_tensors_and_device_objects(string name)
    {
        var device = Device.Open(name, threads: 1);
        var program = Linear(device, rows: 2, out var x, out var y);
        x.Write<float>(Enumerable.Repeat(1f, 16).ToArray());
        x.Dispose();
        device.Dispose();
        program.Run();
        Assert.That(y.ToArray<float>(), Is.All.EqualTo(0f));
        program.Dispose();
        y.Dispose();
    }

    [TestCaseSource(typeof(TestDevices), nameof(TestDevices.Names))]
    public void The_report_says_what_was_compiled_and_how_long_it_took(string name)
    {
        using var program = Linear(TestDevices.Get(name), rows: 64, out _, out _);
        program.Run();
        Assert.That(program.Profile, Is.False);
        program.Profile = true;
        program.Run();
        program.Run();
        program.Profile = false;
        program.Run();
        var report = program.Report();
        Assert.That((report.RunCount, report.ProfiledRunCount), Is.EqualTo((4L, 2L)));
        Assert.That(report.PersistentBytes, Is.AtLeast(64 * 8 * 4));
        var entry = report.Entries.Single(e => e.Kind == "Matmul");
        Assert.That(entry.Name, Does.Contain("fc1"));
        Assert.That(entry.Kernel, Is.Not.Empty);
        Assert.That(entry.Shape, Does.Contain("(64"));
        Assert.That(entry.Operations, Is.EqualTo(2L * 64 * 8 * 4));
        Assert.That(entry.TotalMicroseconds, Is.GreaterThan(0));
        Assert.That(entry.CandidateCount, Is.AtLeast(1));
    }

    [Test]
    public void A_second_thread_in_a_run_is_told_so()
    {
        var device = TestDevice.Cpu;
        using var program = Linear(device, rows: 200_000, out _, out _);
        var busy = 0;
        var other = new List<Exception>();
        using var start = new Barrier(2);
        void Run()
        {
            start.SignalAndWait();
            for (var i = 0; i < 200 && Volatile.Read(ref busy) == 0; i++)
            {
                try
                {
                    program.Run();
                }
                catch (DeepNativeException e) when (e.Status == Status.Busy)
                {
                    Interlocked.Increment(ref busy);
                }
                catch (Exception e) when (e is not OutOfMemoryException)
                {
                    lock (other) other.Add(e);
                }
            }
        }

        var thread = new Thread(Run);
        thread.Start();
        Run();
        thread.Join();
        Assert.That(other, Is.Empty);
        Assert.That(busy, Is.AtLeast(1));
        Assert.That(() => program.Run(), Throws.Nothing);
    }

    [Test]
    public void Compiling_for_a_device_that_is_gone_is_refused()
    {
        _ = TestDevice.Cpu;
        var device = Device.Open("cpu", threads: 1);
        device.Dispose();
        Assert.That(() => new Graph(training: false).Compile(device), Throws.TypeOf<ObjectDisposedException>());
    }

    // y = relu(x W^T): x (rows, 8), y (rows, 4), W zeros
    private static CompiledProgram Linear(Device device, int rows, out Tensor x, out Tensor y)
    {
        x = new Tensor(device, DType.Float32, [rows, 8]);
        y = new Tensor(device, DType.Float32, [rows, 4]);
        var weight = new Tensor(device, DType.Float32, [4, 8]);
        var graph = new Graph(training: false, "linear");
        using (graph.Scope("fc1"))
            graph.Store(Activations.Relu(MatMul.Multiply(graph.Bind(x, "x"), graph.Bind(weight, "weight"), transposeB: true)), y);
        return graph.Compile(device);
    }
}
