using DeepNative.Interop;
using DeepNative.Operators;

namespace DeepNative.Tests.Operators.Reference;

internal static class ReferenceRandom
{
    public static void Run(Interpreter run, RandomNode node)
    {
        var state = run[node.Inputs[0]!];
        var words = new Philox((ulong)(long)state[0], (uint)node.Stream, (uint)state[1]);
        var values = new double[node.Outputs[0].Shape.Count];
        for (var i = 0; i < values.Length; i += 2)
        {
            var (u, v) = (Uniform(words.NextUInt32()), Uniform(words.NextUInt32()));
            var (first, second) = node.Distribution switch
            {
                Distribution.Uniform => (node.A + (node.B - node.A) * u, node.A + (node.B - node.A) * v),
                Distribution.Bernoulli => (u < node.A ? 1.0 : 0.0, v < node.A ? 1.0 : 0.0),
                _ => (node.A + node.B * Radius(u) * Math.Cos(2 * Math.PI * v), node.A + node.B * Radius(u) * Math.Sin(2 * Math.PI * v)),
            };
            values[i] = first;
            if (i + 1 < values.Length) values[i + 1] = second;
        }

        run.Set(node.Outputs[0], values);
        run.Overwrite(node, 0, [state[0], state[1] + 1]);
    }

    private static double Uniform(uint word) => (word >> 8) * Math.ScaleB(1.0, -24);

    private static double Radius(double u) => Math.Sqrt(-2 * Math.Log(1 - u));
}
