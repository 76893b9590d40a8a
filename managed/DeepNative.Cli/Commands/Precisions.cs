namespace DeepNative.Cli.Commands;

/// <summary>The names of what can be computed in.</summary>
internal static class Precisions
{
    /// <summary>32-bit floating point throughout.</summary>
    public const string Float32 = "f32";
}
