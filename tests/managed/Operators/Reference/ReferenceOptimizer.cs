using DeepNative.Interop;
using DeepNative.Operators;

namespace DeepNative.Tests.Operators.Reference;

internal static class ReferenceOptimizer
{
    public static void Run(Interpreter run, OptimizerNode node)
    {
        var rule = node.Rule;
        var rate = run[node.Inputs[0]!][0];
        var first = node.HasStep ? 2 : 1;
        var step = node.HasStep ? run[node.Inputs[1]!][0] + 1 : 0;
        for (var p = 0; p < rule.Count; p++)
        {
            var w = (double[])run[node.Inputs[first + p]!].Clone();
            var g = run[node.Inputs[first + rule.Count + p]!];
            var states = Enumerable.Range(2, 2)
                .Select(role => first + role * rule.Count + p)
                .Where(input => input < node.Inputs.Count)
                .ToDictionary(input => input, input => (double[])run[node.Inputs[input]!].Clone());
            var state = states.Values.ToArray();
            for (var i = 0; i < w.Length; i++)
            {
                if (rule.Rule == OptimizerRule.Sgd) Sgd(rule, rate, ref w[i], g[i], state, i);
                else Adam(rule, rate, step, ref w[i], g[i], state, i);
            }

            run.Overwrite(node, first + p, w);
            foreach (var (input, numbers) in states) run.Overwrite(node, input, numbers);
        }

        if (node.HasStep) run.Overwrite(node, 1, [step]);
    }

    private static void Sgd(OptimizerAttributes rule, double rate, ref double w, double g, double[][] state, int i)
    {
        g += rule.WeightDecay * w;
        if (state.Length == 0)
        {
            w -= rate * g;
            return;
        }

        state[0][i] = rule.Momentum * state[0][i] + g;
        w -= rate * (rule.Nesterov != 0 ? g + rule.Momentum * state[0][i] : state[0][i]);
    }

    private static void Adam(OptimizerAttributes rule, double rate, double step, ref double w, double g, double[][] state, int i)
    {
        if (rule.DecoupledWeightDecay != 0) w -= rate * rule.WeightDecay * w;
        else g += rule.WeightDecay * w;
        state[0][i] = rule.Beta1 * state[0][i] + (1 - (double)rule.Beta1) * g;
        state[1][i] = rule.Beta2 * state[1][i] + (1 - (double)rule.Beta2) * g * g;
        var mean = state[0][i] / (1 - Math.Pow(rule.Beta1, step));
        var variance = state[1][i] / (1 - Math.Pow(rule.Beta2, step));
        w -= rate * mean / (Math.Sqrt(variance) + rule.Epsilon);
    }
}
