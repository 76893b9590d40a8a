using DeepNative.Operators;

namespace DeepNative.Tests.Operators.Reference;

/// <summary>The textbook's recursion over probabilities; sequences of tests are short enough for float64's exponents.</summary>
internal static class ReferenceCtcLoss
{
    public static void Run(Interpreter run, CtcLossNode node)
    {
        var shape = node.Inputs[0]!.Shape;
        var (batch, classes) = ((int)shape[1], (int)shape[2]);
        var (x, targets) = (run[node.Inputs[0]!], run[node.Inputs[1]!]);
        var most = (int)node.Inputs[1]!.Shape[1];
        var loss = new double[batch];
        var gradient = new double[x.Length];
        for (var n = 0; n < batch; n++)
        {
            var steps = (int)run[node.Inputs[2]!][n];
            var labels = targets.Skip(n * most).Take((int)run[node.Inputs[3]!][n]).Select(label => (int)label).ToArray();
            var states = labels.SelectMany(label => new[] { node.Blank, label }).Append(node.Blank).ToArray();
            double P(int t, int s) => Math.Exp(x[(t * batch + n) * classes + states[s]]);
            bool Skips(int s) => s >= 2 && s < states.Length && states[s] != node.Blank && states[s] != states[s - 2];
            var alpha = new double[steps, states.Length];
            var beta = new double[steps, states.Length];
            for (var t = 0; t < steps; t++)
            {
                for (var s = 0; s < states.Length; s++)
                {
                    var before = t == 0 ? s < 2 ? 1 : 0 : alpha[t - 1, s] + (s > 0 ? alpha[t - 1, s - 1] : 0) + (Skips(s) ? alpha[t - 1, s - 2] : 0);
                    alpha[t, s] = before * P(t, s);
                }
            }

            for (var t = steps - 1; t >= 0; t--)
            {
                double After(int s) => s < states.Length ? beta[t + 1, s] * P(t + 1, s) : 0;
                for (var s = 0; s < states.Length; s++)
                    beta[t, s] = t == steps - 1 ? s >= states.Length - 2 ? 1 : 0 : After(s) + After(s + 1) + (Skips(s + 2) ? After(s + 2) : 0);
            }

            var all = alpha[steps - 1, states.Length - 1] + (states.Length > 1 ? alpha[steps - 1, states.Length - 2] : 0);
            var dropped = all == 0 && node.ZeroInfinity;
            loss[n] = dropped ? 0 : -Math.Log(all);
            for (var t = 0; t < steps && !dropped; t++)
            {
                for (var c = 0; all == 0 && c < classes; c++) gradient[(t * batch + n) * classes + c] = double.NaN;
                for (var s = 0; s < states.Length; s++) gradient[(t * batch + n) * classes + states[s]] -= alpha[t, s] * beta[t, s] / all;
            }
        }

        run.Set(node.Outputs[0], loss);
        run.Set(node.Outputs[1], gradient);
    }
}
