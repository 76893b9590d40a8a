using DeepNative.Tests.Operators;

namespace DeepNative.Tests.Core;

internal sealed class DeviceTests
{
    [Test]
    public void The_cpu_is_listed_and_described()
    {
        var device = TestDevice.Cpu;
        var cpu = Device.List().Single(info => info.Name == "cpu");
        Assert.That(cpu.IsAvailable, Is.True);
        Assert.That(cpu.UsesHostMemory, Is.True);
        Assert.That(cpu.Description, Is.Not.Empty);
        Assert.That(device.Info.ThreadCount, Is.AtLeast(1));
        Assert.That(device.Info.MemoryBytes, Is.AtLeast(1L << 20));
        Assert.That(device.ToString(), Does.StartWith("cpu ("));
    }

    [Test]
    public void An_unknown_device_lists_the_known_ones()
    {
        _ = TestDevice.Cpu;
        var error = Assert.Throws<DeepNativeException>(() => Device.Open("tpu"))!;
        Assert.That(error.Status, Is.EqualTo(Status.NotFound));
        Assert.That(error.Message, Does.Contain("cpu"));
        Assert.That(() => Device.Open("cpu", -1), Throws.InstanceOf<ArgumentOutOfRangeException>());
        Assert.That(() => Device.Open(""), Throws.ArgumentException);
    }

    [Test]
    public void The_best_device_opens()
    {
        _ = TestDevice.Cpu;
        using var device = Device.Best(threads: 1);
        Assert.That(device.Info.IsAvailable, Is.True);
    }

    [Test]
    public void Memory_is_counted()
    {
        _ = TestDevice.Cpu;
        using var device = Device.Open("cpu", threads: 1);
        var before = device.Memory;
        var tensor = new Tensor(device, DType.Float32, [1 << 20]);
        Assert.That(device.Memory.UsedBytes - before.UsedBytes, Is.AtLeast(4 << 20));
        Assert.That(device.Memory.LiveCount, Is.GreaterThan(before.LiveCount));
        tensor.Dispose();
        Assert.That(device.Memory.UsedBytes, Is.EqualTo(before.UsedBytes));
        Assert.That(device.Memory.PeakBytes, Is.AtLeast(before.UsedBytes + (4 << 20)));
        device.Trim();
        device.Synchronize();
    }
}
