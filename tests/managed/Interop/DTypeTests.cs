using NativeDType = DeepNative.Interop.DType;

namespace DeepNative.Tests.Interop;

internal sealed class DTypeTests
{
    [Test]
    public void The_public_element_types_are_those_of_the_header()
    {
        Assert.That(Enum.GetNames<DType>(), Is.EqualTo(Enum.GetNames<NativeDType>()));
        Assert.That(Enum.GetValues<DType>().Select(t => (int)t), Is.EqualTo(Enum.GetValues<NativeDType>().Select(t => (int)t)));
    }
}
