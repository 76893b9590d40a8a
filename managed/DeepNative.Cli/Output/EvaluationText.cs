using System.Globalization;
using DeepNative.Training;

namespace DeepNative.Cli.Output;

/// <summary>What an evaluation found, as lines for people.</summary>
internal static class EvaluationText
{
    // Of more classes only the worst are shown, and no matrix.
    private const int MostClasses = 20;
    private const int LongestName = 14;

    /// <summary>Errors, each class's share that was found, and the confusion matrix.</summary>
    /// <param name="result">The result.</param>
    /// <param name="names">The names of the classes; where there are none they are numbered.</param>
    /// <returns>The lines.</returns>
    public static IEnumerable<string> Lines(EvaluationResult result, IReadOnlyList<string> names)
    {
        if (result.Confusion is not { } matrix) yield break;
        var isMap = !double.IsNaN(result.MeanIntersectionOverUnion);
        var classes = Enumerable.Range(0, matrix.Classes).Where(index => matrix.Actual(index) + matrix.Predicted(index) > 0).ToArray();
        var shown = classes.Length <= MostClasses
            ? classes
            : [.. classes.OrderBy(index => isMap ? matrix.IntersectionOverUnion(index) : matrix.Recall(index)).Take(MostClasses)];
        var width = shown.Length == 0 ? 0 : shown.Max(index => Name(names, index).Length);
        if (shown.Length < classes.Length) yield return $"the {shown.Length} worst of {classes.Length} classes:";
        yield return $"{"class".PadRight(width)}  {"count",11}  recall  precision{(isMap ? "     IoU" : "")}";
        foreach (var index in shown)
        {
            var overlap = isMap ? $"  {Share(matrix.IntersectionOverUnion(index)),6}" : "";
            yield return $"{Name(names, index).PadRight(width)}  {Units.Count(matrix.Actual(index)),11}  {Share(matrix.Recall(index)),6}  {Share(matrix.Precision(index)),9}{overlap}";
        }

        if (matrix.Classes > MostClasses) yield break;
        var all = Enumerable.Range(0, matrix.Classes).ToArray();
        width = Math.Max("true \\ taken for".Length, all.Max(index => Name(names, index).Length));
        var cell = Math.Max(2, all.Max(row => all.Max(column => matrix[row, column].ToString(CultureInfo.InvariantCulture).Length)));
        yield return "";
        yield return "true \\ taken for".PadRight(width) + string.Concat(all.Select(column => "  " + column.ToString(CultureInfo.InvariantCulture).PadLeft(cell)));
        foreach (var row in all)
        {
            yield return $"{row,2} {Name(names, row)}".PadRight(width)
                + string.Concat(all.Select(column => "  " + matrix[row, column].ToString(CultureInfo.InvariantCulture).PadLeft(cell)));
        }
    }

    private static string Share(double value) => double.IsNaN(value) ? "-" : value.ToString("0.0000", CultureInfo.InvariantCulture);

    private static string Name(IReadOnlyList<string> names, int index)
    {
        var name = index < names.Count ? names[index] : index.ToString(CultureInfo.InvariantCulture);
        return name.Length <= LongestName ? name : name[..(LongestName - 1)] + "~";
    }
}
