using DeepNative.Interop;

namespace DeepNative.Operators;

/// <summary>
/// One small use of every kind of operator, from which <see cref="OperatorCatalog"/> finds out what devices and
/// derivatives there are: in the engine's terms, forward and backward, with the data that may have several
/// types as <see cref="OperatorProbe.Data"/>; and as a graph.
/// </summary>
internal static class OperatorUses
{
    private const int Absent = -1;

    /// <summary>The uses of a kind.</summary>
    /// <param name="Forward">Adds its forward direction.</param>
    /// <param name="Backward">Adds what its derivative runs, where that is of the same kind; else null.</param>
    /// <param name="Build">Adds it to a graph, applied to x (2, 4, 6, 6) of float32; null: it has no result to differentiate.</param>
    public sealed record Use(Action<OperatorProbe> Forward, Action<OperatorProbe>? Backward, Func<Graph, Value, Value>? Build);

    /// <summary>The shape of the x that <see cref="Use.Build"/> gets.</summary>
    public static Shape Input => [2, 4, 6, 6];

    /// <summary>The uses of a kind.</summary>
    public static Use Of(OperatorKind kind) => kind switch
    {
        OperatorKind.Pointwise => new(Expression, null, (_, x) => Pointwise.Tanh(x)),
        OperatorKind.Reduce => new(
            p => p.Add(kind, new ReduceAttributes { Mode = Interop.ReduceMode.Sum, Axes = 2 }, [p.Data(3, 5)], [p.Data(3)]), null,
            (_, x) => Reduce.Sum(x, [1])),
        OperatorKind.Matmul => new(
            p => p.Add(kind, new MatmulAttributes(), [p.Data(3, 5), p.Data(5, 4), Absent], [p.Data(3, 4)]),
            p => p.Add(kind, new MatmulAttributes { TransposeA = 1 }, [p.Data(5, 3), p.Data(5, 4), Absent], [p.Float(3, 4)]),
            (_, x) => MatMul.Multiply(x, x)),
        OperatorKind.Convolution => new(
            p => Convolve(p, Direction.Forward, [p.Data(2, 3, 6, 6), p.Data(4, 3, 3, 3)], [p.Data(2, 4, 4, 4)]),
            p =>
            {
                Convolve(p, Direction.BackwardData, [p.Data(2, 4, 4, 4), p.Data(4, 3, 3, 3)], [p.Data(2, 3, 6, 6)]);
                Convolve(p, Direction.BackwardWeight, [p.Data(2, 3, 6, 6), p.Data(2, 4, 4, 4)], [p.Float(4, 3, 3, 3)]);
            },
            (g, x) => Convolution.Conv2d(x, g.Declare(DType.Float32, [4, 4, 3, 3], "weight"))),
        OperatorKind.Pooling => new(
            p =>
            {
                Pool(p, Direction.Forward, Interop.PoolingMode.Max, [p.Data(2, 3, 6, 6)], [p.Data(2, 3, 3, 3), p.Tensor(DType.UInt8, 2, 3, 3, 3)]);
                Pool(p, Direction.Forward, Interop.PoolingMode.Average, [p.Data(2, 3, 6, 6)], [p.Data(2, 3, 3, 3)]);
            },
            p =>
            {
                Pool(p, Direction.BackwardData, Interop.PoolingMode.Max, [p.Data(2, 3, 3, 3), p.Tensor(DType.UInt8, 2, 3, 3, 3)], [p.Data(2, 3, 6, 6)]);
                Pool(p, Direction.BackwardData, Interop.PoolingMode.Average, [p.Data(2, 3, 3, 3)], [p.Data(2, 3, 6, 6)]);
            },
            (_, x) => Pooling.MaxPool2d(x, new PoolGeometry(2))),
        OperatorKind.BatchNorm => new(NormalizeBatch, NormalizeBatchBackward, (g, x) =>
        {
            Value Channels(string name) => g.Declare(DType.Float32, [4], name);
            return BatchNorm.Training(x, Channels("weight"), Channels("bias"), Channels("running_mean"), Channels("running_var"));
        }),
        OperatorKind.Softmax => new(
            p => p.Add(kind, new SoftmaxAttributes { Direction = Direction.Forward, Axis = 1 }, [p.Data(3, 5)], [p.Data(3, 5)]),
            p => p.Add(kind, new SoftmaxAttributes { Direction = Direction.BackwardData, Axis = 1 }, [p.Data(3, 5), p.Data(3, 5)], [p.Data(3, 5)]),
            (_, x) => Softmax.Apply(x)),
        OperatorKind.SoftmaxCrossEntropy => new(
            p => p.Add(kind, new SoftmaxCrossEntropyAttributes { Scale = 1 }, [p.Data(3, 5), p.Tensor(DType.Int32, 3), Absent], [p.Float(), Absent]),
            p => p.Add(kind, new SoftmaxCrossEntropyAttributes { Scale = 1 }, [p.Data(3, 5), p.Tensor(DType.Int32, 3), Absent], [p.Float(), p.Data(3, 5)]),
            (g, x) => Softmax.CrossEntropy(x, g.Declare(DType.Int32, [2, 6, 6], "labels"))),
        OperatorKind.Random => new(
            p =>
            {
                var state = p.Tensor(DType.Int64, 2);
                p.Add(kind, new RandomAttributes { Distribution = Distribution.Uniform, B = 1 }, [state], [p.Data(3, 5), state]);
            },
            null,
            (g, _) => Random.Uniform(g.Declare(DType.Int64, [2], "state"), [3, 5])),
        OperatorKind.Optimizer => new(
            p =>
            {
                var weight = p.Float(3, 5);
                p.Add(kind, new OptimizerAttributes { Rule = OptimizerRule.Sgd, Count = 1 }, [p.Float(), weight, p.Data(3, 5)], [weight]);
            },
            null, null),
        OperatorKind.Reshape => new(p => p.Add(kind, [p.Data(3, 4)], [p.Data(2, 6)]), null, (_, x) => Reshape.Flatten(x)),
        OperatorKind.Gather => new(
            p => p.Add(kind, new GatherAttributes { Direction = Direction.Forward, Mode = Interop.GatherMode.Rows, PaddingIndex = -1 }, [p.Data(5, 3), p.Tensor(DType.Int32, 4), Absent], [p.Data(4, 3)]),
            p => p.Add(kind, new GatherAttributes { Direction = Direction.BackwardData, Mode = Interop.GatherMode.Rows, PaddingIndex = -1 }, [p.Data(4, 3), p.Tensor(DType.Int32, 4)], [p.Data(5, 3)]),
            (g, x) => Gather.Rows(x, g.Declare(DType.Int32, [3], "indices"))),
        OperatorKind.ImageDecode => new(
            p =>
            {
                var attributes = new ImageDecodeAttributes { PaddingMode = PaddingMode.Zero };
                for (var i = 0; i < 3; i++) attributes.Scale[i] = 1;
                p.Add(kind, attributes, [p.Tensor(DType.UInt8, 2, 3, 6, 6)], [p.Data(2, 3, 6, 6)]);
            },
            null,
            (g, _) => ImageDecode.Apply(g.Declare(DType.UInt8, Input, "images"), [0f, 0f, 0f, 0f], [1f, 1f, 1f, 1f])),
        OperatorKind.Slice => new(p => p.Add(kind, Window(), [p.Data(3, 5)], [p.Data(2, 5)]), null, (_, x) => Slice.Along(x, 1, 1, 3)),
        OperatorKind.Pad => new(
            p => p.Add(kind, Frame(Direction.Forward, Interop.PadMode.Reflect), [p.Data(3, 5)], [p.Data(4, 5)]),
            p => p.Add(kind, Frame(Direction.BackwardData, Interop.PadMode.Reflect), [p.Data(4, 5)], [p.Data(3, 5)]),
            (_, x) => Pad.Reflect(x, [0, 0, 1, 1], [0, 0, 1, 1])),
        OperatorKind.Concat => new(p => p.Add(kind, new ConcatAttributes { Axis = 0 }, [p.Data(3, 5), p.Data(2, 5)], [p.Data(5, 5)]), null,
            (_, x) => Concat.Along(0, x, x)),
        OperatorKind.Transpose => new(
            p =>
            {
                var attributes = new TransposeAttributes();
                attributes.Permutation[0] = 1;
                p.Add(kind, attributes, [p.Data(3, 5)], [p.Data(5, 3)]);
            },
            null, (_, x) => Transpose.Permute(x, 0, 2, 3, 1)),
        OperatorKind.TopK => new(
            p => p.Add(kind, new TopKAttributes { Axis = 1, K = 2, Largest = 1 }, [p.Data(3, 5)], [p.Data(3, 2), p.Tensor(DType.Int32, 3, 2)]), null,
            (_, x) => TopK.Apply(x, 2, 1).Values),
        OperatorKind.CumulativeSum => new(
            p => p.Add(kind, new CumulativeSumAttributes { Axis = 1 }, [p.Data(3, 5)], [p.Data(3, 5)]), null,
            (_, x) => CumulativeSum.Apply(x, 1)),
        OperatorKind.Resize => new(
            p => p.Add(kind, Scale(Direction.Forward), [p.Data(2, 3, 4, 4)], [p.Data(2, 3, 8, 8)]),
            p => p.Add(kind, Scale(Direction.BackwardData), [p.Data(2, 3, 8, 8)], [p.Data(2, 3, 4, 4)]),
            (_, x) => Resize.Linear(x, 9)),
        OperatorKind.GroupNorm => new(
            p => p.Add(kind, Groups(Direction.Forward), [p.Data(3, 4, 5), p.Float(4), p.Float(4)], [p.Data(3, 4, 5), p.Float(3, 2), p.Float(3, 2)]),
            p => p.Add(
                kind, Groups(Direction.BackwardData), [p.Data(3, 4, 5), p.Float(4), p.Float(3, 2), p.Float(3, 2), p.Data(3, 4, 5)],
                [p.Data(3, 4, 5), p.Float(4), p.Float(4)]),
            (_, x) => GroupNorm.Apply(x, 2)),
        OperatorKind.LocalResponseNorm => new(
            p => p.Add(kind, Neighbours(Direction.Forward), [p.Data(2, 6, 3, 3)], [p.Data(2, 6, 3, 3)]),
            p => p.Add(kind, Neighbours(Direction.BackwardData), [p.Data(2, 6, 3, 3), p.Data(2, 6, 3, 3)], [p.Data(2, 6, 3, 3)]),
            (_, x) => LocalResponseNorm.Apply(x, 3)),
        OperatorKind.Recurrent => new(
            p => p.Add(
                kind, new RecurrentAttributes { Direction = Direction.Forward, Cell = Interop.RecurrentCell.Lstm },
                [p.Data(2, 3, 16), p.Data(16, 4), Absent, Absent, Absent, Absent], [p.Data(2, 3, 4), Absent, Absent, Absent]),
            p => p.Add(
                kind, new RecurrentAttributes { Direction = Direction.BackwardData, Cell = Interop.RecurrentCell.Lstm },
                [p.Data(2, 3, 16), p.Data(16, 4), Absent, Absent, Absent, Absent, p.Data(2, 3, 4), p.Float(2 * 3 * Constants.RecurrentReserve * 4), p.Data(2, 3, 4), Absent, Absent],
                [p.Data(2, 3, 16), p.Data(16, 4), Absent, Absent, Absent]),
            (g, x) => Recurrent.Run(RecurrentCell.Lstm, Reshape.To(x, [2, 9, 16]), g.Declare(DType.Float32, [16, 4], "weight")).Output),
        OperatorKind.CtcLoss => new(
            p => Align(p, Absent), p => Align(p, p.Data(5, 2, 4)),
            (g, x) =>
            {
                Value Whole(string name, Shape shape) => g.Declare(DType.Int32, shape, name);
                return CtcLoss.Apply(Softmax.Log(Reshape.To(x, [12, 2, 12]), 2), Whole("targets", [2, 3]), Whole("input_lengths", [2]), Whole("target_lengths", [2]));
            }),
        _ => throw new ArgumentOutOfRangeException(nameof(kind), kind, "has no use here yet"),
    };

    private static unsafe void Expression(OperatorProbe p)
    {
        ReadOnlySpan<Interop.Instruction> sum =
        [
            new() { Opcode = Interop.Opcode.Input, A = 0 }, new() { Opcode = Interop.Opcode.Add, A = 0, B = 0 }, new() { Opcode = Interop.Opcode.Output, A = 1 },
        ];
        fixed (Interop.Instruction* instructions = sum)
            p.Add(OperatorKind.Pointwise, new PointwiseAttributes { InstructionCount = sum.Length, Instructions = instructions }, [p.Data(3, 5)], [p.Data(3, 5)]);
    }

    private static void Convolve(OperatorProbe p, Direction direction, ReadOnlySpan<int> inputs, ReadOnlySpan<int> outputs)
    {
        var attributes = new ConvolutionAttributes { Direction = direction, SpatialRank = 2, Groups = 1 };
        for (var i = 0; i < 2; i++) (attributes.Stride[i], attributes.Dilation[i]) = (1, 1);
        p.Add(OperatorKind.Convolution, attributes, inputs, outputs);
    }

    private static void Pool(OperatorProbe p, Direction direction, Interop.PoolingMode mode, ReadOnlySpan<int> inputs, ReadOnlySpan<int> outputs)
    {
        var attributes = new PoolingAttributes { Direction = direction, Mode = mode, SpatialRank = 2 };
        for (var i = 0; i < 2; i++) (attributes.Kernel[i], attributes.Stride[i]) = (2, 2);
        p.Add(OperatorKind.Pooling, attributes, inputs, outputs);
    }

    private static void NormalizeBatch(OperatorProbe p)
    {
        var (mean, variance) = (p.Float(3), p.Float(3));
        p.Add(
            OperatorKind.BatchNorm, new BatchNormAttributes { Mode = BatchNormMode.Training, Epsilon = 1e-5f, Momentum = 0.1f },
            [p.Data(2, 3, 4), p.Float(3), p.Float(3), mean, variance], [p.Data(2, 3, 4), p.Float(3), p.Float(3), mean, variance]);
    }

    private static void NormalizeBatchBackward(OperatorProbe p) => p.Add(
        OperatorKind.BatchNorm, new BatchNormAttributes { Mode = BatchNormMode.Backward, Epsilon = 1e-5f },
        [p.Data(2, 3, 4), p.Float(3), p.Float(3), p.Float(3), p.Data(2, 3, 4)], [p.Data(2, 3, 4), p.Float(3), p.Float(3)]);

    private static SliceAttributes Window()
    {
        var attributes = new SliceAttributes();
        (attributes.Begin[0], attributes.Step[0], attributes.Step[1]) = (1, 1, 1);
        return attributes;
    }

    private static PadAttributes Frame(Direction direction, Interop.PadMode mode)
    {
        var attributes = new PadAttributes { Direction = direction, Mode = mode };
        (attributes.Begin[0], attributes.Step[0], attributes.Step[1]) = (1, 1, 1);
        return attributes;
    }

    private static ResizeAttributes Scale(Direction direction) =>
        new() { Direction = direction, Mode = Interop.ResizeMode.Linear, Coordinates = Interop.ResizeCoordinates.HalfPixel, SpatialRank = 2 };

    private static GroupNormAttributes Groups(Direction direction) => new() { Direction = direction, Axis = 1, Groups = 2, Epsilon = 1e-5f };

    private static LocalResponseNormAttributes Neighbours(Direction direction) =>
        new() { Direction = direction, Size = 5, Alpha = 1e-4f, Beta = 0.75f, K = 2 };

    private static void Align(OperatorProbe p, int gradient) => p.Add(
        OperatorKind.CtcLoss, new CtcLossAttributes(),
        [p.Data(5, 2, 4), p.Tensor(DType.Int32, 2, 2), p.Tensor(DType.Int32, 2), p.Tensor(DType.Int32, 2)], [p.Data(2), gradient]);
}
