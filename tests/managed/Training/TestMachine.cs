using DeepNative.Interop;

namespace DeepNative.Tests.Training;

/// <summary>The device that the tests of this folder train on.</summary>
internal static class TestMachine
{
    /// <summary>The CPU, with one thread: the nets are tiny. Without an engine the test is skipped.</summary>
    internal static Device Open()
    {
        try
        {
            return Device.Open("cpu", threads: 1);
        }
        catch (NativeLibraryException error)
        {
            Assert.Ignore(error.Message);
            throw;
        }
    }
}
