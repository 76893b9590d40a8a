using DeepNative.Data;

namespace DeepNative.Training;

/// <summary>
/// Segmentation of pictures larger than a net's input: tile by tile, each with its surroundings, mirrored at the
/// picture's border (Ronneberger, Fischer, Brox: "U-Net", 2015).
/// </summary>
public static class TiledPrediction
{
    /// <summary>The class of every pixel.</summary>
    /// <param name="predictor">A net for pictures of bytes (C, S, S) that gives (N, classes, P, P), P at most S.</param>
    /// <param name="picture">A picture of C channels, P pixels high and wide or larger.</param>
    /// <returns>(Height, Width) classes, row-major.</returns>
    /// <exception cref="ArgumentException">The net takes other inputs, or the picture is too small or has other channels.</exception>
    public static int[] ClassMap(Predictor predictor, Picture picture)
    {
        ArgumentNullException.ThrowIfNull(predictor);
        ArgumentNullException.ThrowIfNull(picture);
        var input = predictor.InputShape;
        if (input.Rank != 3 || input[1] != input[2] || predictor.InputType != DType.UInt8 || input[0] != picture.Channels)
            throw new ArgumentException($"the net takes {predictor.InputType} {input}; the picture is {picture.Channels} x {picture.Height} x {picture.Width} bytes.", nameof(picture));
        var size = (int)input[1];
        var output = predictor.OutputShape;
        if (output.Rank != 4 || output[2] != output[3] || output[2] > size || (size - output[2]) % 2 != 0 || output[2] < size / 8)
            throw new ArgumentException($"the net gives {output} for {input}, no classes of pixels.", nameof(predictor));
        var (part, margin) = ((int)output[2], (size - (int)output[2]) / 2);
        if (part > picture.Height || part > picture.Width || margin >= picture.Height || margin >= picture.Width)
            throw new ArgumentException($"the picture is {picture.Height} x {picture.Width}, the net's tiles are {part} x {part} with {margin} around.", nameof(picture));
        var tile = new byte[input.Count];
        var map = new int[picture.Height * picture.Width];
        for (var top = 0; top < picture.Height; top += part)
        {
            for (var left = 0; left < picture.Width; left += part)
            {
                var (y, x) = (Math.Min(top, picture.Height - part), Math.Min(left, picture.Width - part));
                Cut(picture, y - margin, x - margin, size, tile);
                var labels = predictor.Predict(tile).ClassMap(0);
                for (var row = 0; row < part; row++) labels.AsSpan(row * part, part).CopyTo(map.AsSpan((y + row) * picture.Width + x, part));
            }
        }

        return map;
    }

    private static void Cut(Picture picture, int top, int left, int size, byte[] tile)
    {
        var (height, width) = (picture.Height, picture.Width);
        for (var i = 0; i < tile.Length; i++)
        {
            var (channel, row, column) = (i / (size * size), i / size % size, i % size);
            tile[i] = picture.Planes[(channel * height + Mirrored(top + row, height)) * width + Mirrored(left + column, width)];
        }
    }

    // As often as needed; the border itself is not repeated.
    private static int Mirrored(int place, int extent)
    {
        if (extent == 1) return 0;
        var period = 2 * (extent - 1);
        place = ((place % period) + period) % period;
        return place < extent ? place : period - place;
    }
}
