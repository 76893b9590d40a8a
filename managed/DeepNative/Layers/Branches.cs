using System.Globalization;
using DeepNative.Operators;

namespace DeepNative.Layers;

/// <summary>
/// Layers beside each other: all get the input, and their outputs are joined along an axis, the channels as
/// a rule (the module of Szegedy et al.: "Going deeper with convolutions", 2015). The children are named
/// "0", "1", ... unless they are given names.
/// </summary>
public sealed class Branches : Layer
{
    private readonly int _axis;

    /// <summary>Joins along axis 1.</summary>
    /// <param name="branches">One or more, whose outputs differ only along the axis.</param>
    /// <exception cref="ArgumentException">There is no branch.</exception>
    public Branches(params ReadOnlySpan<Layer> branches)
        : this(1, branches)
    {
    }

    /// <summary>Joins along any axis.</summary>
    /// <param name="axis">The axis; below 0 it is counted from the end.</param>
    /// <param name="branches">One or more, whose outputs differ only along the axis.</param>
    /// <exception cref="ArgumentException">There is no branch.</exception>
    public Branches(int axis, params ReadOnlySpan<Layer> branches)
    {
        if (branches.IsEmpty) throw new ArgumentException("there is no branch.", nameof(branches));
        _axis = axis;
        for (var i = 0; i < branches.Length; i++) AddChild(i.ToString(CultureInfo.InvariantCulture), branches[i]);
    }

    /// <summary>Joins branches that have names of their own along axis 1.</summary>
    /// <param name="branches">One or more, each name once and without dots.</param>
    /// <exception cref="ArgumentException">There is no branch, or a name comes twice.</exception>
    public Branches(IReadOnlyList<(string Name, Layer Layer)> branches)
    {
        ArgumentNullException.ThrowIfNull(branches);
        if (branches.Count == 0) throw new ArgumentException("there is no branch.", nameof(branches));
        _axis = 1;
        foreach (var (name, layer) in branches) AddChild(name, layer);
    }

    /// <inheritdoc/>
    protected override Value Build(Value input)
    {
        var outputs = new Value[Children.Count];
        for (var i = 0; i < outputs.Length; i++) outputs[i] = Children[i].Forward(input);
        return Concat.Along(_axis, outputs);
    }
}
