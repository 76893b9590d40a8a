using DeepNative.Tests.Operators;

namespace DeepNative.Tests.Core;

internal sealed class TensorTests
{
    private static readonly (DType DType, int Size)[] _dataTypes =
    [
        (DType.Float32, 4), (DType.Float64, 8), (DType.Float16, 2), (DType.BFloat16, 2), (DType.UInt8, 1), (DType.Int32, 4), (DType.Int64, 8),
    ];

    [Test]
    public void Every_data_type_goes_in_and_out(
        [ValueSource(typeof(TestDevices), nameof(TestDevices.Names))] string name, [ValueSource(nameof(_dataTypes))] (DType DType, int Size) type)
    {
        var (dtype, size) = type;
        using var tensor = new Tensor(TestDevices.Get(name), dtype, [2, 3]);
        Assert.That(TensorNumbers.Read(tensor), Is.All.Zero);
        double[] numbers = [0, 1, 2, 3, 100, 127];
        TensorNumbers.Write(tensor, numbers);
        Assert.That(TensorNumbers.Read(tensor), Is.EqualTo(numbers));
        Assert.That(dtype.Size(), Is.EqualTo(size));
        Assert.That(tensor.Bytes, Is.EqualTo(6 * size));
        Assert.That(tensor.PhysicalBytes, Is.AtLeast(6 * size));
        Assert.That(tensor.Layout, Is.EqualTo("row-major"));
    }

    [TestCaseSource(typeof(TestDevices), nameof(TestDevices.Names))]
    public void Wrong_elements_are_refused(string name)
    {
        using var tensor = new Tensor(TestDevices.Get(name), DType.Float32, [3]);
        Assert.That(() => tensor.Write<float>([1f, 2f]), Throws.ArgumentException.With.Message.Contains("2 elements, a tensor of shape (3) has 3"));
        Assert.That(() => tensor.Write<int>([1, 2, 3]), Throws.ArgumentException.With.Message.Contains("Int32"));
        Assert.That(() => tensor.ToArray<double>(), Throws.ArgumentException.With.Message.Contains("Float32"));
        Assert.That(() => tensor.Read<float>(new float[4]), Throws.ArgumentException);
    }

    [TestCaseSource(typeof(TestDevices), nameof(TestDevices.Names))]
    public void Copy_and_zero(string name)
    {
        using var a = new Tensor(TestDevices.Get(name), DType.Int32, [4]);
        using var b = new Tensor(TestDevices.Get(name), DType.Int32, [4]);
        a.Write<int>([1, 2, 3, 4]);
        b.CopyFrom(a);
        a.Zero();
        Assert.That(a.ToArray<int>(), Is.All.Zero);
        Assert.That(b.ToArray<int>(), Is.EqualTo(new[] { 1, 2, 3, 4 }));
        using var c = new Tensor(TestDevices.Get(name), DType.Int32, [2, 2]);
        Assert.That(() => c.CopyFrom(a), Throws.TypeOf<ShapeException>().With.Message.Contains("(4)").And.Message.Contains("(2, 2)"));
    }

    [Test]
    public void Host_memory_is_shared_when_wrapped()
    {
        var numbers = new float[] { 1, 2, 3, 4 };
        using var tensor = Tensor.Wrap(TestDevice.Cpu, DType.Float32, [2, 2], numbers.AsMemory());
        Assert.That(tensor.ToArray<float>(), Is.EqualTo(numbers));
        numbers[2] = 30;
        Assert.That(tensor.ToArray<float>(), Is.EqualTo(new float[] { 1, 2, 30, 4 }));
        tensor.Zero();
        Assert.That(numbers, Is.All.Zero);
        Assert.That(() => Tensor.Wrap(TestDevice.Cpu, DType.Float32, [3], numbers.AsMemory()), Throws.ArgumentException);
        Assert.That(() => Tensor.Wrap(TestDevice.Cpu, DType.Int32, [4], numbers.AsMemory()), Throws.ArgumentException);
    }

    [Test]
    public void A_program_keeps_wrapped_memory_in_place_after_its_tensor_is_disposed()
    {
        var device = TestDevice.Cpu;
        using var result = new Tensor(device, DType.Float32, [3]);
        using var program = CompileOverWrapped(device, result);
        for (var i = 0; i < 5; i++)
        {
            GC.Collect(2, GCCollectionMode.Aggressive, blocking: true, compacting: true);
            GC.WaitForPendingFinalizers();
            _ = new byte[100_000];
            program.Run();
            Assert.That(result.ToArray<float>(), Is.EqualTo(new[] { 2f, 4f, 6f }));
        }
    }

    [TestCaseSource(typeof(TestDevices), nameof(TestDevices.Names))]
    public void Asynchronous_transfers_arrive(string name)
    {
        using var tensor = new Tensor(TestDevices.Get(name), DType.Float32, [1000]);
        var source = GC.AllocateArray<float>(1000, pinned: true);
        var target = GC.AllocateArray<float>(1000, pinned: true);
        for (var i = 0; i < source.Length; i++) source[i] = i;
        using var done = new DeviceEvent(TestDevices.Get(name));
        Assert.That(done.IsDone, Is.True, "never recorded");
        tensor.WriteAsync(source);
        tensor.ReadAsync(target);
        done.Record();
        done.Wait();
        Assert.That(done.IsDone, Is.True);
        Assert.That(target, Is.EqualTo(source));
    }

    [Test]
    public void Use_after_dispose_is_refused()
    {
        var tensor = new Tensor(TestDevice.Cpu, DType.Float32, [3]);
        var mark = new DeviceEvent(TestDevice.Cpu);
        tensor.Dispose();
        tensor.Dispose();
        mark.Dispose();
        Assert.That(() => tensor.Zero(), Throws.TypeOf<ObjectDisposedException>());
        Assert.That(() => tensor.ToArray<float>(), Throws.TypeOf<ObjectDisposedException>());
        Assert.That(() => mark.Record(), Throws.TypeOf<ObjectDisposedException>());
        Assert.That(() => mark.IsDone, Throws.TypeOf<ObjectDisposedException>());
        _ = TestDevice.Cpu;
        var device = Device.Open("cpu", threads: 1);
        device.Dispose();
        Assert.That(() => new Tensor(device, DType.Float32, [3]), Throws.TypeOf<ObjectDisposedException>());
        Assert.That(() => device.Synchronize(), Throws.TypeOf<ObjectDisposedException>());
        Assert.That(() => device.Memory, Throws.TypeOf<ObjectDisposedException>());
    }

    [TestCaseSource(typeof(TestDevices), nameof(TestDevices.Names))]
    public void A_tensor_outlives_its_device_object(string name)
    {
        var device = Device.Open(name, threads: 1);
        using var tensor = new Tensor(device, DType.Float32, [2]);
        device.Dispose();
        tensor.Write<float>([1, 2]);
        Assert.That(tensor.ToArray<float>(), Is.EqualTo(new float[] { 1, 2 }));
    }

    [TestCaseSource(typeof(TestDevices), nameof(TestDevices.Names))]
    public void Too_large_a_tensor_says_what_was_asked(string name)
    {
        var error = Assert.Throws<OutOfDeviceMemoryException>(() => _ = new Tensor(TestDevices.Get(name), DType.Float32, [1L << 45]))!;
        Assert.That(error.Asked, Is.EqualTo(4L << 45));
        Assert.That(() => new Tensor(TestDevices.Get(name), DType.Float64, [long.MaxValue]), Throws.TypeOf<OverflowException>());
    }

    private static CompiledProgram CompileOverWrapped(Device device, Tensor result)
    {
        using var input = Tensor.Wrap(device, DType.Float32, [3], new float[] { 1, 2, 3 }.AsMemory());
        var graph = new Graph(training: false);
        graph.Store(graph.Bind(input, "input") * 2f, result);
        return graph.Compile(device);
    }
}
