using DeepNative.Operators;

namespace DeepNative.Tests.Operators.Reference;

internal static class ReferenceCumulativeSum
{
    public static void Run(Interpreter run, CumulativeSumNode node)
    {
        var shape = node.Outputs[0].Shape;
        var x = run[node.Inputs[0]!];
        var y = new double[x.Length];
        var place = 0L;
        foreach (var index in Indexing.All(shape))
        {
            var other = (long[])index.Clone();
            var own = index[node.Axis];
            for (other[node.Axis] = 0; other[node.Axis] < shape[node.Axis]; other[node.Axis]++)
            {
                var at = other[node.Axis];
                var before = node.Reverse ? at > own : at < own;
                if (before || (at == own && !node.Exclusive)) y[place] += x[Indexing.Flat(shape, other)];
            }

            place++;
        }

        run.Set(node.Outputs[0], y);
    }
}
