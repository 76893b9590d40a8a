namespace DeepNative.Data;

/// <summary>What a picture's headers say.</summary>
/// <param name="Format">The kind of file, told by its content.</param>
/// <param name="Width">Columns of the upright picture.</param>
/// <param name="Height">Rows of the upright picture.</param>
/// <param name="Channels">1: grey; 3: colour, palettes and CMYK included. Opacity does not count.</param>
/// <param name="BitDepth">Bits of a value, 1 to 16; of a palette's numbers 1 to 8.</param>
public sealed record PictureInfo(PictureFormat Format, int Width, int Height, int Channels, int BitDepth)
{
    /// <summary>The pixels are numbers of a palette's colours.</summary>
    public bool Indexed { get; init; }

    /// <summary>It has opacity.</summary>
    public bool Alpha { get; init; }

    /// <summary>An animated PNG, of which the still picture is decoded.</summary>
    public bool Animated { get; init; }

    /// <summary>EXIF's orientation, 1 to 8: how the stored picture is turned to be upright; 1: not at all.</summary>
    public int Orientation { get; init; } = 1;
}
