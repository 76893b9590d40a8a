namespace DeepNative.Data;

/// <summary>Some examples of another source, without a copy.</summary>
internal class ExampleSubset : ILabeledExamples
{
    // Indices that are translated at once, on the stack.
    private const int Chunk = 256;

    private readonly IExampleSource _source;
    private readonly int[] _indices;
    private readonly int[] _labels = [];
    private readonly int[] _groups = [];
    private readonly int _inputBytes;
    private readonly int _targetBytes;

    protected ExampleSubset(IExampleSource source, int[] indices, string name)
    {
        _source = source;
        _indices = indices;
        _inputBytes = checked((int)source.InputShape.Count * source.InputType.Size());
        _targetBytes = checked((int)source.TargetShape.Count * source.TargetType.Size());
        Name = name;
        MaxLabel = source.MaxLabel;
        if (source.Groups is { IsEmpty: false } groups) _groups = Select(groups, indices);
        if (source is ILabeledExamples { Labels.Length: > 0 } labeled) _labels = Select(labeled.Labels, indices);
    }

    public string Name { get; }

    public int Count => _indices.Length;

    public Shape InputShape => _source.InputShape;

    public DType InputType => _source.InputType;

    public Shape TargetShape => _source.TargetShape;

    public DType TargetType => _source.TargetType;

    public int? MaxLabel { get; }

    public Shape? WeightShape => _source.WeightShape;

    public ReadOnlySpan<int> Groups => _groups;

    public ReadOnlySpan<int> Labels => _labels;

    public IReadOnlyList<string> ClassNames => _source is ILabeledExamples labeled ? labeled.ClassNames : [];

    /// <summary>A subset that is random where its source is.</summary>
    public static IExampleSource Of(IExampleSource source, int[] indices, string name) => source switch
    {
        PictureFolder pictures => pictures.Select(indices, name),
        IRandomExampleSource random => new Random(random, indices, name),
        _ => new ExampleSubset(source, indices, name),
    };

    public void Gather(ReadOnlySpan<int> indices, Span<byte> inputs, Span<byte> targets)
    {
        Span<int> chosen = stackalloc int[Chunk];
        for (var start = 0; start < indices.Length; start += Chunk)
        {
            var part = Translate(indices, start, chosen);
            _source.Gather(part, Inputs(inputs, start, part.Length), Targets(targets, start, part.Length));
        }
    }

    public void GatherWeights(ReadOnlySpan<int> indices, Span<float> weights)
    {
        Span<int> chosen = stackalloc int[Chunk];
        var each = (int)(WeightShape?.Count ?? 0);
        for (var start = 0; start < indices.Length; start += Chunk)
        {
            var part = Translate(indices, start, chosen);
            _source.GatherWeights(part, weights.Slice(start * each, part.Length * each));
        }
    }

    /// <summary>Of the whole source: a part is normalised as the rest.</summary>
    public Normalization? Statistics() => _source.Statistics();

    private static int[] Select(ReadOnlySpan<int> values, int[] indices)
    {
        var selected = new int[indices.Length];
        Rows.Gather<int>(values, 1, indices, selected);
        return selected;
    }

    private Span<int> Translate(ReadOnlySpan<int> indices, int start, Span<int> chosen)
    {
        var part = chosen[..Math.Min(Chunk, indices.Length - start)];
        for (var i = 0; i < part.Length; i++) part[i] = _indices[indices[start + i]];
        return part;
    }

    private Span<byte> Inputs(Span<byte> inputs, int start, int count) => inputs.Slice(start * _inputBytes, count * _inputBytes);

    private Span<byte> Targets(Span<byte> targets, int start, int count) => targets.Slice(start * _targetBytes, count * _targetBytes);

    private sealed class Random(IRandomExampleSource source, int[] indices, string name)
        : ExampleSubset(source, indices, name), IRandomExampleSource
    {
        public void Gather(ReadOnlySpan<int> indices, Span<byte> inputs, Span<byte> targets, ulong seed, int epoch)
        {
            Span<int> chosen = stackalloc int[Chunk];
            for (var start = 0; start < indices.Length; start += Chunk)
            {
                var part = Translate(indices, start, chosen);
                source.Gather(part, Inputs(inputs, start, part.Length), Targets(targets, start, part.Length), seed, epoch);
            }
        }
    }
}
