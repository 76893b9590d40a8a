using System.Runtime.InteropServices;

namespace DeepNative.Tests.Cli;

/// <summary>The environment as the engine sees it: .NET keeps a copy of its own.</summary>
internal static partial class NativeEnvironment
{
    /// <summary>Sets a variable, or removes it.</summary>
    /// <param name="name">The variable.</param>
    /// <param name="value">Its value; null removes it.</param>
    public static void Set(string name, string? value)
    {
        if ((value is null ? Unset(name) : Set(name, value, overwrite: 1)) != 0)
            throw new InvalidOperationException($"cannot set {name}");
    }

    [LibraryImport("libc", EntryPoint = "setenv", StringMarshalling = StringMarshalling.Utf8)]
    private static partial int Set(string name, string value, int overwrite);

    [LibraryImport("libc", EntryPoint = "unsetenv", StringMarshalling = StringMarshalling.Utf8)]
    private static partial int Unset(string name);
}
