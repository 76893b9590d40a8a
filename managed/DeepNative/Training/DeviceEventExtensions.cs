namespace DeepNative.Training;

internal static class DeviceEventExtensions
{
    /// <summary>
    /// Waits for the event and frees it. A failure of the device is not thrown from here: the call that
    /// caused it, or the next one, tells of it, and a failed device copies nothing any more.
    /// </summary>
    public static void EndQuietly(this DeviceEvent passed)
    {
        try
        {
            passed.Wait();
        }
        catch (DeepNativeException)
        {
        }

        passed.Dispose();
    }
}
