namespace DeepNative;

/// <summary>The native engine was not found, could not be loaded, or is of another version. The message lists every
/// place that was tried, with the system's reason.</summary>
public sealed class NativeLibraryException : DllNotFoundException
{
    /// <summary>An exception with its text.</summary>
    /// <param name="message">Every place tried and why it failed, or what does not fit.</param>
    public NativeLibraryException(string message) : base(message) { }
}
