namespace DeepNative;

/// <summary>The engine refused or failed a call. The message says what was found and what was expected, and names
/// the operator where there is one.</summary>
public class DeepNativeException : Exception
{
    /// <summary>An exception for a failed call.</summary>
    /// <param name="status">What the engine returned.</param>
    /// <param name="message">The engine's text.</param>
    /// <param name="innerException">The cause, if another exception is one.</param>
    public DeepNativeException(Status status, string message, Exception? innerException = null)
        : base(message, innerException) => Status = status;

    /// <summary>The kind of failure.</summary>
    public Status Status { get; }

    /// <summary>The operator that the message names, usually after its layer; null when it names none.</summary>
    public string? Operator => Interop.ErrorText.Operator(Message);
}
