using DeepNative.Interop;

namespace DeepNative.Operators;

/// <summary>
/// Normalisation across neighbouring channels (Krizhevsky, Sutskever, Hinton: "ImageNet classification with
/// deep convolutional neural networks", 2012).
/// </summary>
public static class LocalResponseNorm
{
    private const string Title = "LocalResponseNorm";

    /// <summary>
    /// y[c] = x[c] / (k + alpha / size * sum of x^2 over the channels c - size/2 .. c + (size-1)/2 that
    /// exist)^beta.
    /// </summary>
    /// <param name="x">(N, C, ...), float32.</param>
    /// <param name="size">Channels of a window, at least 1.</param>
    /// <param name="alpha">The weight of the window's mean square. The paper's own weighs the sum: it is this one over size.</param>
    /// <param name="beta">The power.</param>
    /// <param name="k">Added to the weighted mean; keeps the base above 0.</param>
    /// <returns>The shape of x.</returns>
    /// <exception cref="ShapeException">The input has no channels axis or is not float32.</exception>
    /// <exception cref="ArgumentOutOfRangeException">Size is below 1.</exception>
    public static Value Apply(Value x, int size, float alpha = 1e-4f, float beta = 0.75f, float k = 1f)
    {
        ArgumentNullException.ThrowIfNull(x);
        ArgumentOutOfRangeException.ThrowIfLessThan(size, 1);
        var graph = x.Graph;
        graph.CheckDType(Title, "input", x, DType.Float32);
        if (x.Shape.Rank < 2)
        {
            throw graph.Mismatch(
                Title, "rank 2 or more", $"rank {x.Shape.Rank}",
                $"input has rank {x.Shape.Rank}, expected (N, C, ...); input is {x.Shape}");
        }

        return graph.Add(new LocalResponseNormNode(x, new(size, alpha, beta, k))).Outputs[0];
    }
}

internal readonly record struct LocalResponse(int Size, float Alpha, float Beta, float K)
{
    /// <summary>Channels of a window before its own.</summary>
    public int Before => Size / 2;

    /// <summary>Channels of a window behind its own.</summary>
    public int After => (Size - 1) / 2;

    public void Emit(ProgramWriter writer, Node node, Direction direction) =>
        writer.Add(
            node, OperatorKind.LocalResponseNorm,
            new LocalResponseNormAttributes { Direction = direction, Size = Size, Alpha = Alpha, Beta = Beta, K = K });
}

internal sealed class LocalResponseNormNode : Node
{
    public LocalResponseNormNode(Value x, LocalResponse response)
        : base(x.Graph, x)
    {
        Response = response;
        AddOutput(DType.Float32, x.Shape);
    }

    public LocalResponse Response { get; }

    public override string OperatorName => "LocalResponseNorm";

    public override NodeData? Data => new(DataRule.Uniform, OperatorKind.LocalResponseNorm);

    public override object? Attributes => Response;

    public override Value?[] Derivative(DerivativeContext context) =>
        [context.GradOutput(0) is { } gradOutput ? Graph.Add(new LocalResponseNormBackwardNode(Inputs[0]!, gradOutput, Response)).Outputs[0] : null];

    public override void Emit(ProgramWriter writer) => Response.Emit(writer, this, Direction.Forward);
}

/// <summary>Inputs x, grad_output; output grad_input.</summary>
internal sealed class LocalResponseNormBackwardNode : Node
{
    public LocalResponseNormBackwardNode(Value x, Value gradOutput, LocalResponse response)
        : base(x.Graph, x, gradOutput)
    {
        Response = response;
        AddOutput(DType.Float32, x.Shape);
    }

    public LocalResponse Response { get; }

    public override string OperatorName => "LocalResponseNorm";

    public override NodeData? Data => new(DataRule.Uniform, OperatorKind.LocalResponseNorm, Backward: true, Inputs: 3);

    public override object? Attributes => Response;

    // grad_input = g s^-beta - f x W'(g x s^(-beta-1)), s = k + alpha / size W(x^2), f = 2 alpha beta / size, with
    // W the sum over a window and W' that over the windows which a channel is in. Its own gradient is G.
    public override Value?[] Derivative(DerivativeContext context)
    {
        var gradients = new Value?[2];
        if (context.GradOutput(0) is not { } outer) return gradients;
        var (x, g) = (Inputs[0]!, Inputs[1]!);
        var share = Response.Alpha / Response.Size;
        var factor = 2 * share * Response.Beta;
        var s = Window(x * x) * share + Response.K;
        var inverse = Pointwise.Exp(Pointwise.Log(s) * -Response.Beta);
        var next = inverse / s;
        var window = Window(outer * x);
        if (context.Needs(1)) gradients[1] = outer * inverse - window * x * next * factor;
        if (!context.Needs(0)) return gradients;
        var byScale = g * next * (window * x / s * (factor * (Response.Beta + 1)) - outer * Response.Beta);
        gradients[0] = x * Windows(byScale) * (2 * share) - (Windows(g * x * next) * outer + window * g * next) * factor;
        return gradients;

        Value Window(Value value) => Sum(value, Response.Before, Response.After);

        Value Windows(Value value) => Sum(value, Response.After, Response.Before);
    }

    public override void Emit(ProgramWriter writer) => Response.Emit(writer, this, Direction.BackwardData);

    // The sum over channels c - before .. c + after.
    private static Value Sum(Value x, int before, int after)
    {
        if (before + after == 0) return x;
        var (begin, end) = (new long[x.Shape.Rank], new long[x.Shape.Rank]);
        (begin[1], end[1]) = (before, after);
        var padded = Pad.Constant(x, begin, end);
        var sum = Slice.Narrow(padded, 1, 0, x.Shape[1]);
        for (var i = 1; i <= before + after; i++) sum += Slice.Narrow(padded, 1, i, x.Shape[1]);
        return sum;
    }
}
