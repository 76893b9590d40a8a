using System.Reflection;
using System.Runtime.InteropServices;
using DeepNative.Interop;

namespace DeepNative.Tests.Interop;

internal sealed class HandleTests
{
    private static Type[] HandleTypes =>
        [.. typeof(Native).Assembly.GetTypes().Where(t => t.IsSubclassOf(typeof(SafeHandle)))];

    [Test]
    public void The_five_handles_exist() =>
        Assert.That(HandleTypes.Select(t => t.Name), Is.EquivalentTo(
            new[] { "DeviceHandle", "TensorHandle", "EventHandle", "ProgramHandle", "ReportHandle" }));

    [TestCaseSource(nameof(HandleTypes))]
    public void A_handle_is_sealed_internal_and_starts_invalid(Type type)
    {
        Assert.That(type.IsSealed && type.IsNotPublic);
        Assert.That(type.GetConstructor(BindingFlags.Public | BindingFlags.Instance, []), Is.Not.Null);
        using var handle = (SafeHandle)Activator.CreateInstance(type)!;
        Assert.That(handle.IsInvalid);
    }

    [Test]
    public void A_disposed_handle_is_refused_before_the_call()
    {
        var handle = new DeviceHandle();
        handle.Dispose();
        // The library need not exist: the handle is checked first.
        Assert.That(() => Native.DeviceSynchronize(handle),
                    Throws.InstanceOf<ObjectDisposedException>());
    }
}
