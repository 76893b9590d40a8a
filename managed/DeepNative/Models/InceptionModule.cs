using DeepNative.Layers;
using DeepNative.Operators;

namespace DeepNative.Models;

/// <summary>A chain of layers, whose end may part into several beside each other.</summary>
internal readonly record struct InceptionBranch((string Name, Layer Layer)[] Chain, params (string Name, Layer Layer)[] Fork);

/// <summary>Branches whose channels are joined. As in torchvision the module itself has all their layers.</summary>
internal sealed class InceptionModule : Layer
{
    private readonly InceptionBranch[] _branches;

    public InceptionModule(params ReadOnlySpan<InceptionBranch> branches)
    {
        _branches = branches.ToArray();
        foreach (var (chain, fork) in _branches)
        {
            foreach (var (name, layer) in chain.Concat(fork)) AddChild(name, layer);
        }
    }

    protected override Value Build(Value input)
    {
        var outputs = new List<Value>();
        foreach (var (chain, fork) in _branches)
        {
            var value = input;
            foreach (var (_, layer) in chain) value = layer.Forward(value);
            if (fork.Length == 0) outputs.Add(value);
            foreach (var (_, layer) in fork) outputs.Add(layer.Forward(value));
        }

        return Concat.Along(1, [.. outputs]);
    }
}

/// <summary>
/// The pooling in front of an auxiliary head: means of windows that make a map of a given extent of the usual picture,
/// and adaptive ones that make it of any other.
/// </summary>
internal sealed class SidePool(int kernel, int stride, int extent) : Layer
{
    protected override Value Build(Value input)
    {
        if (input.Shape.Rank != 4) throw Mismatch(input.Shape, "(N, C, H, W)");
        return Fits(input.Shape[2]) && Fits(input.Shape[3])
            ? Pooling.AvgPool2d(input, new PoolGeometry(kernel) { Stride = stride })
            : Pooling.AdaptiveAverage(input, extent);

        bool Fits(long size) => size >= kernel && (size - kernel) / stride + 1 == extent;
    }
}
