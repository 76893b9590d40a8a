using System.Runtime.InteropServices;

namespace DeepNative.Data;

/// <summary>Classified examples that were made once and are kept in memory; normalised as their source is.</summary>
internal sealed class KeptExamples : ILabeledExamples, IContiguousExamples
{
    // Examples that one thread makes at a time.
    private const int Chunk = 16;

    private readonly ILabeledExamples _source;
    private readonly byte[] _inputs;
    private readonly int[] _labels;

    private KeptExamples(ILabeledExamples source, byte[] inputs, int[] labels) => (_source, _inputs, _labels) = (source, inputs, labels);

    public string Name => _source.Name;

    public int Count => _labels.Length;

    public Shape InputShape => _source.InputShape;

    public DType InputType => _source.InputType;

    public Shape TargetShape => _source.TargetShape;

    public DType TargetType => _source.TargetType;

    public int? MaxLabel => _source.MaxLabel;

    public ReadOnlySpan<int> Labels => _labels;

    public IReadOnlyList<string> ClassNames => _source.ClassNames;

    public ReadOnlySpan<byte> Inputs => _inputs;

    public ReadOnlySpan<byte> Targets => MemoryMarshal.AsBytes<int>(_labels);

    public object Owner => this;

    /// <summary>The same examples in memory, made by several threads; the source itself where they take too much.</summary>
    /// <param name="source">Examples with a class each.</param>
    /// <param name="most">The most bytes of inputs that are kept.</param>
    /// <param name="workers">Threads; 0: one for each core.</param>
    /// <param name="token">Ends it.</param>
    public static IExampleSource Of(IExampleSource source, long most, int workers, CancellationToken token)
    {
        var each = source.InputShape.Count * source.InputType.Size();
        if (source is not ILabeledExamples labeled || each * source.Count > Math.Min(most, Array.MaxLength)) return source;
        var (inputs, labels) = (new byte[each * source.Count], new int[source.Count]);
        Workers.For((source.Count + Chunk - 1) / Chunk, workers, chunk =>
        {
            var start = chunk * Chunk;
            Span<int> indices = stackalloc int[Math.Min(Chunk, labels.Length - start)];
            for (var i = 0; i < indices.Length; i++) indices[i] = start + i;
            source.Gather(
                indices, inputs.AsSpan((int)(start * each), (int)(indices.Length * each)),
                MemoryMarshal.AsBytes(labels.AsSpan(start, indices.Length)));
        }, token);
        return new KeptExamples(labeled, inputs, labels);
    }

    public void Gather(ReadOnlySpan<int> indices, Span<byte> inputs, Span<byte> targets)
    {
        Rows.Gather<byte>(_inputs, (int)InputShape.Count, indices, inputs);
        Rows.Gather<int>(_labels, 1, indices, MemoryMarshal.Cast<byte, int>(targets));
    }

    public Normalization? Statistics() => _source.Statistics();
}
