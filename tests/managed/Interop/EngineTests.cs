using System.Runtime.InteropServices;
using DeepNative.Interop;
using NativeDType = DeepNative.Interop.DType;

namespace DeepNative.Tests.Interop;

/// <summary>The bindings against the real engine, on the CPU device.</summary>
internal sealed unsafe class EngineTests
{
    private DeviceHandle _device = null!;

    [OneTimeSetUp]
    public void Open() => _device = Native.DeviceOpen("cpu", new DeviceOptions { ThreadCount = 1 });

    [OneTimeTearDown]
    public void Close() => _device?.Dispose();

    [Test]
    public void Version_is_three_numbers() => Assert.That(Native.Version(), Does.Match(@"^\d+\.\d+\.\d+$"));

    [Test]
    public void Devices_are_listed_with_their_texts()
    {
        var devices = Enumerable.Range(0, Native.DeviceCount()).Select(Native.DeviceDescribe).ToList();
        var cpu = devices.Single(d => d.Name.ToString() == "cpu");
        Assert.That(cpu.Available, Is.EqualTo(1));
        Assert.That(cpu.Capabilities & Capability.HostMemory, Is.EqualTo(Capability.HostMemory));
        Assert.That(cpu.Description.ToString(), Is.Not.Empty);
        Assert.That(Native.DeviceGetInfo(_device).ThreadCount, Is.EqualTo(1));
    }

    [Test]
    public void An_unknown_device_lists_the_known_ones()
    {
        var error = Assert.Throws<DeepNativeException>(() => Native.DeviceOpen("tpu", null))!;
        Assert.That(error.Status, Is.EqualTo(Status.NotFound));
        Assert.That(error.Message, Does.Contain("tpu").And.Contain("cpu"));
    }

    [Test]
    public void A_struct_of_another_size_is_refused()
    {
        var options = new DeviceOptions { StructSize = 3 };
        var error = Assert.Throws<DeepNativeException>(() => Native.DeviceOpen("cpu", options))!;
        Assert.That(error.Status, Is.EqualTo(Status.InvalidArgument));
        Assert.That(error.Message, Does.Contain("struct_size"));
    }

    [Test]
    public void Data_written_is_read_back_and_described()
    {
        float[] values = [1, -2, float.NaN, 4, 5, 6];
        using var tensor = Native.TensorCreate(_device, NativeDType.Float32, [2, 3]);
        Native.TensorWrite(tensor, MemoryMarshal.AsBytes<float>(values));
        var read = new float[6];
        Native.TensorRead(tensor, MemoryMarshal.AsBytes(read.AsSpan()));
        Assert.That(read, Is.EqualTo(values));

        var info = Native.TensorGetInfo(tensor);
        Assert.That((info.DType, info.Rank, info.Bytes), Is.EqualTo((NativeDType.Float32, 2, 24L)));
        Assert.That((info.Dims[0], info.Dims[1], info.Dims[2]), Is.EqualTo((2L, 3L, 0L)));
        Assert.That(info.Layout.ToString(), Is.EqualTo("row-major"));
    }

    [Test]
    public void A_scalar_has_no_dimensions()
    {
        using var tensor = Native.TensorCreate(_device, NativeDType.Int64, []);
        var info = Native.TensorGetInfo(tensor);
        Assert.That((info.Rank, info.Bytes), Is.EqualTo((0, 8L)));
    }

    [Test]
    public void A_buffer_of_another_size_is_refused_with_both_sizes()
    {
        using var tensor = Native.TensorCreate(_device, NativeDType.Float32, [2, 3]);
        var error = Assert.Catch<DeepNativeException>(() => Native.TensorWrite(tensor, new byte[20]))!;
        Assert.That(error.Message, Does.Contain("20").And.Contain("24"));
    }

    [Test]
    public void More_memory_than_there_is_says_what_was_asked()
    {
        var error = Assert.Throws<OutOfDeviceMemoryException>(
            () => Native.TensorCreate(_device, NativeDType.Float64, [1L << 42]))!;
        Assert.That(error.Asked, Is.EqualTo(8L << 42), error.Message);
        Assert.That(error.Free, Is.Not.Null, error.Message);
    }

    [Test]
    public void A_released_handle_is_refused()
    {
        var tensor = Native.TensorCreate(_device, NativeDType.Float32, [1]);
        tensor.Dispose();
        Assert.That(() => Native.TensorZero(tensor), Throws.InstanceOf<ObjectDisposedException>());
    }

    [Test]
    public void Children_outlive_the_handle_of_their_device()
    {
        var device = Native.DeviceOpen("cpu", null);
        using var tensor = Native.TensorCreate(device, NativeDType.Float32, [4]);
        using var passed = Native.EventCreate(device);
        device.Dispose();
        Native.TensorWrite(tensor, MemoryMarshal.AsBytes<float>([1, 2, 3, 4]));
        Native.EventRecord(passed);
        Native.EventWait(passed);
        Assert.That(Native.EventQuery(passed), Is.EqualTo(1));
        var read = new float[4];
        Native.TensorRead(tensor, MemoryMarshal.AsBytes(read.AsSpan()));
        Assert.That(read, Is.EqualTo(new float[] { 1, 2, 3, 4 }));
    }

    [Test]
    public void Each_thread_has_its_own_last_error()
    {
        Assert.That(() => Native.DeviceOpen("first", null), Throws.InstanceOf<DeepNativeException>());
        var other = new Thread(() => Assert.That(() => Native.DeviceOpen("second", null), Throws.InstanceOf<DeepNativeException>()));
        other.Start();
        other.Join();
        Assert.That(Native.LastError(), Does.Contain("first").And.Not.Contain("second"));
    }

    [Test]
    public void A_program_runs_and_its_calls_allocate_nothing()
    {
        using var program = Native.ProgramCreate(_device, "relu");
        using var x = Native.TensorCreate(_device, NativeDType.Float32, [4]);
        using var y = Native.TensorCreate(_device, NativeDType.Float32, [4]);
        Native.TensorWrite(x, MemoryMarshal.AsBytes<float>([-1, 0, 2, float.NaN]));
        AddRelu(program, "layer1", Native.ProgramBind(program, x, "x"), Native.ProgramBind(program, y, "y"));
        Native.ProgramCompile(program, null);
        using var passed = Native.EventCreate(_device);

        for (var i = 0; i < 100; i++)  // past the first calls, which bind the imports
            Step();
        var before = GC.GetAllocatedBytesForCurrentThread();
        for (var i = 0; i < 100; i++)
            Step();
        Assert.That(GC.GetAllocatedBytesForCurrentThread() - before, Is.Zero);

        var read = new float[4];
        Native.TensorRead(y, MemoryMarshal.AsBytes(read.AsSpan()));
        Assert.That(read, Is.EqualTo(new float[] { 0, 0, 2, float.NaN }));

        void Step()
        {
            Native.ProgramRun(program);
            Native.EventRecord(passed);
            Native.EventQuery(passed);
        }
    }

    [Test]
    public void A_failing_operator_is_named_even_by_a_long_name()
    {
        using var program = Native.ProgramCreate(_device, "bad");
        var name = string.Concat(Enumerable.Repeat("couché", 60));  // 420 bytes: cut at a whole character
        var id = Native.ProgramTensor(program, NativeDType.Float32, [4], null);
        var error = Assert.Catch<DeepNativeException>(() => AddRelu(program, name, 99, id))!;
        Assert.That(error.Operator, Is.Not.Null, error.Message);
        Assert.That(name, Does.StartWith(error.Operator));
        Assert.That(error.Operator, Has.Length.GreaterThan(200));
    }

    private static void AddRelu(ProgramHandle program, string name, int input, int output)
    {
        Span<Instruction> instructions =
        [
            new() { Opcode = Opcode.Input, A = 0 },
            new() { Opcode = Opcode.Constant, Value = 0 },
            new() { Opcode = Opcode.Max, A = 0, B = 1 },
            new() { Opcode = Opcode.Output, A = 2, B = 0 },
        ];
        fixed (Instruction* pointer = instructions)
        {
            var attributes = new PointwiseAttributes { InstructionCount = instructions.Length, Instructions = pointer };
            Native.ProgramOperator(program, OperatorKind.Pointwise, name, attributes, [input], [output]);
        }
    }
}
