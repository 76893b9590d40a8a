namespace DeepNative.Operators;

/// <summary>Functions of one number that .NET lacks, in float64.</summary>
internal static class ScalarMath
{
    /// <summary>exp(x) - 1 without cancellation near 0: 2 sinh(x/2) exp(x/2).</summary>
    public static double Expm1(double x)
    {
        if (Math.Abs(x) > 1.0) return Math.Exp(x) - 1.0;
        return 2.0 * Math.Sinh(0.5 * x) * Math.Exp(0.5 * x);
    }

    /// <summary>
    /// ln(1 + x) without cancellation near 0 (Kahan's correction: ln(u) x / (u - 1) for u = 1 + x).
    /// </summary>
    public static double Log1p(double x)
    {
        var u = 1.0 + x;
        if (u == 1.0) return x;
        return double.IsInfinity(u) ? Math.Log(u) : Math.Log(u) * (x / (u - 1.0));
    }

    /// <summary>
    /// The error function 2/sqrt(pi) * integral of exp(-t^2) from 0 to x: the Maclaurin series with
    /// exp(-x^2) drawn out (all terms positive) up to |x| = 3, the continued fraction of erfc beyond.
    /// </summary>
    public static double Erf(double x)
    {
        var size = Math.Abs(x);
        if (double.IsNaN(x)) return x;
        if (size > 6.0) return Math.Sign(x);
        var scale = Math.Exp(-x * x) / Math.Sqrt(Math.PI);
        if (size <= 3.0)
        {
            var term = size;
            var sum = size;
            for (var n = 1; term > sum * 1e-17; n++)
            {
                term *= 2.0 * x * x / (2 * n + 1);
                sum += term;
            }

            return Math.CopySign(2.0 * scale * sum, x);
        }

        var fraction = 0.0;
        for (var n = 60; n >= 1; n--) fraction = 0.5 * n / (size + fraction);
        return Math.CopySign(1.0 - scale / (size + fraction), x);
    }
}
