using System.Collections.Concurrent;

namespace DeepNative.Tests;

/// <summary>
/// The devices that tests run on: those that the environment names, or else the CPU and, where its library
/// was built, the simulated GPU. Only the default leaves out what is not there.
/// </summary>
internal static class TestDevices
{
    /// <summary>The environment variable: names of devices, separated by commas.</summary>
    public const string Variable = "DEEPNATIVE_TEST_DEVICES";

    /// <summary>The CUDA device without a GPU: right, but about a thousand times as slow.</summary>
    public const string Simulated = "hostsim";

    private static readonly Lazy<string[]> _names = new(Choose);
    private static readonly ConcurrentDictionary<string, Lazy<Device>> _open = new();

    /// <summary>The names, for test case sources.</summary>
    public static IEnumerable<string> Names => _names.Value;

    /// <summary>What the environment asks for; null: the default.</summary>
    public static string? Asked => Environment.GetEnvironmentVariable(Variable) is { Length: > 0 } text ? text : null;

    /// <summary>The device of that name which the tests share; fails where it cannot be opened.</summary>
    public static Device Get(string name) => _open.GetOrAdd(name, key => new Lazy<Device>(() => Device.Open(key))).Value;

    /// <summary>How many random cases a device is given: a quarter on the simulated GPU, for its time.</summary>
    public static int RandomCases(string name, int count) => Get(name).Info.IsSimulated ? count / 4 : count;

    private static string[] Choose()
    {
        if (Asked is { } text) return text.Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries);
        return IsBuilt(Simulated) ? ["cpu", Simulated] : ["cpu"];
    }

    // Usable or not: a library that is there and cannot be used fails its tests.
    private static bool IsBuilt(string name)
    {
        try
        {
            return Device.List().Any(info => info.Name == name);
        }
        catch (Exception e) when (e is DeepNativeException or DllNotFoundException)
        {
            // Without an engine the tests of the CPU fail and say why.
            return false;
        }
    }
}
