namespace DeepNative.Tests.Training;

/// <summary>The device that the tests of this folder train on.</summary>
internal static class TestMachine
{
    /// <summary>The CPU, with one thread: the nets are tiny.</summary>
    internal static Device Open() => Device.Open("cpu", threads: 1);
}
