using DeepNative.Cli.Output;
using DeepNative.Training;

namespace DeepNative.Tests.Cli;

internal sealed class EvaluationTextTests
{
    [Test]
    public void Classes_and_the_matrix_are_shown()
    {
        var result = new EvaluationResult(1, 0.3, 10, 1) { Confusion = new ConfusionMatrix(2, [3, 1, 2, 4]) };
        var lines = EvaluationText.Lines(result, ["cat", "a very long name of dogs"]).ToArray();
        Assert.That(lines, Has.One.Matches("^cat +4  0[.]7500 +0[.]6000$"));
        Assert.That(lines, Has.One.Matches("^a very long n~ +6  0[.]6667 +0[.]8000$"));
        Assert.That(lines, Has.One.Matches("^ 0 cat +3   1$"));
        Assert.That(lines, Has.One.Matches("^ 1 a very long n~ +2   4$"));
        Assert.That(string.Concat(lines), Does.Not.Contain("IoU"));
    }

    [Test]
    public void Maps_have_overlaps_and_classes_without_names_numbers()
    {
        var result = new EvaluationResult(1, 0.3, 10, 1) { Confusion = new ConfusionMatrix(2, [3, 1, 2, 4]), MeanIntersectionOverUnion = 0.5 };
        Assert.That(EvaluationText.Lines(result, []), Has.One.Matches("^0 +4  0[.]7500 +0[.]6000  0[.]5000$"));
    }

    [Test]
    public void Of_many_classes_the_worst_are_shown()
    {
        const int classes = 30;
        var counts = new long[classes * classes];
        for (var i = 0; i < classes; i++) (counts[i * classes + i], counts[i * classes]) = (i == 0 ? 1 : i, 1);
        var result = new EvaluationResult(1, 0.3, 10, 1) { Confusion = new ConfusionMatrix(classes, counts) };
        var lines = EvaluationText.Lines(result, []).ToArray();
        Assert.That(lines[0], Is.EqualTo("the 20 worst of 30 classes:"));
        Assert.That(lines, Has.Length.EqualTo(22));
    }

    [Test]
    public void Without_classes_there_is_nothing_to_show() =>
        Assert.That(EvaluationText.Lines(new EvaluationResult(1, double.NaN, 10, 1), []), Is.Empty);
}
