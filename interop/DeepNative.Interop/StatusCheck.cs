using System.Diagnostics.CodeAnalysis;

namespace DeepNative.Interop;

internal static class StatusCheck
{
    extension(Status)
    {
        /// <summary>Throws the exception of a failed call, with the engine's text. Call it on the thread of the call.</summary>
        internal static void Check(Status status)
        {
            if (status != Status.Ok)
                Throw(status);
        }
    }

    [DoesNotReturn]
    private static void Throw(Status status)
    {
        var text = Native.LastError();
        throw Create(status, text.Length > 0 ? text : $"the engine failed with status {status} and gave no reason");
    }

    /// <summary>The exception that stands for a status.</summary>
    internal static DeepNativeException Create(Status status, string message) => status switch
    {
        Status.ShapeMismatch => new ShapeException(message),
        Status.OutOfMemory => new OutOfDeviceMemoryException(message),
        Status.DeviceLost => new DeviceLostException(message),
        _ => new DeepNativeException(status, message),
    };
}
