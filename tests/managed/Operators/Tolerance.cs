namespace DeepNative.Tests.Operators;

/// <summary>How far a device may be from the float64 reference: the only place that says so.</summary>
internal static class Tolerance
{
    // Rounding errors of a sum of K terms grow like sqrt(K); kernels' functions are within a few units.
    private const double Units = 6;

    /// <summary>The error allowed, as a part of the result's magnitude.</summary>
    /// <param name="dtype">The result's data type.</param>
    /// <param name="reductionLength">Terms added up for one result; 0: none, the result is exact.</param>
    public static double Of(DType dtype, long reductionLength) => Units * Epsilon(dtype) * Math.Sqrt(reductionLength);

    /// <summary>Fails unless each number is within the tolerance. NaN equals NaN only.</summary>
    public static void Check(string what, double[] actual, double[] expected, DType dtype, long reductionLength, double magnitude = 0)
    {
        Assert.That(actual, Has.Length.EqualTo(expected.Length), what);
        var scale = Math.Max(magnitude, expected.Where(double.IsFinite).Select(Math.Abs).DefaultIfEmpty(0).Max());
        var allowed = Of(dtype, reductionLength) * scale;
        for (var i = 0; i < expected.Length; i++)
        {
            if (double.IsFinite(expected[i])
                ? Math.Abs(actual[i] - expected[i]) <= allowed
                : actual[i].Equals(expected[i])) continue;
            Assert.Fail($"{what}: element {i} is {actual[i]:R}, expected {expected[i]:R} within {allowed:G3}");
        }
    }

    private static double Epsilon(DType dtype) => dtype switch
    {
        DType.Float32 => Math.ScaleB(1, -24),
        DType.Float16 => Math.ScaleB(1, -11),
        DType.BFloat16 => Math.ScaleB(1, -8),
        DType.Float64 => Math.ScaleB(1, -53),
        _ => 0,
    };
}
