using System.Buffers;

namespace DeepNative;

/// <summary>
/// Keeps host memory in its place while a tensor over it, or a program that binds the tensor, is
/// reachable. It has no Dispose: only the collector knows when the last of them is gone.
/// </summary>
internal sealed class PinnedMemory(MemoryHandle handle)
{
    private MemoryHandle _handle = handle;

    ~PinnedMemory() => _handle.Dispose();

    public unsafe nint Pointer => (nint)_handle.Pointer;
}
