namespace DeepNative.Tests.Operators;

/// <summary>The device that the tests compare with the reference.</summary>
internal static class TestDevice
{
    private static readonly Lazy<Device> _cpu = new(() => Device.Open("cpu"));

    public static Device Cpu => _cpu.Value;
}
