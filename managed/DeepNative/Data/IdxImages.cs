namespace DeepNative.Data;

/// <summary>The content of an IDX image file.</summary>
/// <param name="Count">Number of images.</param>
/// <param name="Height">Rows of one image.</param>
/// <param name="Width">Columns of one image.</param>
/// <param name="Pixels">uint8 (Count, Height, Width), row-major.</param>
public sealed record IdxImages(int Count, int Height, int Width, byte[] Pixels);
