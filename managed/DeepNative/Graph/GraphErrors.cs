namespace DeepNative;

/// <summary>Errors of shape rules, named after the layer in whose scope they happen.</summary>
internal static class GraphErrors
{
    /// <summary>"layer 'conv1' (Conv2d): <paramref name="text"/>".</summary>
    public static ShapeException Mismatch(this Graph graph, string operatorName, string expected, string found, string text)
    {
        var layer = graph.ScopeName;
        var place = layer.Length > 0 ? $"layer '{layer}' ({operatorName})" : operatorName;
        return new ShapeException($"{place}: {text}", layer, expected, found);
    }

    /// <summary>Checks the rank of an operand.</summary>
    public static void CheckRank(this Graph graph, string operatorName, string operand, Value value, int rank)
    {
        if (value.Shape.Rank != rank)
        {
            throw graph.Mismatch(
                operatorName, $"rank {rank}", $"rank {value.Shape.Rank}",
                $"{operand} has rank {value.Shape.Rank}, expected {rank}; {operand} is {value.Shape}");
        }
    }

    /// <summary>Checks the shape of an operand.</summary>
    public static void CheckShape(this Graph graph, string operatorName, string operand, Value value, Shape expected)
    {
        if (value.Shape != expected)
            throw graph.Mismatch(operatorName, expected.ToString(), value.Shape.ToString(), $"{operand} is {value.Shape}, expected {expected}");
    }

    /// <summary>Checks the data type of an operand.</summary>
    public static void CheckDType(this Graph graph, string operatorName, string operand, Value value, DType expected)
    {
        if (value.DType != expected)
        {
            throw graph.Mismatch(
                operatorName, expected.ToString(), value.DType.ToString(),
                $"{operand} is {value.DType}, expected {expected}; {operand} is {value.Shape}");
        }
    }

    /// <summary>Checks that a value has an axis.</summary>
    public static void CheckAxis(this Graph graph, string operatorName, Value value, int axis)
    {
        if (axis < 0 || axis >= value.Shape.Rank)
        {
            throw graph.Mismatch(
                operatorName, $"an axis from 0 to {value.Shape.Rank - 1}", $"axis {axis}",
                $"axis {axis} does not exist; input is {value.Shape}");
        }
    }
}
