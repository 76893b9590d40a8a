using System.Drawing;

namespace DeepNative.Data;

/// <summary>What is drawn in a picture of <see cref="ShapesDataset"/>.</summary>
/// <param name="Picture">Which picture, from 0.</param>
/// <param name="Class">0: square, 1: disk, 2: triangle, 3: cross.</param>
/// <param name="Box">The pixels of the shape lie in it, and touch all its sides.</param>
/// <param name="Center">The middle of the shape, in pixels from the upper left corner of the picture.</param>
public readonly record struct ShapeObject(int Picture, int Class, Rectangle Box, PointF Center);
