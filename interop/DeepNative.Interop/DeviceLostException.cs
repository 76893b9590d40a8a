namespace DeepNative;

/// <summary>The device failed earlier and refuses further work. Open it again.</summary>
public sealed class DeviceLostException : DeepNativeException
{
    /// <summary>An exception with the engine's text.</summary>
    /// <param name="message">The device's first failure.</param>
    public DeviceLostException(string message) : base(Status.DeviceLost, message) { }
}
