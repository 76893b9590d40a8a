using System.Globalization;

namespace DeepNative.Optimizers;

/// <summary>
/// Parameters that an optimiser treats differently from the rest: another learning rate or weight decay,
/// or none of both. A parameter belongs to the first of <see cref="Optimizer.Groups"/> that contains it.
/// </summary>
/// <remarks>Immutable and as thread-safe as its predicate.</remarks>
public sealed class ParameterGroup
{
    private readonly Func<Parameter, bool> _contains;
    private readonly float _learningRateFactor = 1f;
    private readonly float? _weightDecay;

    /// <summary>The parameters whose full names match a pattern.</summary>
    /// <param name="pattern">
    /// "*" stands for any characters, dots included, "?" for one: "features.*", "*.bias". Case counts.
    /// </param>
    public ParameterGroup(string pattern)
        : this(pattern, parameter => Matches(pattern, parameter.Name))
    {
    }

    /// <summary>The parameters that a function says yes to.</summary>
    /// <param name="name">What they are called in messages and files: "vectors".</param>
    /// <param name="contains">Asked once for every parameter of a model: <c>p => p.Shape.Rank &lt; 2</c>.</param>
    public ParameterGroup(string name, Func<Parameter, bool> contains)
    {
        ArgumentException.ThrowIfNullOrEmpty(name);
        ArgumentNullException.ThrowIfNull(contains);
        Name = name;
        _contains = contains;
    }

    /// <summary>The pattern or name.</summary>
    public string Name { get; }

    /// <summary>What the optimiser's learning rate is multiplied by; a finite number above 0. 1 by default.</summary>
    /// <exception cref="ArgumentOutOfRangeException">Outside its range.</exception>
    public float LearningRateFactor
    {
        get => _learningRateFactor;
        init => _learningRateFactor = value > 0f && float.IsFinite(value)
            ? value
            : throw new ArgumentOutOfRangeException(nameof(value), value, "must be a finite number above 0");
    }

    /// <summary>The factor of the weights in their update; null: the optimiser's.</summary>
    /// <exception cref="ArgumentOutOfRangeException">Below 0 or not finite.</exception>
    public float? WeightDecay
    {
        get => _weightDecay;
        init => _weightDecay = value is not { } decay || (decay >= 0f && float.IsFinite(decay))
            ? value
            : throw new ArgumentOutOfRangeException(nameof(value), value, "must be a finite number, at least 0");
    }

    /// <summary>
    /// Whether the parameters stay as they are, to the bit: they get no gradient and no optimiser state. A batch norm
    /// all of whose parameters are frozen keeps its running statistics, too, and works by them, as in evaluation.
    /// </summary>
    public bool Frozen { get; init; }

    /// <summary>Whether a parameter is one of the group.</summary>
    /// <param name="parameter">A parameter, with its full name.</param>
    /// <returns>The answer of pattern or function.</returns>
    public bool Contains(Parameter parameter)
    {
        ArgumentNullException.ThrowIfNull(parameter);
        return _contains(parameter);
    }

    /// <summary>"features.* frozen", "*.bias learning_rate_factor 2 weight_decay 0".</summary>
    /// <returns>The text.</returns>
    public override string ToString()
    {
        if (Frozen) return Name + " frozen";
        var decay = WeightDecay is { } value ? string.Create(CultureInfo.InvariantCulture, $" weight_decay {value}") : "";
        return string.Create(CultureInfo.InvariantCulture, $"{Name} learning_rate_factor {LearningRateFactor}{decay}");
    }

    private static bool Matches(ReadOnlySpan<char> pattern, ReadOnlySpan<char> name)
    {
        // Where the last star was, and what of the name it has taken so far.
        var (at, star, taken) = (0, -1, 0);
        for (var i = 0; i < name.Length;)
        {
            if (at < pattern.Length && pattern[at] == '*')
            {
                (star, taken) = (at++, i);
            }
            else if (at < pattern.Length && (pattern[at] == '?' || pattern[at] == name[i]))
            {
                at++;
                i++;
            }
            else if (star >= 0)
            {
                at = star + 1;
                i = ++taken;
            }
            else
            {
                return false;
            }
        }

        return pattern[at..].Trim('*').IsEmpty;
    }
}
