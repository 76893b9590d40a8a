namespace DeepNative;

/// <summary>The device has not enough memory for a tensor or for a program's arena.</summary>
public sealed class OutOfDeviceMemoryException : DeepNativeException
{
    /// <summary>An exception with the engine's text.</summary>
    /// <param name="message">Says what was asked and what is free, in bytes.</param>
    public OutOfDeviceMemoryException(string message) : base(Status.OutOfMemory, message) =>
        (Asked, Free) = Interop.ErrorText.Bytes(message);

    /// <summary>The bytes asked for; null when the text does not say.</summary>
    public long? Asked { get; }

    /// <summary>The bytes that were free; null when the text does not say.</summary>
    public long? Free { get; }
}
