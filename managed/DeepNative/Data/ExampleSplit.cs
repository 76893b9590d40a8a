namespace DeepNative.Data;

/// <summary>Divides examples at random: what is held out to choose by is never trained on.</summary>
public static class ExampleSplit
{
    // Tells the draw apart from other users of the same seed: "spli" in ASCII.
    private const uint Stream = 0x73706C69;

    /// <summary>
    /// Holds a part out, of every class its share (where classes are known, see <see cref="ILabeledExamples"/>). Of examples
    /// that were made of the same things, such as windows of pictures, it is whole things that are held out (see
    /// <see cref="IExampleSource.Groups"/>). Depends on the seed, the part, the classes and groups alone; both parts keep the
    /// order of the source.
    /// </summary>
    /// <param name="source">All examples; nothing is copied.</param>
    /// <param name="part">The part held out, of the examples or of the things they were made of; above 0 and below 1.</param>
    /// <param name="seed">Decides which.</param>
    /// <returns>The rest and what is held out, neither of them empty.</returns>
    /// <exception cref="ArgumentException">One of the two would be empty.</exception>
    /// <exception cref="ArgumentOutOfRangeException">The part is no part.</exception>
    public static (IExampleSource Train, IExampleSource Validation) HoldOut(IExampleSource source, double part, ulong seed = 0)
    {
        ArgumentNullException.ThrowIfNull(source);
        var (train, validation) = source.Groups is { IsEmpty: false } groups
            ? DivideGroups(source.Name, groups, part, seed)
            : Divide(source.Name, source.Count, source is ILabeledExamples labeled ? labeled.Labels : default, part, seed);
        return (
            ExampleSubset.Of(source, train, source.Name),
            ExampleSubset.Of(source, validation, $"{source.Name}, held out"));
    }

    /// <summary>The indices of both parts, ascending.</summary>
    internal static (int[] Train, int[] Validation) Divide(string name, int count, ReadOnlySpan<int> labels, double part, ulong seed)
    {
        if (!(part > 0.0 && part < 1.0)) throw new ArgumentOutOfRangeException(nameof(part), part, "expected above 0 and below 1.");
        var held = new bool[count];
        var wanted = (int)Math.Round(part * count, MidpointRounding.AwayFromZero);
        if (wanted == 0 || wanted == count)
            throw new ArgumentException($"{name}: {part} of {count} examples leaves one of the two parts empty.", nameof(part));
        var classes = Group(count, labels);
        var share = Shares(classes, part, wanted);
        for (var label = 0; label < classes.Length; label++)
        {
            var members = classes[label];
            new Philox(seed, Stream, (uint)label).Shuffle(members);
            for (var i = 0; i < share[label]; i++) held[members[i]] = true;
        }

        var (train, validation) = (new int[count - wanted], new int[wanted]);
        var (kept, taken) = (0, 0);
        for (var i = 0; i < count; i++)
        {
            if (held[i]) validation[taken++] = i;
            else train[kept++] = i;
        }

        return (train, validation);
    }

    // The groups are divided as examples are, and theirs follow them.
    private static (int[] Train, int[] Validation) DivideGroups(string name, ReadOnlySpan<int> groups, double part, ulong seed)
    {
        var numbers = new Dictionary<int, int>();
        foreach (var group in groups) numbers.TryAdd(group, numbers.Count);
        var (_, held) = Divide($"{name}, by what its examples were made of", numbers.Count, default, part, seed);
        var isHeld = new bool[numbers.Count];
        foreach (var group in held) isHeld[group] = true;
        var (train, validation) = (new List<int>(), new List<int>());
        for (var i = 0; i < groups.Length; i++) (isHeld[numbers[groups[i]]] ? validation : train).Add(i);
        return ([.. train], [.. validation]);
    }

    private static int[][] Group(int count, ReadOnlySpan<int> labels)
    {
        if (labels.Length == 0) return [Enumerable.Range(0, count).ToArray()];
        var members = new List<List<int>>();
        for (var i = 0; i < labels.Length; i++)
        {
            while (members.Count <= labels[i]) members.Add([]);
            members[labels[i]].Add(i);
        }

        return [.. members.Select(static list => list.ToArray())];
    }

    // Whole numbers that sum to what is wanted: the largest remainders are rounded up, of equal ones the first.
    private static int[] Shares(int[][] classes, double part, int wanted)
    {
        var share = Array.ConvertAll(classes, members => (int)(part * members.Length));
        var order = Enumerable.Range(0, classes.Length)
            .OrderByDescending(label => part * classes[label].Length - share[label]).ToArray();
        for (var i = 0; share.Sum() < wanted; i = (i + 1) % order.Length)
            if (share[order[i]] < classes[order[i]].Length) share[order[i]]++;
        return share;
    }
}
