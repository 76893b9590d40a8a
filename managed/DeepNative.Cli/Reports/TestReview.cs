using System.Runtime.InteropServices;
using DeepNative.Cli.Images;
using DeepNative.Data;
using DeepNative.Training;

namespace DeepNative.Cli.Reports;

/// <summary>Predicts for uint8 or float32 inputs, given as bytes.</summary>
/// <param name="inputs">One or more whole inputs.</param>
/// <returns>The predictions.</returns>
internal delegate Prediction Predict(ReadOnlySpan<byte> inputs);

/// <summary>One test example and what the model made of it.</summary>
/// <param name="Index">Its number in the test set.</param>
/// <param name="Truth">The true class.</param>
/// <param name="Predicted">The class with the largest probability.</param>
/// <param name="Probability">That probability.</param>
/// <param name="TruthProbability">The probability of the true class.</param>
/// <param name="Picture">The example as PNG; null where it is no picture.</param>
internal sealed record ReviewedExample(int Index, int Truth, int Predicted, float Probability, float TruthProbability, byte[]? Picture);

/// <summary>Input, truth and prediction of a segmentation, each as PNG.</summary>
/// <param name="Index">Its number in the test set.</param>
/// <param name="Input">The picture.</param>
/// <param name="Truth">The true mask, a colour a class.</param>
/// <param name="Prediction">The predicted mask.</param>
/// <param name="Intersection">Intersection over union, mean of the classes that truth or prediction have.</param>
internal sealed record ReviewedMask(int Index, byte[]? Input, byte[] Truth, byte[] Prediction, double Intersection);

/// <summary>How a model does on a test set: which classes it confuses, and examples.</summary>
internal sealed class TestReview
{
    /// <summary>Examples that are looked at unless a model is large.</summary>
    public const int MostExamples = 10_000;

    private const int FewestExamples = 100;
    private const double MostMultiplyAdds = 2e12;
    private const int AtOnce = 128;
    private const int MostMistakes = 30;
    private const int MostRight = 10;
    private const int MostMasks = 6;
    private const int LargestSide = 512;

    private readonly List<ReviewedExample> _mistakes = [];
    private readonly List<ReviewedExample> _right = [];
    private readonly List<ReviewedMask> _masks = [];
    private readonly long[] _actual;
    private readonly long[] _predicted;
    private readonly long[] _hits;

    private TestReview(string name, int total, IReadOnlyList<string> classes)
    {
        Name = name;
        Total = total;
        Classes = classes;
        (_actual, _predicted, _hits) = (new long[classes.Count], new long[classes.Count], new long[classes.Count]);
        if (classes.Count <= HeatMap.MostClasses) Confusion = new long[classes.Count, classes.Count];
    }

    /// <summary>The test set.</summary>
    public string Name { get; }

    /// <summary>Its examples.</summary>
    public int Total { get; }

    /// <summary>Those that were looked at, evenly spread.</summary>
    public int Count { get; private set; }

    /// <summary>The classes.</summary>
    public IReadOnlyList<string> Classes { get; }

    /// <summary>[truth, predicted]: examples, or pixels of a segmentation; null where there are more classes than are drawn.</summary>
    public long[,]? Confusion { get; }

    /// <summary>Whether every pixel has a class.</summary>
    public bool IsSegmentation { get; private set; }

    /// <summary>Wrong ones, the surest first.</summary>
    public IReadOnlyList<ReviewedExample> Mistakes => _mistakes;

    /// <summary>Some right ones, evenly spread.</summary>
    public IReadOnlyList<ReviewedExample> Right => _right;

    /// <summary>Some segmentations.</summary>
    public IReadOnlyList<ReviewedMask> Masks => _masks;

    /// <summary>The part of examples, or pixels, that is right.</summary>
    public double Accuracy => Ratio(_hits.Sum(), _actual.Sum());

    /// <summary>Of the examples of a class, the part that was found.</summary>
    /// <param name="index">The class.</param>
    /// <returns>NaN where there is none.</returns>
    public double Recall(int index) => Ratio(_hits[index], _actual[index]);

    /// <summary>Of the examples that were taken for a class, the part that is.</summary>
    /// <param name="index">The class.</param>
    /// <returns>NaN where there is none.</returns>
    public double Precision(int index) => Ratio(_hits[index], _predicted[index]);

    /// <summary>Intersection over union of a class.</summary>
    /// <param name="index">The class.</param>
    /// <returns>NaN where neither truth nor predictions have it.</returns>
    public double Intersection(int index) => Ratio(_hits[index], _actual[index] + _predicted[index] - _hits[index]);

    /// <summary>Examples, or pixels, of a class.</summary>
    /// <param name="index">The class.</param>
    /// <returns>Their number.</returns>
    public long Support(int index) => _actual[index];

    /// <summary>Mean of the classes that truth or predictions have.</summary>
    public double MeanIntersection => Enumerable.Range(0, Classes.Count).Select(Intersection).Where(double.IsFinite).DefaultIfEmpty(double.NaN).Average();

    /// <summary>Looks at a test set.</summary>
    /// <param name="predict">The model.</param>
    /// <param name="test">The test set; targets are class indices, one for an example or one for a pixel.</param>
    /// <param name="classNames">Names of the classes; others are named by their number.</param>
    /// <param name="multiplyAdds">Of one example: of a large model fewer examples are looked at.</param>
    /// <returns>The review; null where targets are no class indices.</returns>
    public static TestReview? Of(Predict predict, IExampleSource test, IReadOnlyList<string> classNames, long multiplyAdds)
    {
        if (test.TargetType != DType.Int32 || test.TargetShape.Rank is not (0 or 2) || test.Count == 0) return null;
        var count = (int)Math.Min(test.Count, Math.Clamp(MostMultiplyAdds / Math.Max(1, multiplyAdds), FewestExamples, MostExamples));
        var inputBytes = checked((int)(test.InputShape.Count * test.InputType.Size()));
        var positions = (int)test.TargetShape.Count;
        var atOnce = Math.Clamp(AtOnce * 100_000 / inputBytes, 1, AtOnce);
        TestReview? review = null;
        for (var start = 0; start < count; start += atOnce)
        {
            var indices = new int[Math.Min(atOnce, count - start)];
            for (var i = 0; i < indices.Length; i++) indices[i] = (int)((long)(start + i) * test.Count / count);
            var inputs = new byte[indices.Length * inputBytes];
            var targets = new int[indices.Length * positions];
            test.Gather(indices, inputs, MemoryMarshal.AsBytes(targets.AsSpan()));
            var prediction = predict(inputs);
            review ??= new TestReview(test.Name, test.Count, Names(classNames, (int)prediction.Shape[1])) { Count = count, IsSegmentation = positions > 1 || test.TargetShape.Rank == 2 };
            for (var i = 0; i < indices.Length; i++)
            {
                var picture = new Lazy<byte[]?>(() => Picture(test, inputs.AsSpan(i * inputBytes, inputBytes)));
                if (review.IsSegmentation) review.AddMask(indices[i], prediction[i], targets.AsSpan(i * positions, positions), test.TargetShape, picture);
                else review.Add(indices[i], prediction, i, targets[i], picture);
            }
        }

        return review;
    }

    private static string[] Names(IReadOnlyList<string> names, int count)
    {
        var all = new string[count];
        for (var i = 0; i < count; i++) all[i] = i < names.Count ? names[i] : i.ToString(System.Globalization.CultureInfo.InvariantCulture);
        return all;
    }

    private void Add(int index, Prediction prediction, int row, int truth, Lazy<byte[]?> picture)
    {
        var predicted = prediction.Class(row);
        // Labels outside the classes mark examples that do not count.
        if (truth < 0 || truth >= Classes.Count) return;
        Tally(truth, predicted);
        var probabilities = Probabilities(prediction[row]);
        var probability = probabilities[predicted];
        var example = new ReviewedExample(index, truth, predicted, probability, probabilities[truth], null);
        if (predicted == truth)
        {
            if (_right.Count < MostRight && Support(truth) == 1) _right.Add(example with { Picture = picture.Value });
            return;
        }

        var place = _mistakes.FindIndex(other => other.Probability < probability);
        if (place < 0) place = _mistakes.Count;
        if (place >= MostMistakes) return;
        _mistakes.Insert(place, example with { Picture = picture.Value });
        if (_mistakes.Count > MostMistakes) _mistakes.RemoveAt(MostMistakes);
    }

    // Some losses predict scores, such as the perceptron's: their softmax, which keeps the order.
    private static float[] Probabilities(ReadOnlySpan<float> values)
    {
        var (least, most, sum) = (float.PositiveInfinity, float.NegativeInfinity, 0.0);
        foreach (var value in values) (least, most, sum) = (Math.Min(least, value), Math.Max(most, value), sum + value);
        var result = values.ToArray();
        if (least >= 0 && Math.Abs(sum - 1) <= 0.01) return result;
        sum = 0;
        for (var i = 0; i < result.Length; i++)
        {
            result[i] = MathF.Exp(result[i] - most);
            sum += result[i];
        }

        for (var i = 0; i < result.Length; i++) result[i] = (float)(result[i] / sum);
        return result;
    }

    private void AddMask(int index, ReadOnlySpan<float> scores, ReadOnlySpan<int> truth, Shape shape, Lazy<byte[]?> picture)
    {
        var (classes, positions) = (Classes.Count, truth.Length);
        var found = new int[positions];
        var one = new TestReview(Name, 1, Classes);
        for (var i = 0; i < positions; i++)
        {
            var best = 0;
            for (var k = 1; k < classes; k++)
                if (scores[k * positions + i] > scores[best * positions + i]) best = k;
            found[i] = best;
            if (truth[i] < 0 || truth[i] >= classes) continue;
            one.Tally(truth[i], best);
            Tally(truth[i], best);
        }

        if (_masks.Count >= MostMasks) return;
        var (height, width) = ((int)shape[0], (int)shape[1]);
        _masks.Add(new ReviewedMask(index, picture.Value, Mask(truth, classes, height, width), Mask(found, classes, height, width), one.MeanIntersection));
    }

    private void Tally(int truth, int predicted)
    {
        _actual[truth]++;
        _predicted[predicted]++;
        if (truth == predicted) _hits[truth]++;
        if (Confusion is not null) Confusion[truth, predicted]++;
    }

    private static double Ratio(long part, long all) => all == 0 ? double.NaN : (double)part / all;

    private static byte[]? Picture(IExampleSource source, ReadOnlySpan<byte> input)
    {
        var shape = source.InputShape;
        if (source.InputType != DType.UInt8 || shape.Rank != 3 || shape[0] is not (1 or 3)) return null;
        var (width, height, planes) = Shrink((int)shape[2], (int)shape[1], (int)shape[0], input);
        return PngWriter.FromPlanes(width, height, (int)shape[0], planes);
    }

    // Large pictures lose whole rows and columns by averaging: the report stays small.
    private static (int Width, int Height, byte[] Planes) Shrink(int width, int height, int channels, ReadOnlySpan<byte> planes)
    {
        var by = (Math.Max(width, height) + LargestSide - 1) / LargestSide;
        if (by <= 1) return (width, height, planes.ToArray());
        var (newWidth, newHeight) = (Math.Max(1, width / by), Math.Max(1, height / by));
        var small = new byte[channels * newWidth * newHeight];
        for (var channel = 0; channel < channels; channel++)
        {
            for (var y = 0; y < newHeight; y++)
            {
                for (var x = 0; x < newWidth; x++)
                {
                    var (sum, count) = (0, 0);
                    for (var dy = y * by; dy < Math.Min(height, (y + 1) * by); dy++)
                        for (var dx = x * by; dx < Math.Min(width, (x + 1) * by); dx++, count++)
                            sum += planes[(channel * height + dy) * width + dx];
                    small[(channel * newHeight + y) * newWidth + x] = (byte)(sum / Math.Max(1, count));
                }
            }
        }

        return (newWidth, newHeight, small);
    }

    // Two classes are black and white, as masks are stored; more have colours all round.
    private static byte[] Mask(ReadOnlySpan<int> labels, int classes, int height, int width)
    {
        var planes = new byte[3 * labels.Length];
        for (var i = 0; i < labels.Length; i++)
        {
            var (red, green, blue) = Color(labels[i], classes);
            planes[i] = red;
            planes[labels.Length + i] = green;
            planes[2 * labels.Length + i] = blue;
        }

        var (newWidth, newHeight, small) = Shrink(width, height, 3, planes);
        return PngWriter.FromPlanes(newWidth, newHeight, 3, small);
    }

    private static (byte Red, byte Green, byte Blue) Color(int label, int classes)
    {
        if (label < 0 || label >= classes) return (128, 128, 128);
        if (label == 0) return (0, 0, 0);
        if (classes == 2) return (255, 255, 255);
        var hue = 6.0 * (label - 1) / (classes - 1);
        byte Part(double shift) => (byte)Math.Round(255 * Math.Clamp(Math.Abs((hue + shift) % 6 - 3) - 1, 0.1, 1));
        return (Part(0), Part(4), Part(2));
    }
}
