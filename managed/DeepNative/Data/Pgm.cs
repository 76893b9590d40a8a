namespace DeepNative.Data;

/// <summary>Portable graymap files (netpbm), text (P2) and binary (P5), one image a file.</summary>
public static class Pgm
{
    private const int MaxSide = 1 << 16;
    private const int MaxBytes = 1 << 30;

    /// <summary>Reads the image; other maxima than 255 are scaled to it.</summary>
    /// <param name="path">The file.</param>
    /// <returns>The image, 0 is black and 255 white.</returns>
    /// <exception cref="FileNotFoundException">There is no such file.</exception>
    /// <exception cref="InvalidDataException">
    /// Not a PGM file, or damaged; the message names the file, what was found and what was expected.
    /// </exception>
    public static GrayImage Read(string path)
    {
        var length = new FileInfo(path).Length;
        if (length > MaxBytes) throw new InvalidDataException($"{path}: {length} bytes, expected at most {MaxBytes}.");
        return new Parser(path, File.ReadAllBytes(path)).Read();
    }

    private ref struct Parser(string path, ReadOnlySpan<byte> bytes)
    {
        private readonly ReadOnlySpan<byte> _bytes = bytes;
        private int _at;

        internal GrayImage Read()
        {
            if (_bytes is not [(byte)'P', (byte)'2' or (byte)'5', ..])
                throw Broken("does not begin with P2 or P5");
            var text = _bytes[1] == (byte)'2';
            _at = 2;
            var width = Number("width", 1, MaxSide);
            var height = Number("height", 1, MaxSide);
            var maximum = Number("maximum", 1, ushort.MaxValue);
            var count = (long)width * height;
            // Exactly one white space stands between the header and binary pixels.
            if (!text && (_at >= _bytes.Length || !IsSpace(_bytes[_at++])))
                throw Broken("no white space after the header");

            var sampleBytes = maximum > byte.MaxValue ? 2 : 1;
            var left = _bytes.Length - _at;
            // A text pixel takes a digit and, but for the last, a separator.
            if (text ? left < 2 * count - 1 : left != count * sampleBytes)
                throw Broken($"{left} bytes of pixels do not make {width} x {height} (maximum {maximum})");
            var pixels = new byte[count];
            for (var i = 0; i < pixels.Length; i++)
            {
                var value = text ? Number("pixel", 0, maximum) : Sample(sampleBytes);
                if (value > maximum) throw Broken($"pixel {i} is {value}, expected at most {maximum}");
                pixels[i] = maximum == byte.MaxValue
                    ? (byte)value
                    : (byte)((value * byte.MaxValue + maximum / 2) / maximum);
            }

            if (text) ExpectEnd();
            return new GrayImage(width, height, pixels);
        }

        private int Sample(int sampleBytes)
        {
            int value = _bytes[_at++];
            return sampleBytes == 1 ? value : value << 8 | _bytes[_at++];
        }

        private int Number(string what, int minimum, int maximum)
        {
            var before = _at;
            SkipSpace();
            if (_at == before) throw Broken($"no white space before the {what} at byte {_at}");
            var start = _at;
            long value = 0;
            while (_at < _bytes.Length && _bytes[_at] is >= (byte)'0' and <= (byte)'9')
            {
                value = value * 10 + (_bytes[_at++] - '0');
                if (value > maximum) throw Broken($"{what} at byte {start} is more than {maximum}");
            }

            if (_at == start) throw Broken($"no number for the {what} at byte {start}");
            if (value < minimum) throw Broken($"{what} at byte {start} is {value}, expected at least {minimum}");
            return (int)value;
        }

        private void ExpectEnd()
        {
            SkipSpace();
            if (_at < _bytes.Length) throw Broken($"{_bytes.Length - _at} bytes follow the image");
        }

        // A comment runs from # to the end of the line and counts as white space.
        private void SkipSpace()
        {
            for (; _at < _bytes.Length; _at++)
            {
                if (_bytes[_at] == (byte)'#')
                    while (_at < _bytes.Length - 1 && _bytes[_at] is not ((byte)'\n' or (byte)'\r')) _at++;
                else if (!IsSpace(_bytes[_at]))
                    return;
            }
        }

        private static bool IsSpace(byte value) => value is (byte)' ' or >= 9 and <= 13;

        private readonly InvalidDataException Broken(string what) => new($"{path}: {what}.");
    }
}
