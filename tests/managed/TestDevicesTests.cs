namespace DeepNative.Tests;

internal sealed class TestDevicesTests
{
    [TestCaseSource(typeof(TestDevices), nameof(TestDevices.Names))]
    public void Every_device_to_test_can_be_used(string device) => Assert.That(TestDevices.Get(device).Info.IsAvailable, Is.True);

    [Test]
    public void The_simulated_gpu_is_among_them()
    {
        if (TestDevices.Asked is null && !TestDevices.Names.Contains(TestDevices.Simulated))
            Assert.Ignore($"no libdeepnative_{TestDevices.Simulated} beside the engine: no test ran on the simulated GPU");
        if (TestDevices.Asked is { } asked) Assert.That(TestDevices.Names, Is.Not.Empty, $"{TestDevices.Variable} is '{asked}'");
        else Assert.That(TestDevices.Names, Does.Contain("cpu"));
    }
}
