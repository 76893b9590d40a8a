using System.Collections.Concurrent;
using System.Runtime.CompilerServices;
using DeepNative.Interop;

namespace DeepNative.Operators;

/// <summary>
/// The kinds of operator that programs consist of, and what each can do: found out by compiling and
/// differentiating a small use of each, so that nothing here is written down.
/// </summary>
public static class OperatorCatalog
{
    private const int HighestOrder = 2;

    private static readonly ConditionalWeakTable<Device, ConcurrentDictionary<(OperatorKind Kind, bool Backward, DType Type), bool>> _taken = [];

    /// <summary>Every kind of operator: "Pointwise", "Convolution", ...</summary>
    public static IReadOnlyList<string> Names { get; } = Enum.GetNames<OperatorKind>();

    /// <summary>The types of data for which a device has a kernel.</summary>
    /// <param name="name">The operator's kind.</param>
    /// <param name="device">An open device.</param>
    /// <param name="backward">True: which the derivative's kernels take, where the operator has such of its own.</param>
    /// <returns>The types; empty: the device has no kernel.</returns>
    /// <exception cref="ArgumentException">There is no such kind.</exception>
    public static IReadOnlyList<DType> DataTypes(string name, Device device, bool backward = false)
    {
        ArgumentNullException.ThrowIfNull(device);
        var kind = Kind(name);
        return Array.FindAll(Enum.GetValues<DType>(), type => Compiles(device, kind, backward, type));
    }

    /// <summary>How often results of an operator can be differentiated by its input.</summary>
    /// <param name="name">The operator's kind.</param>
    /// <returns>0, 1 or 2, which is as far as this looks; null: it has no result, or no function of the library makes it yet.</returns>
    /// <exception cref="ArgumentException">There is no such kind.</exception>
    public static int? DerivativeOrder(string name)
    {
        if (OperatorUses.Of(Kind(name)).Build is not { } build) return null;
        var graph = new Graph(training: true, name);
        var x = graph.Declare(DType.Float32, OperatorUses.Input, "x");
        var y = build(graph, x);
        for (var order = 0; order < HighestOrder; order++)
        {
            try
            {
                // The square, so that the next derivative depends on x even where y is a linear function of it.
                y = graph.Gradients(Reduce.Sum(y * y), [x])[0];
            }
            catch (Exception exception) when (exception is NotSupportedException or ArgumentException)
            {
                return order;
            }
        }

        return HighestOrder;
    }

    /// <summary>Whether a device has kernels for a node's data of a type; asked of it once.</summary>
    internal static bool Takes(Device device, NodeData data, DType type) =>
        _taken.GetOrCreateValue(device).GetOrAdd(
            (data.Kind, data.Backward, type), static (key, device) => Compiles(device, key.Kind, key.Backward, key.Type), device);

    private static bool Compiles(Device device, OperatorKind kind, bool backward, DType type)
    {
        var uses = OperatorUses.Of(kind);
        return OperatorProbe.Compiles(device, type, backward && uses.Backward is not null ? uses.Backward : uses.Forward);
    }

    private static OperatorKind Kind(string name) =>
        Names.Contains(name)
            ? Enum.Parse<OperatorKind>(name)
            : throw new ArgumentException($"there is no operator '{name}'; known are {string.Join(", ", Names)}.", nameof(name));
}
