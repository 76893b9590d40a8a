namespace DeepNative.Training;

/// <summary>A number that evaluation reports beside loss and error, such as the part of joints that a pose machine finds.</summary>
/// <remarks>Immutable and as thread-safe as its function.</remarks>
public sealed class Metric
{
    /// <summary>A metric that is the mean of a number of each example.</summary>
    /// <param name="name">Lower case with digits and underscores, as files and texts have it: "keypoint_error".</param>
    /// <param name="sum">
    /// From a batch of the model's outputs and the targets: the sum over its examples, float32 (). Built into the
    /// evaluation programs.
    /// </param>
    /// <exception cref="ArgumentException">The name is not of that form.</exception>
    public Metric(string name, Func<Value, Value, Value> sum)
    {
        ArgumentException.ThrowIfNullOrEmpty(name);
        ArgumentNullException.ThrowIfNull(sum);
        foreach (var letter in name)
            if (!char.IsAsciiLetterLower(letter) && !char.IsAsciiDigit(letter) && letter != '_')
                throw new ArgumentException($"'{name}' is no name of a metric: lower-case letters, digits and underscores.", nameof(name));
        Name = name;
        Sum = sum;
    }

    /// <summary>Its name in files and texts.</summary>
    public string Name { get; }

    internal Func<Value, Value, Value> Sum { get; }
}
