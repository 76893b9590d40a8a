using DeepNative.Interop;

namespace DeepNative.Tests.Interop;

internal sealed class ExceptionTests
{
    [Test]
    public void Every_status_becomes_its_exception([Values] Status status)
    {
        var exception = StatusCheck.Create(status, "text");
        var type = status switch
        {
            Status.ShapeMismatch => typeof(ShapeException),
            Status.OutOfMemory => typeof(OutOfDeviceMemoryException),
            Status.DeviceLost => typeof(DeviceLostException),
            _ => typeof(DeepNativeException),
        };
        Assert.That(exception, Is.TypeOf(type));
        Assert.That(exception.Status, Is.EqualTo(status));
        Assert.That(exception.Message, Is.EqualTo("text"));
    }

    [Test]
    public void Ok_passes() => Assert.That(() => Status.Check(Status.Ok), Throws.Nothing);

    [TestCase("operator 'conv2' (Conv2d): weight is (64,3,3,3), expected (64,16,3,3)", "conv2")]
    [TestCase("no device named 'tpu'; known: cpu", null)]
    public void The_operator_is_read_from_the_text(string message, string? name) =>
        Assert.That(new DeepNativeException(Status.InvalidArgument, message).Operator, Is.EqualTo(name));

    [TestCase("asked for 4096 bytes, 1024 bytes are free", 4096L, 1024L)]
    [TestCase("device 'cpu' was asked for 3 MiB; 2 KiB are free, 0 MiB are used", 3L << 20, 2048L)]
    [TestCase("asked for 4096 bytes", 4096L, null)]
    [TestCase("asked for 9000000000000000000 MiB, 1 GiB is free", null, 1L << 30)]
    [TestCase("out of memory", null, null)]
    [TestCase("asked for 99999999999999999999 bytes", null, null)]
    public void The_amounts_are_read_from_the_text(string message, long? asked, long? free)
    {
        var exception = new OutOfDeviceMemoryException(message);
        Assert.That(exception.Asked, Is.EqualTo(asked));
        Assert.That(exception.Free, Is.EqualTo(free));
    }

    [Test]
    public void A_layers_shape_error_names_layer_found_and_expected()
    {
        var exception = new ShapeException("block2.conv1", "(N, 3, H, W)", "(100, 1, 28, 28)");
        Assert.That(exception.Message, Is.EqualTo("block2.conv1: found (100, 1, 28, 28), expected (N, 3, H, W)"));
        Assert.That((exception.Layer, exception.Expected, exception.Found),
                    Is.EqualTo(("block2.conv1", "(N, 3, H, W)", "(100, 1, 28, 28)")));
    }
}
