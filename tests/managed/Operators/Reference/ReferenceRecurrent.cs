using DeepNative.Operators;

namespace DeepNative.Tests.Operators.Reference;

/// <summary>One sample after the other, one step after the other; the backward direction runs forward anew.</summary>
internal static class ReferenceRecurrent
{
    public static void Run(Interpreter run, RecurrentNode node)
    {
        var layer = new Layer(run, node, node.Cell, node.Reverse);
        foreach (var (output, size) in node.Outputs.Select((output, i) => (output, output.Shape.Count)))
            run.Set(output, new double[size]);
        for (var n = 0; n < layer.Batch; n++)
        {
            var steps = layer.Forward(n);
            foreach (var step in steps) step.Hidden.CopyTo(run[node.Outputs[0]], (step.Time * layer.Batch + n) * layer.Hidden);
            steps[^1].Hidden.CopyTo(run[node.Outputs[1]], n * layer.Hidden);
            steps[^1].Cell.CopyTo(run[node.Outputs[2]], n * layer.Hidden);
        }
    }

    public static void Run(Interpreter run, RecurrentBackwardNode node)
    {
        var layer = new Layer(run, node, node.Cell, node.Reverse);
        foreach (var output in node.Outputs) run.Set(output, new double[output.Shape.Count]);
        var (gates, weight, bias) = (run[node.Outputs[0]], run[node.Outputs[1]], run[node.Outputs[2]]);
        for (var n = 0; n < layer.Batch; n++)
        {
            var row = n * layer.Hidden;
            var dh = run.Input(node, 9) is { } finalHidden ? finalHidden[row..(row + layer.Hidden)] : new double[layer.Hidden];
            var dc = run.Input(node, 10) is { } finalCell ? finalCell[row..(row + layer.Hidden)] : new double[layer.Hidden];
            foreach (var step in layer.Forward(n).AsEnumerable().Reverse())
            {
                var at = step.Time * layer.Batch + n;
                if (run.Input(node, 8) is { } output)
                    for (var u = 0; u < layer.Hidden; u++) dh[u] += output[at * layer.Hidden + u];
                var (dGates, dProducts, direct) = layer.Backward(step, dh, dc);
                dGates.CopyTo(gates, at * layer.Width);
                dh = direct;
                for (var i = 0; i < layer.Width; i++)
                {
                    bias[i] += dProducts[i];
                    for (var k = 0; k < layer.Hidden; k++)
                    {
                        weight[i * layer.Hidden + k] += dProducts[i] * step.HiddenBefore[k];
                        dh[k] += dProducts[i] * layer.Weight[i * layer.Hidden + k];
                    }
                }
            }

            dh.CopyTo(run[node.Outputs[3]], row);
            dc.CopyTo(run[node.Outputs[4]], row);
        }
    }

    private sealed record Step(int Time, double[] HiddenBefore, double[] CellBefore, double[] Products, double[] Gates, double[] Hidden, double[] Cell);

    private sealed class Layer(Interpreter run, Node node, RecurrentCell cell, bool reverse)
    {
        private readonly double[] _gates = run[node.Inputs[0]!];
        private readonly double[]? _bias = run.Input(node, 2);
        private readonly double[]? _hidden = run.Input(node, 3);
        private readonly double[]? _cell = run.Input(node, 4);
        private readonly double[]? _lengths = run.Input(node, 5);

        public double[] Weight { get; } = run[node.Inputs[1]!];

        public int Steps { get; } = (int)node.Inputs[0]!.Shape[0];

        public int Batch { get; } = (int)node.Inputs[0]!.Shape[1];

        public int Hidden { get; } = (int)node.Inputs[1]!.Shape[1];

        public int Width { get; } = (int)node.Inputs[1]!.Shape[0];

        public List<Step> Forward(int n)
        {
            var length = _lengths is null ? Steps : (int)_lengths[n];
            var h = _hidden?[(n * Hidden)..((n + 1) * Hidden)] ?? new double[Hidden];
            var c = _cell?[(n * Hidden)..((n + 1) * Hidden)] ?? new double[Hidden];
            var steps = new List<Step>();
            for (var i = 0; i < length; i++)
            {
                steps.Add(Forward(reverse ? length - 1 - i : i, n, h, c));
                (h, c) = (steps[^1].Hidden, steps[^1].Cell);
            }

            return steps;
        }

        // Gradients of the gates and of W h + b, and what reaches the hidden state before otherwise; dc becomes that before.
        public (double[] Gates, double[] Products, double[] Direct) Backward(Step step, double[] dh, double[] dc)
        {
            var (gates, products, direct) = (new double[Width], new double[Width], new double[Hidden]);
            for (var u = 0; u < Hidden; u++)
            {
                double A(int gate) => step.Gates[gate * Hidden + u];
                switch (cell)
                {
                    case RecurrentCell.Tanh:
                        gates[u] = dh[u] * (1 - A(0) * A(0));
                        break;
                    case RecurrentCell.ReLU:
                        gates[u] = A(0) > 0 ? dh[u] : 0;
                        break;
                    case RecurrentCell.Lstm:
                        var t = Math.Tanh(step.Cell[u]);
                        dc[u] += dh[u] * A(3) * (1 - t * t);
                        gates[u] = dc[u] * A(2) * A(0) * (1 - A(0));
                        gates[Hidden + u] = dc[u] * step.CellBefore[u] * A(1) * (1 - A(1));
                        gates[2 * Hidden + u] = dc[u] * A(0) * (1 - A(2) * A(2));
                        gates[3 * Hidden + u] = dh[u] * t * A(3) * (1 - A(3));
                        dc[u] *= A(1);
                        break;
                    default:
                        var candidate = dh[u] * (1 - A(1)) * (1 - A(2) * A(2));
                        gates[u] = candidate * step.Products[2 * Hidden + u] * A(0) * (1 - A(0));
                        gates[Hidden + u] = dh[u] * (step.HiddenBefore[u] - A(2)) * A(1) * (1 - A(1));
                        gates[2 * Hidden + u] = candidate;
                        direct[u] = dh[u] * A(1);
                        break;
                }

                for (var gate = 0; gate < Width / Hidden; gate++)
                    products[gate * Hidden + u] = gates[gate * Hidden + u] * (cell == RecurrentCell.Gru && gate == 2 ? A(0) : 1);
            }

            return (gates, products, direct);
        }

        private static double Sigmoid(double x) => 1 / (1 + Math.Exp(-x));

        private Step Forward(int time, int n, double[] h, double[] c)
        {
            var products = new double[Width];
            for (var i = 0; i < Width; i++)
            {
                products[i] = _bias?[i] ?? 0;
                for (var k = 0; k < Hidden; k++) products[i] += Weight[i * Hidden + k] * h[k];
            }

            var (gates, nextHidden, nextCell) = (new double[Width], new double[Hidden], new double[Hidden]);
            for (var u = 0; u < Hidden; u++)
            {
                double X(int gate) => _gates[(time * Batch + n) * Width + gate * Hidden + u];
                double A(int gate) => X(gate) + products[gate * Hidden + u];
                void Keep(int gate, double value) => gates[gate * Hidden + u] = value;
                switch (cell)
                {
                    case RecurrentCell.Tanh:
                        Keep(0, nextHidden[u] = Math.Tanh(A(0)));
                        break;
                    case RecurrentCell.ReLU:
                        Keep(0, nextHidden[u] = A(0) < 0 ? 0 : A(0));
                        break;
                    case RecurrentCell.Lstm:
                        var (i, f, g, o) = (Sigmoid(A(0)), Sigmoid(A(1)), Math.Tanh(A(2)), Sigmoid(A(3)));
                        nextCell[u] = f * c[u] + i * g;
                        nextHidden[u] = o * Math.Tanh(nextCell[u]);
                        Keep(0, i);
                        Keep(1, f);
                        Keep(2, g);
                        Keep(3, o);
                        break;
                    default:
                        var (r, z) = (Sigmoid(A(0)), Sigmoid(A(1)));
                        var candidate = Math.Tanh(X(2) + r * products[2 * Hidden + u]);
                        nextHidden[u] = (1 - z) * candidate + z * h[u];
                        Keep(0, r);
                        Keep(1, z);
                        Keep(2, candidate);
                        break;
                }
            }

            return new Step(time, h, c, products, gates, nextHidden, nextCell);
        }
    }
}
