using DeepNative.Interop;

namespace DeepNative.Data;

/// <summary>Writes pictures.</summary>
public static class PictureEncoder
{
    /// <summary>Writes a PNG of 8 bits a value, without loss.</summary>
    /// <param name="picture">Grey or colour.</param>
    /// <returns>The file's content.</returns>
    /// <exception cref="DeepNativeException">
    /// The native library was built without libpng, or a side is longer than 65535.
    /// </exception>
    public static byte[] Png(Picture picture)
    {
        ArgumentNullException.ThrowIfNull(picture);
        var planes = picture.Planes;
        var room = planes.Length + planes.Length / 100L + 16L * picture.Height + 4096;
        var png = GC.AllocateUninitializedArray<byte>(checked((int)Math.Min(room, Array.MaxLength)));
        var written = Native.ImageEncodePng(planes, picture.Channels, picture.Height, picture.Width, png);
        return png[..(int)written];
    }
}
