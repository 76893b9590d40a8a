namespace DeepNative.Tests.Operators;

/// <summary>The device that the tests compare with the reference; tests without the engine are skipped and say so.</summary>
internal static class TestDevice
{
    private static readonly Lazy<Device> _cpu = new(() => Device.Open("cpu"));

    public static Device Cpu
    {
        get
        {
            try
            {
                return _cpu.Value;
            }
            catch (NativeLibraryException e)
            {
                Assert.Ignore(e.Message);
                throw;
            }
        }
    }
}
