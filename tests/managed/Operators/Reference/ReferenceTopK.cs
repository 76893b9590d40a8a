using DeepNative.Operators;

namespace DeepNative.Tests.Operators.Reference;

internal static class ReferenceTopK
{
    public static void Run(Interpreter run, TopKNode node)
    {
        var shape = node.Inputs[0]!.Shape;
        var x = run[node.Inputs[0]!];
        var (values, indices) = (new double[node.Outputs[0].Shape.Count], new double[node.Outputs[0].Shape.Count]);
        foreach (var index in Indexing.All(shape.With(node.Axis, 1)))
        {
            var at = (long[])index.Clone();
            var line = new List<(double Value, long Place)>();
            for (at[node.Axis] = 0; at[node.Axis] < shape[node.Axis]; at[node.Axis]++) line.Add((x[Indexing.Flat(shape, at)], at[node.Axis]));

            // OrderBy is stable; its order of NaN, which is below all, is not the one wanted.
            var ordered = node.Largest
                ? line.OrderByDescending(entry => double.IsNaN(entry.Value)).ThenByDescending(entry => entry.Value)
                : line.OrderBy(entry => double.IsNaN(entry.Value)).ThenBy(entry => entry.Value);
            foreach (var (rank, (value, place)) in ordered.Take(node.K).Index())
            {
                at[node.Axis] = rank;
                var to = Indexing.Flat(node.Outputs[0].Shape, at);
                (values[to], indices[to]) = (value, place);
            }
        }

        run.Set(node.Outputs[0], values);
        run.Set(node.Outputs[1], indices);
    }
}
