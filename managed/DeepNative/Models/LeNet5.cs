using DeepNative.Layers;
using DeepNative.Operators;

namespace DeepNative.Models;

/// <summary>
/// LeNet-5 (LeCun, Bottou, Bengio, Haffner: "Gradient-based learning applied to document recognition", 1998), 0.95 % test
/// error on MNIST: C1 6 maps of 28 x 28, S2 6 of 14 x 14, C3 16 of 10 x 10, S4 16 of 5 x 5, C5 120, F6 84, 10 classes.
/// </summary>
public static class LeNet5
{
    private const int Least = 16;
    private const int CodeWidth = 7;
    private const int CodeHeight = 12;

    /// <summary>The S2 maps that each of the 16 maps of C3 is connected with: table I of the paper.</summary>
    private static readonly int[][] _connections =
    [
        [0, 1, 2], [1, 2, 3], [2, 3, 4], [3, 4, 5], [0, 4, 5], [0, 1, 5],
        [0, 1, 2, 3], [1, 2, 3, 4], [2, 3, 4, 5], [0, 3, 4, 5], [0, 1, 4, 5], [0, 1, 2, 5],
        [0, 1, 3, 4], [1, 2, 4, 5], [0, 2, 3, 5],
        [0, 1, 2, 3, 4, 5],
    ];

    /// <summary>
    /// As it is built today: C3 fully connected, ReLU, max pooling, logits; 61,706 parameters, of which 61,470 are weights.
    /// Named "conv1", "conv2", "fc1", "fc2", "fc3".
    /// </summary>
    /// <param name="input">(C, H, W) of one picture, usually (1, 28, 28), which gets a border of two zeros; at least 16 x 16 pixels.</param>
    /// <param name="classes">Outputs, at least 1.</param>
    /// <returns>The model: output (N, classes) logits.</returns>
    /// <exception cref="ArgumentException">The pictures are too small.</exception>
    public static Sequential Create(Shape input, int classes)
    {
        var channels = PictureNet.Channels("lenet5", input, Least);
        var (height, width, border) = Maps(input);
        return new Sequential(
        [
            ("conv1", new Conv2d(channels, 6, kernel: 5, padding: border)), ("relu1", new ReLU()), ("pool1", new MaxPool2d(2)),
            ("conv2", new Conv2d(6, 16, kernel: 5)), ("relu2", new ReLU()), ("pool2", new MaxPool2d(2)),
            ("flatten", new Flatten()),
            ("fc1", new Linear(checked((int)(16 * height * width)), 120)), ("relu3", new ReLU()),
            ("fc2", new Linear(120, 84)), ("relu4", new ReLU()),
            ("fc3", new Linear(84, classes)),
        ]);
    }

    /// <summary>
    /// As in 1998: C3 by the paper's connection table, trainable subsampling, f(x) = 1.7159 tanh(2x/3), and as output minus
    /// the squared distance of F6 to a fixed code of each class, a drawing of 7 x 12 pixels of 1 and -1. 60,000 trained
    /// values, named "C1" to "F6". Goes with <see cref="Losses.RbfCrossEntropy"/>.
    /// </summary>
    /// <param name="input">(C, H, W) of one picture, usually (1, 28, 28), whose edge is repeated twice around it; at least 16 x 16 pixels.</param>
    /// <param name="classes">Outputs, at least 1; those beyond the ten digits have random codes.</param>
    /// <returns>The model: output (N, classes), 0 at most.</returns>
    /// <exception cref="ArgumentException">The pictures are too small.</exception>
    public static Sequential CreateOriginal(Shape input, int classes)
    {
        var channels = PictureNet.Channels("lenet5-1998", input, Least);
        var (height, width, border) = Maps(input);
        return new Sequential(
        [
            ("border", new ReplicationPad2d(border)),
            ("C1", new Conv2d(channels, 6, kernel: 5, weightInitializer: Initializer.LeCunUniform, biasInitializer: Initializer.Zeros)),
            ("f1", new Squash()), ("S2", new Subsampling(6)), ("f2", new Squash()),
            ("C3", new TableConv2d(6, _connections, kernel: 5)), ("f3", new Squash()), ("S4", new Subsampling(16)), ("f4", new Squash()),
            ("flatten", new Flatten()),
            ("C5", new Linear(checked((int)(16 * height * width)), 120, weightInitializer: Initializer.LeCunUniform, biasInitializer: Initializer.Zeros)),
            ("f5", new Squash()),
            ("F6", new Linear(120, CodeWidth * CodeHeight, weightInitializer: Initializer.LeCunUniform, biasInitializer: Initializer.Zeros)),
            ("f6", new Squash()),
            ("rbf", new RadialBasis(Codes(classes), classes)),
        ]);
    }

    /// <summary>What two convolutions of 5 and two halvings leave of an extent.</summary>
    internal static long Extent(long extent) => ((extent - 4) / 2 - 4) / 2;

    private static (long Height, long Width, int Border) Maps(Shape input)
    {
        var border = input[1] == 28 && input[2] == 28 ? 2 : 0;
        return (Extent(input[1] + 2 * border), Extent(input[2] + 2 * border), border);
    }

    // 1 where a class's drawing has ink, else -1.
    private static float[] Codes(int classes)
    {
        const int Length = CodeWidth * CodeHeight;
        var codes = new float[classes * Length];
        for (var i = 0; i < classes; i++)
        {
            var code = codes.AsSpan(i * Length, Length);
            if (i < DigitDrawings.All.Length)
            {
                var drawing = DigitDrawings.All[i];
                for (var pixel = 0; pixel < Length; pixel++) code[pixel] = drawing[pixel] == '#' ? 1f : -1f;
            }
            else
            {
                new Philox(1998, stream: (uint)i).FillUniform(code, -1f, 1f);
                foreach (ref var number in code) number = number < 0f ? -1f : 1f;
            }
        }

        return codes;
    }

    private sealed class Squash : Layer
    {
        protected override Value Build(Value input) => 1.7159f * Pointwise.Tanh(2f / 3f * input);
    }

    // The sum of two by two elements, times a trained number, plus another, for each channel.
    private sealed class Subsampling : Layer
    {
        private readonly int _channels;
        private readonly Parameter _weight;
        private readonly Parameter _bias;

        public Subsampling(int channels)
        {
            _channels = channels;
            _weight = AddParameter("weight", new Shape(channels), Initializer.Constant(0.25f));
            _bias = AddParameter("bias", new Shape(channels), Initializer.Zeros);
        }

        protected override Value Build(Value input)
        {
            if (input.Shape.Rank != 4 || input.Shape[1] != _channels) throw Mismatch(input.Shape, $"(N, {_channels}, H, W)");
            var sum = 4f * Pooling.AvgPool2d(input, new PoolGeometry(2));
            var shape = new Shape(_channels, 1, 1);
            return sum * Reshape.To(input.Graph.Parameter(_weight), shape) + Reshape.To(input.Graph.Parameter(_bias), shape);
        }

        protected internal override long MultiplyAdds(Shape input, Shape output) => output.Count;
    }

    // A convolution whose outputs see only some of the inputs: one window for each connection, "weight" (connections, R, S).
    private sealed class TableConv2d : Layer
    {
        private readonly int _inputs;
        private readonly int _outputs;
        private readonly int _kernel;
        private readonly int _connectionCount;
        private readonly float[] _places;
        private readonly Parameter _weight;
        private readonly Parameter _bias;

        public TableConv2d(int inputs, int[][] table, int kernel)
        {
            (_inputs, _outputs, _kernel, _connectionCount) = (inputs, table.Length, kernel, table.Sum(row => row.Length));
            // (outputs * inputs, connections): 1 where the window of a connection belongs into the full weight.
            _places = new float[_outputs * inputs * _connectionCount];
            var connection = 0;
            for (var output = 0; output < _outputs; output++)
                foreach (var input in table[output]) _places[(output * inputs + input) * _connectionCount + connection++] = 1f;
            var fan = (double)_connectionCount / _outputs * kernel * kernel;
            _weight = AddParameter("weight", new Shape(_connectionCount, kernel, kernel), Initializer.LeCunUniform.WithFans(fan, fan));
            _bias = AddParameter("bias", new Shape(_outputs), Initializer.Zeros);
        }

        protected override Value Build(Value input)
        {
            if (input.Shape.Rank != 4 || input.Shape[1] != _inputs) throw Mismatch(input.Shape, $"(N, {_inputs}, H, W)");
            var graph = input.Graph;
            var places = graph.Constant(_places, new Shape(_outputs * _inputs, _connectionCount));
            var windows = Reshape.To(graph.Parameter(_weight), [_connectionCount, _kernel * _kernel]);
            var weight = Reshape.To(MatMul.Multiply(places, windows), [_outputs, _inputs, _kernel, _kernel]);
            return Convolution.Conv2d(input, weight, graph.Parameter(_bias));
        }

        protected internal override long MultiplyAdds(Shape input, Shape output) =>
            output.Count / _outputs * _connectionCount * _kernel * _kernel;
    }

    // Minus the squared distances to fixed codes of 1 and -1: |x - w|^2 = |x|^2 - 2 x w + length.
    private sealed class RadialBasis(float[] codes, int classes) : Layer
    {
        protected override Value Build(Value input)
        {
            var length = codes.Length / classes;
            if (input.Shape.Rank != 2 || input.Shape[1] != length) throw Mismatch(input.Shape, $"(N, {length})");
            var products = MatMul.Multiply(input, input.Graph.Constant(codes, new Shape(classes, length)), transposeB: true);
            return 2f * products - Reduce.Sum(input * input, [1], keepDims: true) - length;
        }

        private protected override Value Slide(Value input, SlidingWindows windows)
        {
            var length = codes.Length / classes;
            if (input.Shape.Rank != 4 || input.Shape[1] != length) throw Mismatch(input.Shape, $"(N, {length}, H, W)");
            var products = Convolution.Conv2d(input, input.Graph.Constant(codes, new Shape(classes, length, 1, 1)));
            return 2f * products - Reduce.Sum(input * input, [1], keepDims: true) - length;
        }

        protected internal override long MultiplyAdds(Shape input, Shape output) => output.Count * (codes.Length / classes);
    }
}
