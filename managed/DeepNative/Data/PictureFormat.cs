namespace DeepNative.Data;

/// <summary>The kinds of picture files that are read.</summary>
public enum PictureFormat
{
    /// <summary>JPEG (ITU-T T.81), baseline and progressive.</summary>
    Jpeg = 1,

    /// <summary>PNG (W3C Portable Network Graphics).</summary>
    Png = 2,

    /// <summary>PBM, PGM and PPM (netpbm P1 to P6).</summary>
    Pnm = 3,
}
