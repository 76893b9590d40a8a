using System.Text;

namespace DeepNative.Interop;

internal static unsafe class Utf8Text
{
    /// <summary>The text up to the first zero byte, or all of it.</summary>
    internal static string Decode(ReadOnlySpan<byte> buffer)
    {
        var end = buffer.IndexOf((byte)0);
        return Encoding.UTF8.GetString(end < 0 ? buffer : buffer[..end]);
    }

    /// <summary>The text of a zero-terminated string; empty for null.</summary>
    internal static string Decode(byte* text) =>
        text is null ? "" : Encoding.UTF8.GetString(System.Runtime.InteropServices.MemoryMarshal.CreateReadOnlySpanFromNullTerminated(text));
}
