using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace DeepNative.Training;

internal static class PinnedAddress
{
    /// <summary>The address of memory that was allocated pinned: it stays valid as long as the memory is reachable.</summary>
    public static unsafe nint Of<T>(ReadOnlySpan<T> pinned) where T : unmanaged =>
        (nint)Unsafe.AsPointer(ref MemoryMarshal.GetReference(pinned));
}
