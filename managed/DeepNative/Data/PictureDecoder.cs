using System.Drawing;
using DeepNative.Interop;

namespace DeepNative.Data;

/// <summary>
/// Decodes JPEG, PNG and PNM pictures, told by their content, with libjpeg-turbo and libpng.
/// </summary>
/// <remarks>
/// Pictures come out upright, as EXIF's orientation says. 16 bits a value are scaled to 8; what is transparent
/// lies on white; CMYK becomes RGB without a profile; of an animated PNG the still picture is taken. Grey becomes
/// colour by repeating it, colour grey by 0.299 R + 0.587 G + 0.114 B. Safe to call from many threads; a thread
/// keeps up to 16 MiB of work space. Where the native library was built without libjpeg-turbo and libpng, every
/// method throws <see cref="DeepNativeException"/> with <see cref="Status.Unsupported"/> and the reason.
/// </remarks>
public static class PictureDecoder
{
    /// <summary>Reads the headers, and follows the file's structure to its end: a file that was cut off is refused.</summary>
    /// <param name="bytes">The file's content.</param>
    /// <param name="limits">What is refused; null: <see cref="PictureLimits.Default"/>.</param>
    /// <returns>Kind, size and channels. Pixels are not decoded, so they may still be damaged.</returns>
    /// <exception cref="PictureException">Damaged, truncated, beyond the limits, or no JPEG, PNG or PNM.</exception>
    public static PictureInfo Probe(ReadOnlySpan<byte> bytes, PictureLimits? limits = null)
    {
        try
        {
            var info = Native.ImageProbe(bytes, NativeLimits(limits));
            return new PictureInfo((PictureFormat)info.Format, info.Width, info.Height, info.Channels, info.BitDepth)
            {
                Indexed = info.Indexed != 0,
                Alpha = info.Alpha != 0,
                Animated = info.Animated != 0,
                Orientation = info.Orientation,
            };
        }
        catch (DeepNativeException exception) when (exception.Status == Status.InvalidData)
        {
            throw new PictureException(exception.Message, exception);
        }
    }

    /// <summary>Decodes a whole picture.</summary>
    /// <param name="bytes">The file's content.</param>
    /// <param name="channels">1: grey; 3: red, green, blue; 0: as the file has.</param>
    /// <param name="limits">What is refused; null: <see cref="PictureLimits.Default"/>.</param>
    /// <returns>The upright picture.</returns>
    /// <exception cref="PictureException">Damaged, truncated, beyond the limits, or no JPEG, PNG or PNM.</exception>
    public static Picture Decode(ReadOnlySpan<byte> bytes, int channels = 0, PictureLimits? limits = null)
    {
        var info = Probe(bytes, limits);
        if (channels == 0) channels = info.Channels;
        var planes = NewPlanes(info, channels);
        Decode(bytes, new ImageRequest { Channels = channels, Values = ImageValues.Colors, Filter = ImageFilter.Triangle }, planes, limits);
        return new Picture(info.Width, info.Height, channels, planes);
    }

    /// <summary>Decodes a mask, whose values are classes: palette numbers, or grey values, as they are stored.</summary>
    /// <param name="bytes">The file's content, PNG or PNM with up to 8 bits a value.</param>
    /// <param name="limits">What is refused; null: <see cref="PictureLimits.Default"/>.</param>
    /// <returns>One channel; a PNG of 1 bit has the values 0 and 1.</returns>
    /// <exception cref="PictureException">Damaged, truncated, beyond the limits, or not such a picture.</exception>
    public static Picture DecodeIndices(ReadOnlySpan<byte> bytes, PictureLimits? limits = null)
    {
        var info = Probe(bytes, limits);
        var planes = NewPlanes(info, channels: 1);
        Decode(bytes, new ImageRequest { Channels = 1, Values = ImageValues.Indices, Filter = ImageFilter.Nearest }, planes, limits);
        return new Picture(info.Width, info.Height, 1, planes);
    }

    /// <summary>
    /// Decodes a part of a picture, resampled to another size by a triangle filter that is widened when it shrinks
    /// (bilinear with antialiasing), as if nothing lay around the part. Only what is needed is decoded: rows below
    /// the crop are not read, and so not checked.
    /// </summary>
    /// <param name="bytes">The file's content.</param>
    /// <param name="channels">1: grey; 3: red, green, blue.</param>
    /// <param name="crop">The part, inside of the upright picture; an empty one is all of it.</param>
    /// <param name="width">Columns of the result, 1 to 65535.</param>
    /// <param name="height">Rows of the result, 1 to 65535.</param>
    /// <param name="flip">Mirrors the result left to right.</param>
    /// <param name="planes">uint8 (channels, height, width), row-major; takes the result.</param>
    /// <param name="limits">What is refused; null: <see cref="PictureLimits.Default"/>.</param>
    /// <exception cref="PictureException">Damaged, truncated, beyond the limits, or no JPEG, PNG or PNM.</exception>
    /// <exception cref="ArgumentException">The crop is not inside of the picture, or the planes have another size.</exception>
    public static void DecodeResized(
        ReadOnlySpan<byte> bytes, int channels, Rectangle crop, int width, int height, bool flip, Span<byte> planes,
        PictureLimits? limits = null)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(width);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(height);
        var request = new ImageRequest
        {
            Channels = channels,
            Values = ImageValues.Colors,
            Filter = ImageFilter.Triangle,
            Mirror = flip ? 1 : 0,
            Width = width,
            Height = height,
            CropX = crop.X,
            CropY = crop.Y,
            CropWidth = crop.Width,
            CropHeight = crop.Height,
        };
        Decode(bytes, request, planes, limits);
    }

    private static byte[] NewPlanes(PictureInfo info, int channels)
    {
        var count = (Int128)info.Width * info.Height * channels;
        if (count > Array.MaxLength)
            throw new PictureException($"{info.Width} x {info.Height} x {channels} bytes, at most {Array.MaxLength} are supported");
        return GC.AllocateUninitializedArray<byte>((int)count);
    }

    private static void Decode(ReadOnlySpan<byte> bytes, in ImageRequest request, Span<byte> planes, PictureLimits? limits)
    {
        try
        {
            Native.ImageDecode(bytes, NativeLimits(limits), request, planes);
        }
        catch (DeepNativeException exception) when (exception.Status == Status.InvalidData)
        {
            throw new PictureException(exception.Message, exception);
        }
        catch (DeepNativeException exception) when (exception.Status == Status.InvalidArgument)
        {
            throw new ArgumentException(exception.Message, exception);
        }
    }

    private static ImageLimits NativeLimits(PictureLimits? limits)
    {
        limits ??= PictureLimits.Default;
        return new ImageLimits { MaxScans = limits.MaxScans, MaxPixels = limits.MaxPixels, MaxBytes = limits.MaxBytes };
    }
}
