using System.CommandLine;
using System.Globalization;
using DeepNative.Cli.Output;
using DeepNative.Cli.Runs;
using DeepNative.Data;
using DeepNative.Layers;
using DeepNative.Training;

namespace DeepNative.Cli.Commands;

/// <summary>Shows the classes of a picture's pixels; a classifier slides over the picture.</summary>
internal sealed class SegmentCommand : LookCommand
{
    /// <summary>Creates the command.</summary>
    public SegmentCommand(TextWriter output, TextWriter error)
        : base("segment", "Shows the class of every pixel, or that of every place where a classifier slides over a picture", ArgumentArity.OneOrMore, output, error)
    {
    }

    /// <inheritdoc/>
    protected override IDisposable? Open(TrainedModel trained, Device device, ParseResult parsed, out Func<string, (Picture Picture, string Text)> look)
    {
        var shape = trained.InputShape;
        var model = trained.Model.Create(trained.Options);
        if (ModelSummary.Of(model, shape).Layers[^1].OutputShape.Rank != 2)
        {
            var predictor = Predictor.Open(trained.Path, device, model);
            look = file =>
            {
                var picture = Read(file, (int)shape[0]);
                return Show(trained, picture, TiledPrediction.ClassMap(predictor, picture));
            };
            return predictor;
        }

        look = file =>
        {
            var picture = Read(file, (int)shape[0]);
            using var sliding = Predictor.Open(
                trained.Path, device, FullyConvolutional.Of(trained.Model.Create(trained.Options), shape),
                inputShape: new Shape(shape[0], picture.Height, picture.Width));
            var prediction = sliding.Predict(picture.Planes);
            var (rows, columns, map) = ((int)prediction.Shape[2], (int)prediction.Shape[3], prediction.ClassMap(0));

            // Each place stands for the middle of its window.
            var classes = new int[picture.Height * picture.Width];
            for (var i = 0; i < classes.Length; i++)
            {
                var (y, x) = (i / picture.Width, i % picture.Width);
                classes[i] = map[Place(y, picture.Height, (int)shape[1], rows) * columns + Place(x, picture.Width, (int)shape[2], columns)];
            }

            return Show(trained, picture, classes);
        };
        return null;

        static int Place(int pixel, int extent, int window, int places) =>
            places == 1 ? 0 : Math.Clamp((int)Math.Round((pixel - window / 2.0) * (places - 1) / Math.Max(1, extent - window)), 0, places - 1);
    }

    private static (Picture Picture, string Text) Show(TrainedModel trained, Picture picture, int[] classes)
    {
        var shares = classes.GroupBy(static label => label).OrderByDescending(static group => group.Count()).Select(group => string.Create(
            CultureInfo.InvariantCulture,
            $"{(group.Key < trained.ClassNames.Count ? trained.ClassNames[group.Key] : group.Key)} {(double)group.Count() / classes.Length:P1}"));
        return (PictureOverlay.Beside(picture, PictureOverlay.Classes(picture, classes)), string.Join(", ", shares));
    }
}
