namespace DeepNative.Layers;

/// <summary>
/// Q of the QR decomposition of a matrix of normal numbers, by Householder's reflections in double precision,
/// with the signs that make R's diagonal positive: so Q is uniform (Mezzadri: "How to generate random matrices
/// from the classical compact groups", 2007).
/// </summary>
internal sealed class OrthogonalInitializer(double gain) : Initializer
{
    public override void Fill(Span<float> values, Shape shape, Philox random)
    {
        if (shape.Rank < 2)
            throw new ArgumentException($"a parameter of shape {shape} is no matrix; it needs rank 2 or more.", nameof(shape));
        if (values.Length == 0) return;
        var (rows, columns) = ((int)shape[0], (int)(shape.Count / shape[0]));
        var (length, count) = (Math.Max(rows, columns), Math.Min(rows, columns));
        random.FillNormal(values);

        // One vector after the other, in rows: the orthonormal ones are the shorter side.
        var vectors = new double[count][];
        for (var i = 0; i < count; i++)
        {
            vectors[i] = new double[length];
            for (var j = 0; j < length; j++) vectors[i][j] = values[i * length + j];
        }

        Orthonormalize(vectors, length);
        for (var i = 0; i < count; i++)
            for (var j = 0; j < length; j++)
                values[rows <= columns ? i * columns + j : j * columns + i] = (float)(gain * vectors[i][j]);
    }

    // Replaces linearly independent vectors by orthonormal ones that span the same spaces one after the other.
    private static void Orthonormalize(double[][] vectors, int length)
    {
        var reflectors = new double[vectors.Length][];
        var signs = new double[vectors.Length];
        for (var k = 0; k < vectors.Length; k++)
        {
            var x = vectors[k];
            var norm = Norm(x, k);
            signs[k] = x[k] > 0 ? -1.0 : 1.0; // of R's diagonal
            var v = new double[length];
            Array.Copy(x, k, v, k, length - k);
            v[k] -= signs[k] * norm;
            var size = Norm(v, k);
            if (size > 0)
                for (var j = k; j < length; j++) v[j] /= size;
            reflectors[k] = v;
            for (var i = k + 1; i < vectors.Length; i++) Reflect(v, vectors[i], k);
        }

        for (var k = 0; k < vectors.Length; k++)
        {
            var q = vectors[k];
            Array.Clear(q);
            q[k] = signs[k];
            for (var i = k; i >= 0; i--) Reflect(reflectors[i], q, i);
        }
    }

    private static void Reflect(double[] v, double[] x, int from)
    {
        var product = 0.0;
        for (var j = from; j < x.Length; j++) product += v[j] * x[j];
        for (var j = from; j < x.Length; j++) x[j] -= 2.0 * product * v[j];
    }

    private static double Norm(double[] x, int from)
    {
        var sum = 0.0;
        for (var j = from; j < x.Length; j++) sum += x[j] * x[j];
        return Math.Sqrt(sum);
    }
}
