using DeepNative.Data;

namespace DeepNative.Tests.Data;

/// <summary>The native library of the picture decoders, which a machine may lack.</summary>
internal static class PictureLibrary
{
    /// <summary>Skips the test, with the engine's reason, where pictures cannot be read.</summary>
    public static void Require()
    {
        try
        {
            PictureDecoder.Probe("P1 1 1 0"u8);
        }
        catch (DeepNativeException exception) when (exception.Status == Status.Unsupported)
        {
            Assert.Ignore(exception.Message);
        }
    }
}
