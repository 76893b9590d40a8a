namespace DeepNative.Data;

/// <summary>A picture that is damaged, truncated, beyond the limits or of a kind that is not read.</summary>
public sealed class PictureException : FormatException
{
    /// <summary>An exception with what is wrong; the caller who knows the path adds it by <see cref="At"/>.</summary>
    /// <param name="message">What was found.</param>
    /// <param name="innerException">The cause, if another exception is one.</param>
    public PictureException(string message, Exception? innerException = null) : base(message, innerException) { }

    /// <summary>The same with the picture's path before the message.</summary>
    /// <param name="path">The file.</param>
    /// <returns>A new exception whose message is "path: message".</returns>
    public PictureException At(string path) => new($"{path}: {Message}", this) { Path = path };

    /// <summary>The picture's file; null when it is not known.</summary>
    public string? Path { get; private init; }
}
