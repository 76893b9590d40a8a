using System.CommandLine;
using System.Globalization;
using DeepNative.Cli.Output;
using DeepNative.Cli.Runs;
using DeepNative.Data;
using DeepNative.Layers;
using DeepNative.Losses;
using DeepNative.Training;

namespace DeepNative.Cli.Commands;

/// <summary>Shows by class activation maps where in pictures a classifier sees a class.</summary>
internal sealed class CamCommand : LookCommand
{
    private readonly Option<int?> _class = CommonOptions.Number<int>("--class", "The class, by its number from 0. Default: the likeliest", zero: true);

    /// <summary>Creates the command.</summary>
    public CamCommand(TextWriter output, TextWriter error)
        : base("cam", "Shows where in pictures a classifier sees its class; without a picture, measures how well that fits drawn shapes", ArgumentArity.ZeroOrMore, output, error) => Options.Add(_class);

    /// <inheritdoc/>
    protected override IDisposable Open(TrainedModel trained, Device device, ParseResult parsed, out Func<string, (Picture Picture, string Text)> look)
    {
        var shape = trained.InputShape;
        var asked = parsed.GetValue(_class);
        var maps = Predictor.Open(trained.Path, device, ClassActivationMap.Of(trained.Model.Create(trained.Options), shape), new SquaredError());
        var classes = Predictor.Open(trained.Path, device, trained.Model.Create(trained.Options));
        var (height, width) = ((int)shape[1], (int)shape[2]);
        look = file =>
        {
            var picture = Read(file, trained);
            var prediction = classes.Predict(picture.Planes);
            var label = asked ?? prediction.Class(0);
            if (label >= prediction[0].Length) throw new UsageException($"--class {label}: the model has classes 0 to {prediction[0].Length - 1}");
            var map = maps.Predict(picture.Planes);
            var (rows, columns) = ((int)map.Shape[2], (int)map.Shape[3]);
            var heat = ClassActivationMap.Spread(map[0].Slice(label * rows * columns, rows * columns), columns, height, width);
            var (peak, _) = Localization.Peak(heat, width);
            var box = Localization.BoxAround(heat, width);
            var name = label < trained.ClassNames.Count ? trained.ClassNames[label] : label.ToString(CultureInfo.InvariantCulture);
            return (PictureOverlay.Beside(picture, PictureOverlay.Heat(picture, heat)), string.Create(
                CultureInfo.InvariantCulture, $"{name} {prediction[0][label]:P1}, strongest at {peak.X},{peak.Y}, box {box.Left},{box.Top} to {box.Right},{box.Bottom}"));
        };
        return new Both(maps, classes);
    }

    /// <inheritdoc/>
    protected override void Measure(Terminal terminal, TrainedModel trained, Device device)
    {
        const int count = 1000;
        const double least = 0.5;
        var shape = trained.InputShape;
        if (!string.Equals(trained.Data, "shapes", StringComparison.OrdinalIgnoreCase))
            throw new UsageException($"which pictures? Only drawn shapes have boxes to measure with, and {trained.Model.Name} was trained on {(trained.Data.Length > 0 ? trained.Data : "other ones")}");

        // The test set, with its boxes.
        var drawn = new ShapesDataset(new ShapesOptions { Size = (int)shape[1], Channels = (int)shape[0], Count = count, Seed = 2 });
        var pictures = drawn.ToImages();
        using var maps = Predictor.Open(trained.Path, device, ClassActivationMap.Of(trained.Model.Create(trained.Options), shape), new SquaredError());
        var (height, width, length) = ((int)shape[1], (int)shape[2], (int)shape.Count);
        var (pointing, fitting, middle) = (0, 0, 0);
        foreach (var drawnObject in drawn.Objects)
        {
            var map = maps.Predict(pictures.Images.Span.Slice(drawnObject.Picture * length, length));
            var cells = (int)(map.Shape[2] * map.Shape[3]);
            var heat = ClassActivationMap.Spread(map[0].Slice(drawnObject.Class * cells, cells), (int)map.Shape[3], height, width);
            if (drawnObject.Box.Contains(Localization.Peak(heat, width).Place)) pointing++;
            if (Localization.IntersectionOverUnion(Localization.BoxAround(heat, width), drawnObject.Box) >= least) fitting++;
            if (drawnObject.Box.Contains(width / 2, height / 2)) middle++;
        }

        terminal.Line(string.Create(
            CultureInfo.InvariantCulture,
            $"{(double)pointing / count:P1} of {count} test pictures: the map's peak lies in the object's box (the picture's middle: {(double)middle / count:P1}); {(double)fitting / count:P1}: the map's box has an intersection over union of at least {least}"));
    }

    private sealed class Both(IDisposable first, IDisposable second) : IDisposable
    {
        public void Dispose()
        {
            first.Dispose();
            second.Dispose();
        }
    }
}
