using DeepNative.Operators;

namespace DeepNative;

/// <summary>
/// Reverse-mode differentiation: walks the nodes between the given values and the output backwards in
/// program order and asks each for its derivative.
/// </summary>
internal sealed class Differentiation
{
    private readonly Graph _graph;
    private readonly Value _output;
    private readonly Value _gradOutput;
    private readonly Value[] _targets;
    private readonly HashSet<Value> _dependents;
    private readonly Dictionary<Value, Value> _gradients = [];

    public Differentiation(Graph graph, Value output, Value gradOutput, ReadOnlySpan<Value> withRespectTo)
    {
        _graph = graph;
        _output = output;
        _gradOutput = gradOutput;
        _targets = withRespectTo.ToArray();
        _dependents = [.. _targets];
    }

    public IReadOnlyList<Value> Run()
    {
        var count = _graph.Nodes.Count;
        for (var i = 0; i < count; i++) MarkDependents(_graph.Nodes[i]);
        _gradients[_output] = _gradOutput;
        for (var i = count - 1; i >= 0; i--) Differentiate(_graph.Nodes[i]);
        return Array.ConvertAll(_targets, GradientOf);
    }

    private void MarkDependents(Node node)
    {
        if (!Array.Exists([.. node.Inputs], input => input is not null && _dependents.Contains(input))) return;
        foreach (var output in node.Outputs)
        {
            if (output.DType.IsFloatingPoint()) _dependents.Add(output);
        }
    }

    private void Differentiate(Node node)
    {
        var needs = new bool[node.Inputs.Count];
        var any = false;
        for (var i = 0; i < needs.Length; i++)
        {
            needs[i] = node.Inputs[i] is { } input && _dependents.Contains(input);
            any |= needs[i];
        }

        var gradOutputs = new Value?[node.Outputs.Count];
        var reached = false;
        for (var i = 0; i < gradOutputs.Length; i++)
        {
            gradOutputs[i] = _gradients.GetValueOrDefault(node.Outputs[i]);
            reached |= gradOutputs[i] is not null;
        }

        if (!any || !reached) return;
        using (_graph.ScopePath(node.Name + ".backward"))
        {
            var gradInputs = node.Derivative(new DerivativeContext(gradOutputs, needs));
            for (var i = 0; i < gradInputs.Length; i++)
            {
                if (needs[i] && gradInputs[i] is { } gradient) Accumulate(node.Inputs[i]!, gradient);
            }
        }
    }

    private void Accumulate(Value value, Value gradient)
    {
        if (gradient.Shape != value.Shape)
            throw new InvalidOperationException($"the gradient of '{value.Name}' is {gradient.Shape}, the value is {value.Shape}.");
        _gradients[value] = _gradients.TryGetValue(value, out var sum) ? Pointwise.Add(sum, gradient) : gradient;
    }

    private Value GradientOf(Value target) =>
        _gradients.TryGetValue(target, out var gradient)
            ? gradient
            : throw new ArgumentException($"'{_output.Name}' does not depend on '{target.Name}'.");
}
