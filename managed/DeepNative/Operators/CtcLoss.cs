using DeepNative.Interop;

namespace DeepNative.Operators;

/// <summary>
/// Connectionist temporal classification (Graves, Fernández, Gomez, Schmidhuber 2006): minus the logarithm
/// of the probability of all alignments of a target with a longer sequence, in which repeats collapse and
/// blanks vanish.
/// </summary>
public static class CtcLoss
{
    internal const string Title = "CtcLoss";

    /// <summary>The loss of each sample.</summary>
    /// <param name="logProbabilities">(T, N, C), float32: logarithms of each step's class probabilities.</param>
    /// <param name="targets">
    /// (N, S), Int32: classes, none of them the blank; what lies behind a target's length is not read.
    /// </param>
    /// <param name="inputLengths">(N), Int32: the steps of each sample, 1 to T.</param>
    /// <param name="targetLengths">(N), Int32: the labels of each target, 0 to S.</param>
    /// <param name="blank">The class that stands for no label, 0 to C - 1.</param>
    /// <param name="zeroInfinity">
    /// Whether a target that is longer than its input allows has loss 0 and gradient 0, instead of infinity and NaN.
    /// </param>
    /// <returns>(N), float32. A length or label outside its range makes the run fail and is named.</returns>
    /// <remarks>
    /// The gradient is that by the logarithms as they are given: minus the probability to be in a class at a
    /// step. It has no derivative of its own.
    /// </remarks>
    /// <exception cref="ShapeException">The shapes or data types do not fit, or the blank is no class.</exception>
    public static Value Apply(
        Value logProbabilities, Value targets, Value inputLengths, Value targetLengths, int blank = 0, bool zeroInfinity = false)
    {
        ArgumentNullException.ThrowIfNull(logProbabilities);
        ArgumentNullException.ThrowIfNull(targets);
        ArgumentNullException.ThrowIfNull(inputLengths);
        ArgumentNullException.ThrowIfNull(targetLengths);
        var (graph, shape) = (logProbabilities.Graph, logProbabilities.Shape);
        graph.CheckDType(Title, "log probabilities", logProbabilities, DType.Float32);
        graph.CheckDType(Title, "targets", targets, DType.Int32);
        graph.CheckDType(Title, "input lengths", inputLengths, DType.Int32);
        graph.CheckDType(Title, "target lengths", targetLengths, DType.Int32);
        graph.CheckRank(Title, "log probabilities", logProbabilities, 3);
        graph.CheckRank(Title, "targets", targets, 2);
        if (shape[0] < 1) throw graph.Mismatch(Title, "one or more steps", shape.ToString(), $"log probabilities are {shape}, without steps");
        if (blank < 0 || blank >= shape[2])
            throw graph.Mismatch(Title, $"a blank from 0 to {shape[2] - 1}", $"{blank}", $"blank {blank} is not a class of log probabilities {shape}");
        graph.CheckShape(Title, "targets", targets, [shape[1], targets.Shape[1]]);
        graph.CheckShape(Title, "input lengths", inputLengths, [shape[1]]);
        graph.CheckShape(Title, "target lengths", targetLengths, [shape[1]]);
        return graph.Add(new CtcLossNode(logProbabilities, targets, inputLengths, targetLengths, blank, zeroInfinity)).Outputs[0];
    }
}

/// <summary>Inputs log_probs, targets, input_lengths, target_lengths; outputs loss, [grad_log_probs].</summary>
internal sealed class CtcLossNode : Node
{
    public CtcLossNode(Value logProbabilities, Value targets, Value inputLengths, Value targetLengths, int blank, bool zeroInfinity)
        : base(logProbabilities.Graph, logProbabilities, targets, inputLengths, targetLengths)
    {
        Blank = blank;
        ZeroInfinity = zeroInfinity;
        AddOutput(DType.Float32, inputLengths.Shape);
        AddOutput(DType.Float32, logProbabilities.Shape);
    }

    public int Blank { get; }

    public bool ZeroInfinity { get; }

    public override string OperatorName => CtcLoss.Title;

    public override object? Attributes => (Blank, ZeroInfinity);

    public override bool IsOptional(int output) => output == 1;

    public override Value?[] Derivative(DerivativeContext context)
    {
        if (context.GradOutput(1) is not null) throw NoDerivative("of the log probabilities' gradient");
        var gradients = new Value?[4];
        if (context.GradOutput(0) is { } gradOutput)
            gradients[0] = Outputs[1] * Reshape.To(gradOutput, gradOutput.Shape.Concat([1]));
        return gradients;
    }

    public override void Emit(ProgramWriter writer)
    {
        var attributes = new CtcLossAttributes { Blank = Blank, ZeroInfinity = ZeroInfinity ? 1 : 0 };
        writer.Add(this, OperatorKind.CtcLoss, attributes);
    }
}
