using System.Runtime.InteropServices;

namespace DeepNative.Data;

/// <summary>How often each class occurs, and weights that make up for it.</summary>
public static class ClassBalance
{
    /// <summary>The number of examples of each class.</summary>
    /// <param name="labels">Class indices, at least 0.</param>
    /// <param name="classes">The number of classes, more than the largest label.</param>
    /// <returns>One number per class.</returns>
    /// <exception cref="ArgumentException">A label is outside the classes.</exception>
    public static long[] Counts(ReadOnlySpan<int> labels, int classes)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(classes, 1);
        var counts = new long[classes];
        for (var i = 0; i < labels.Length; i++)
        {
            if ((uint)labels[i] >= (uint)classes)
                throw new ArgumentException($"label {i} is {labels[i]}, expected 0 to {classes - 1}.", nameof(labels));
            counts[labels[i]]++;
        }

        return counts;
    }

    /// <summary>The number of targets of each class: examples, or pixels of maps, of which labels outside the classes are left out.</summary>
    /// <param name="source">Examples whose targets are class indices. Where their classes are not known beforehand, all are read once.</param>
    /// <param name="classes">The number of classes.</param>
    /// <returns>One number per class.</returns>
    /// <exception cref="ArgumentException">The targets are no class indices.</exception>
    public static long[] Counts(IExampleSource source, int classes)
    {
        ArgumentNullException.ThrowIfNull(source);
        ArgumentOutOfRangeException.ThrowIfLessThan(classes, 1);
        if (source.TargetType is not (DType.Int32 or DType.UInt8))
            throw new ArgumentException($"{source.Name}: targets are {source.TargetType}, no class indices.", nameof(source));
        var counts = new long[classes];
        if (source is ILabeledExamples { Labels.Length: > 0 } labeled)
        {
            Add(labeled.Labels, counts);
            return counts;
        }

        var input = new byte[checked(source.InputShape.Count * source.InputType.Size())];
        var target = new byte[checked(source.TargetShape.Count * source.TargetType.Size())];
        var widened = new int[source.TargetType == DType.UInt8 ? target.Length : 0];
        for (var i = 0; i < source.Count; i++)
        {
            source.Gather([i], input, target);
            for (var pixel = 0; pixel < widened.Length; pixel++) widened[pixel] = target[pixel];
            Add(source.TargetType == DType.UInt8 ? widened : MemoryMarshal.Cast<byte, int>(target), counts);
        }

        return counts;
    }

    private static void Add(ReadOnlySpan<int> labels, long[] counts)
    {
        foreach (var label in labels)
            if ((uint)label < (uint)counts.Length) counts[label]++;
    }

    /// <summary>
    /// Weights of a loss by which every class counts the same: 1 / frequency, scaled so that the mean over all examples
    /// is 1. A class without examples has the weight 0.
    /// </summary>
    /// <param name="counts">The number of examples of each class.</param>
    /// <returns>One weight per class.</returns>
    /// <exception cref="ArgumentException">There are no examples, or a count is negative.</exception>
    public static float[] Weights(ReadOnlySpan<long> counts)
    {
        var total = 0L;
        var present = 0;
        foreach (var count in counts)
        {
            if (count < 0) throw new ArgumentException($"a class of {count} examples.", nameof(counts));
            total += count;
            if (count > 0) present++;
        }

        if (total == 0) throw new ArgumentException("there are no examples to weigh.", nameof(counts));
        var weights = new float[counts.Length];
        for (var label = 0; label < weights.Length; label++)
            if (counts[label] > 0) weights[label] = (float)(total / ((double)present * counts[label]));
        return weights;
    }
}
