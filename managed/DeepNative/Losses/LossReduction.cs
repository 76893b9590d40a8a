using DeepNative.Operators;

namespace DeepNative.Losses;

internal static class LossReduction
{
    public static Value Apply(Reduction reduction, Value losses) => reduction switch
    {
        Reduction.Mean => Reduce.Mean(losses),
        Reduction.Sum => Reduce.Sum(losses),
        Reduction.BatchMean => Reduce.Sum(losses) * (1f / losses.Shape[0]),
        _ => losses,
    };
}
