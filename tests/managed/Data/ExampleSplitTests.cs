using System.Runtime.InteropServices;
using DeepNative.Data;
using DeepNative.Tests.Training;
using DeepNative.Training;

namespace DeepNative.Tests.Data;

[TestFixture]
public sealed class ExampleSplitTests
{
    // 70, 20 and 10 of three classes, each picture one byte: its number.
    private static ImageDataset Uneven()
    {
        var labels = new int[100];
        for (var i = 0; i < labels.Length; i++) labels[i] = i % 10 < 7 ? 0 : i % 10 < 9 ? 1 : 2;
        return new ImageDataset("uneven", Enumerable.Range(0, 100).Select(i => (byte)i).ToArray(), labels, ["a", "b", "c"], 1, 1, 1);
    }

    private static byte[] Inputs(IExampleSource source)
    {
        var inputs = new byte[source.Count];
        source.Gather(Enumerable.Range(0, source.Count).ToArray(), inputs, new byte[sizeof(int) * source.Count]);
        return inputs;
    }

    [Test]
    public void Every_class_gives_its_share_and_nothing_is_lost()
    {
        var (train, validation) = ExampleSplit.HoldOut(Uneven().AsExamples(), 0.2, seed: 3);
        Assert.That(ClassBalance.Counts(((ILabeledExamples)validation).Labels, 3), Is.EqualTo(new[] { 14, 4, 2 }));
        Assert.That(ClassBalance.Counts(((ILabeledExamples)train).Labels, 3), Is.EqualTo(new[] { 56, 16, 8 }));
        Assert.That(Inputs(train).Concat(Inputs(validation)).Order(), Is.EqualTo(Enumerable.Range(0, 100)));
        Assert.That(Inputs(train), Is.Ordered);
        var labels = Uneven().Labels.ToArray();
        Assert.That(((ILabeledExamples)validation).Labels.ToArray(), Is.EqualTo(Inputs(validation).Select(i => labels[i])));
        Assert.That(((ILabeledExamples)validation).ClassNames, Is.EqualTo(new[] { "a", "b", "c" }));
    }

    [Test]
    public void The_seed_decides_and_images_split_as_examples_do()
    {
        var whole = Uneven();
        var (_, first) = ExampleSplit.HoldOut(whole.AsExamples(), 0.13, seed: 1);
        var (_, again) = ExampleSplit.HoldOut(whole.AsExamples(), 0.13, seed: 1);
        var (_, other) = ExampleSplit.HoldOut(whole.AsExamples(), 0.13, seed: 2);
        Assert.That(Inputs(again), Is.EqualTo(Inputs(first)).And.Length.EqualTo(13));
        Assert.That(Inputs(other), Is.Not.EqualTo(Inputs(first)));
        var (train, validation) = whole.Split(0.13, seed: 1);
        Assert.That(validation.Images.ToArray(), Is.EqualTo(Inputs(first)));
        Assert.That((train.Count, validation.Count), Is.EqualTo((87, 13)));
    }

    [Test]
    public void Examples_without_classes_are_divided_too()
    {
        var (train, validation) = ExampleSplit.HoldOut(Synthetic.Plane(1000), 0.25, seed: 1);
        Assert.That((train.Count, validation.Count), Is.EqualTo((750, 250)));
    }

    [Test]
    public void Weights_follow_their_examples()
    {
        var numbers = Enumerable.Range(0, 600).Select(i => (float)i).ToArray();
        var data = new TensorDataset(new Shape(1), numbers, new Shape(1), numbers).WithWeights(Shape.Scalar, numbers);
        var (train, _) = ExampleSplit.HoldOut(data, 0.25, seed: 1);
        var order = Enumerable.Range(0, train.Count).Reverse().ToArray();
        var (inputs, weights) = (new byte[4 * order.Length], new float[order.Length]);
        train.Gather(order, inputs, new byte[4 * order.Length]);
        train.GatherWeights(order, weights);
        Assert.That(MemoryMarshal.Cast<byte, float>(inputs).ToArray(), Is.EqualTo(weights).And.Ordered.Descending);
    }

    [Test]
    public void Wrong_parts_are_named()
    {
        var data = Uneven().AsExamples();
        Assert.That(() => ExampleSplit.HoldOut(data, 0), Throws.InstanceOf<ArgumentOutOfRangeException>());
        Assert.That(() => ExampleSplit.HoldOut(data, 1), Throws.InstanceOf<ArgumentOutOfRangeException>());
        Assert.That(() => ExampleSplit.HoldOut(data, double.NaN), Throws.InstanceOf<ArgumentOutOfRangeException>());
        Assert.That(() => ExampleSplit.HoldOut(data, 0.001), Throws.ArgumentException.With.Message.Contains("uneven"));
    }

    [Test]
    public void Weights_make_classes_count_the_same()
    {
        var counts = ClassBalance.Counts(Uneven().Labels.Span, 4);
        Assert.That(counts, Is.EqualTo(new[] { 70, 20, 10, 0 }));
        var weights = ClassBalance.Weights(counts);
        Assert.That(weights[3], Is.Zero);
        for (var label = 0; label < 3; label++) Assert.That(weights[label] * counts[label], Is.EqualTo(100.0 / 3).Within(1e-4));
        Assert.That(() => ClassBalance.Counts([0, 4], 4), Throws.ArgumentException.With.Message.Contains("label 1 is 4"));
        Assert.That(() => ClassBalance.Weights([0, 0]), Throws.ArgumentException);
        Assert.That(ClassBalance.Counts(Uneven().AsExamples(), 2), Is.EqualTo(new[] { 70, 20 }), "what is outside the classes is left out");
        Assert.That(ClassBalance.Counts(new MaskData(DType.UInt8), 2), Is.EqualTo(ClassBalance.Counts(new MaskData(DType.Int32), 2)).And.All.Positive);
        Assert.That(() => ClassBalance.Counts(Synthetic.Plane(10), 2), Throws.ArgumentException);
    }
}
