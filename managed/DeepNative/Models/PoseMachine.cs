using System.Globalization;
using DeepNative.Layers;
using DeepNative.Operators;

namespace DeepNative.Models;

/// <summary>
/// Convolutional pose machine (Wei, Ramakrishna, Kanade, Sheikh 2016): a map of belief for each point, made from the
/// picture alone and then, stage after stage, from features of the picture and the maps of the stage before, whose
/// large windows see how the points lie to each other. Input (N, C, H, W), output (N, points, H / 8, W / 8), the last
/// stage's maps.
/// </summary>
/// <remarks>
/// In training every stage's maps are compared with the target (<see cref="Graph.AddAuxiliary"/>), so that gradients
/// reach the first layers undiminished. Without the paper's map of the person's place, which marks one of several. The
/// children: "features", "stage1", "context" (the features that the later stages see), "stage2", ...
/// </remarks>
public sealed class PoseMachine : Layer
{
    private readonly Layer _features;
    private readonly Layer _context;
    private readonly Layer[] _stages;

    /// <summary>Creates the net.</summary>
    /// <param name="inputChannels">C, at least 1.</param>
    /// <param name="points">Maps, at least 1; the paper has one more than points, for the background.</param>
    /// <param name="stages">At least 1; 6 in the paper.</param>
    /// <param name="width">Channels of most layers, at least 4; 128 in the paper.</param>
    /// <param name="poolings">Halvings of the picture, 0 to 3; 3 in the paper.</param>
    /// <param name="kernel">The windows of the first layers, odd; 9 in the paper. The later stages' are larger by 2.</param>
    /// <exception cref="ArgumentOutOfRangeException">A number is outside its range.</exception>
    public PoseMachine(int inputChannels, int points, int stages = 6, int width = 128, int poolings = 3, int kernel = 9)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(inputChannels, 1);
        ArgumentOutOfRangeException.ThrowIfLessThan(points, 1);
        ArgumentOutOfRangeException.ThrowIfLessThan(stages, 1);
        ArgumentOutOfRangeException.ThrowIfLessThan(width, 4);
        ArgumentOutOfRangeException.ThrowIfNegative(poolings);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(poolings, 3);
        if (kernel < 1 || kernel % 2 == 0) throw new ArgumentOutOfRangeException(nameof(kernel), kernel, "expected an odd number");
        _stages = new Layer[stages];
        var thin = width / 4;
        _features = AddChild("features", Features());
        _stages[0] = AddChild("stage1", new Sequential([.. Convolve(thin, 4 * width, kernel), .. Convolve(4 * width, 4 * width, 1), Maps(4 * width)]));
        _context = stages > 1 ? AddChild("context", Features()) : _features;
        for (var stage = 1; stage < stages; stage++)
        {
            var wide = kernel + 2;
            _stages[stage] = AddChild(
                "stage" + (stage + 1).ToString(CultureInfo.InvariantCulture),
                new Sequential([
                    .. Convolve(thin + points, width, wide), .. Convolve(width, width, wide), .. Convolve(width, width, wide),
                    .. Convolve(width, width, 1), Maps(width),
                ]));
        }

        Sequential Features()
        {
            var layers = new List<Layer>();
            for (var i = 0; i < 3; i++)
            {
                layers.AddRange(Convolve(i == 0 ? inputChannels : width, width, kernel));
                if (i < poolings) layers.Add(new MaxPool2d(2));
            }

            layers.AddRange(Convolve(width, thin, Math.Min(kernel, 5)));
            return new Sequential([.. layers]);
        }

        static Layer[] Convolve(int from, int to, int kernel) =>
            [new Conv2d(from, to, kernel, padding: kernel / 2, weightInitializer: Initializer.HeNormal, biasInitializer: Initializer.Zeros), new ReLU()];

        Layer Maps(int from) =>
            new Conv2d(from, points, kernel: 1, weightInitializer: Initializer.Normal(0f, 0.01f), biasInitializer: Initializer.Zeros);
    }

    /// <summary>The paper's net: six stages, 368 x 368 pixels make 46 x 46 maps.</summary>
    /// <param name="input">(C, H, W), H and W multiples of 8.</param>
    /// <param name="points">Maps, at least 1.</param>
    /// <returns>The model.</returns>
    /// <exception cref="ArgumentException">The extents are not such multiples.</exception>
    public static PoseMachine Create(Shape input, int points)
    {
        Check(input, multiple: 8);
        return new PoseMachine((int)input[0], points);
    }

    /// <summary>Three stages of small windows that halve the picture twice: trains on a CPU.</summary>
    /// <param name="input">(C, H, W), H and W multiples of 4.</param>
    /// <param name="points">Maps, at least 1.</param>
    /// <returns>The model: output (N, points, H / 4, W / 4).</returns>
    /// <exception cref="ArgumentException">The extents are not such multiples.</exception>
    public static PoseMachine CreateSmall(Shape input, int points)
    {
        Check(input, multiple: 4);
        return new PoseMachine((int)input[0], points, stages: 3, width: 24, poolings: 2, kernel: 5);
    }

    /// <summary>The place of each map's largest number, refined by a parabola through its neighbours.</summary>
    /// <param name="maps">(points, P, Q), row-major: what the model gives for one picture.</param>
    /// <param name="rows">P, at least 1.</param>
    /// <param name="columns">Q, at least 1.</param>
    /// <param name="scale">Pixels of the picture in a cell of the map.</param>
    /// <returns>The middles in pixels, 0.5 being that of the first, and the largest numbers.</returns>
    /// <exception cref="ArgumentException">The numbers are not whole maps.</exception>
    public static (float X, float Y, float Peak)[] Peaks(ReadOnlySpan<float> maps, int rows, int columns, float scale = 1f)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(rows, 1);
        ArgumentOutOfRangeException.ThrowIfLessThan(columns, 1);
        if (maps.Length % (rows * columns) != 0) throw new ArgumentException($"{maps.Length} numbers are not maps of {rows} x {columns}.", nameof(maps));
        var peaks = new (float X, float Y, float Peak)[maps.Length / (rows * columns)];
        for (var point = 0; point < peaks.Length; point++)
        {
            var map = maps.Slice(point * rows * columns, rows * columns);
            var best = 0;
            for (var i = 1; i < map.Length; i++)
                if (map[i] > map[best]) best = i;
            var (y, x) = (best / columns, best % columns);
            var across = x > 0 && x < columns - 1 ? Vertex(map[best - 1], map[best], map[best + 1]) : 0f;
            var down = y > 0 && y < rows - 1 ? Vertex(map[best - columns], map[best], map[best + columns]) : 0f;
            peaks[point] = ((x + 0.5f + across) * scale, (y + 0.5f + down) * scale, map[best]);
        }

        return peaks;

        // Where the parabola through three numbers, the middle one the largest, is largest: -0.5 to 0.5.
        static float Vertex(float before, float middle, float after)
        {
            var curvature = before - 2f * middle + after;
            return curvature < 0f ? 0.5f * (before - after) / curvature : 0f;
        }
    }

    /// <inheritdoc/>
    protected override Value Build(Value input)
    {
        if (input.Shape.Rank != 4) throw Mismatch(input.Shape, "(N, C, H, W)");
        var maps = _stages[0].Forward(_features.Forward(input));
        if (_stages.Length == 1) return maps;
        var context = _context.Forward(input);
        for (var stage = 1; stage < _stages.Length; stage++)
        {
            if (input.Graph.Training) input.Graph.AddAuxiliary(maps, weight: 1f);
            maps = _stages[stage].Forward(Concat.Along(1, context, maps));
        }

        return maps;
    }

    private static void Check(Shape input, int multiple)
    {
        ModelChecks.Picture("the pose machine", input);
        if (input[1] % multiple != 0 || input[2] % multiple != 0)
            throw new ArgumentException($"the pose machine takes (C, H, W) with H and W multiples of {multiple}; the input is {input}.", nameof(input));
    }
}
