namespace DeepNative.Losses;

internal static class LossChecks
{
    public static void Check(Loss loss, Value output, Value target)
    {
        var expected = loss.TargetShape(output.Shape);
        if (target.Shape != expected || target.DType != loss.TargetType)
            throw new ShapeException(
                $"loss {loss.GetType().Name}: targets are {target.DType} {target.Shape}, expected {loss.TargetType} {expected} "
                + $"for an output of {output.Shape}", "loss", expected.ToString(), target.Shape.ToString());
    }
}
