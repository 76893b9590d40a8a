using System.Runtime.InteropServices;
using DeepNative.Data;
using DeepNative.Models;

namespace DeepNative.Training;

/// <summary>How near the peaks of a net's heat maps lie to the true ones.</summary>
/// <param name="Points">Maps of the truth that have a peak; the others do not count.</param>
/// <param name="MeanDistance">The mean distance in pixels of the picture; where a map has several true peaks, to the nearest.</param>
/// <param name="Correct">The part of points that lie nearer than a tenth of the picture's width: PCK of the literature.</param>
public sealed record KeypointScore(int Points, double MeanDistance, double Correct)
{
    private const float LeastPeak = 0.7f;
    private const double Tolerance = 0.1;

    /// <summary>Measures a net.</summary>
    /// <param name="data">Pictures (C, H, W) of bytes with float32 heat maps (points, P, Q) of height 1.</param>
    /// <param name="predict">Gives the maps for one picture.</param>
    /// <returns>The score.</returns>
    /// <exception cref="ArgumentException">The targets are no such maps.</exception>
    public static KeypointScore Of(IExampleSource data, Func<ReadOnlySpan<byte>, Prediction> predict)
    {
        ArgumentNullException.ThrowIfNull(data);
        ArgumentNullException.ThrowIfNull(predict);
        var shape = data.TargetShape;
        if (data.InputType != DType.UInt8 || data.InputShape.Rank != 3 || data.TargetType != DType.Float32 || shape.Rank != 3)
            throw new ArgumentException($"{data.Name}: heat maps are float32 (points, P, Q) for bytes (C, H, W), not {data.TargetType} {shape} for {data.InputType} {data.InputShape}.", nameof(data));
        var (rows, columns) = ((int)shape[1], (int)shape[2]);
        var scale = (float)data.InputShape[2] / columns;
        var (picture, maps) = (new byte[data.InputShape.Count], new float[shape.Count]);
        var (points, sum, correct) = (0, 0.0, 0);
        for (var i = 0; i < data.Count; i++)
        {
            data.Gather([i], picture, MemoryMarshal.AsBytes(maps.AsSpan()));
            var found = PoseMachine.Peaks(predict(picture)[0], rows, columns, scale);
            for (var point = 0; point < found.Length; point++)
            {
                var nearest = Nearest(maps.AsSpan(point * rows * columns, rows * columns), rows, columns, scale, found[point].X, found[point].Y);
                if (double.IsPositiveInfinity(nearest)) continue;
                points++;
                sum += nearest;
                if (nearest < Tolerance * data.InputShape[2]) correct++;
            }
        }

        return new KeypointScore(points, sum / points, (double)correct / points);
    }

    /// <summary>"peaks 1.52 pixels from the true ones in the mean, 96.4 % nearer than a tenth of the width, of 1832 points".</summary>
    /// <returns>The text.</returns>
    public override string ToString() => FormattableString.Invariant(
        $"peaks {MeanDistance:0.00} pixels from the true ones in the mean, {100 * Correct:0.0} % nearer than a tenth of the width, of {Points} points");

    // The distance to the nearest of a map's own peaks.
    private static double Nearest(ReadOnlySpan<float> map, int rows, int columns, float scale, float x, float y)
    {
        var nearest = double.PositiveInfinity;
        for (var i = 0; i < map.Length; i++)
        {
            if (map[i] < LeastPeak) continue;
            var (row, column) = (i / columns, i % columns);
            var (top, left) = (Math.Max(row - 1, 0), Math.Max(column - 1, 0));
            var (height, width) = (Math.Min(row + 2, rows) - top, Math.Min(column + 2, columns) - left);
            var around = new float[height * width];
            for (var j = 0; j < around.Length; j++) around[j] = map[(top + j / width) * columns + left + j % width];
            if (around.Max() > map[i]) continue;
            var (peakX, peakY, _) = PoseMachine.Peaks(around, height, width)[0];
            var (dx, dy) = ((left + peakX) * scale - x, (top + peakY) * scale - y);
            nearest = Math.Min(nearest, Math.Sqrt(dx * dx + dy * dy));
        }

        return nearest;
    }
}
