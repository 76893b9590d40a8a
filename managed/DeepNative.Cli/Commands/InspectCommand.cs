using System.CommandLine;
using System.Globalization;
using System.Text;
using System.Text.Json;
using DeepNative.Cli.Output;
using DeepNative.Layers;
using DeepNative.Models;
using DeepNative.Recipes;
using Spectre.Console;

namespace DeepNative.Cli.Commands;

/// <summary>Shows a model's layers; needs no device.</summary>
internal sealed class InspectCommand : Command
{
    private readonly Argument<string> _model = ModelArgument.Create();
    private readonly Option<int?> _batch = CommonOptions.Number<int>("--batch", "Samples that shapes and multiply-adds are for. Default: 1");
    private readonly Option<Shape?> _input = CommonOptions.InputShape("--input", "The shape of one input, such as 3x224x224. Default: the model's usual one");
    private readonly Option<int?> _classes = CommonOptions.Number<int>("--classes", "Classes to tell apart. Default: the model's usual ones");
    private readonly Option<string?> _json = CommonOptions.Json();

    /// <summary>Creates the command.</summary>
    /// <param name="output">Standard output.</param>
    /// <param name="error">Standard error.</param>
    public InspectCommand(TextWriter output, TextWriter error)
        : base("inspect", "Shows a model's layers: output shapes, receptive fields, parameters, multiply-adds, its recipes")
    {
        Arguments.Add(_model);
        foreach (var option in (Option[])[_batch, _input, _classes, _json]) Options.Add(option);
        Subcommands.Add(new InspectOperatorsCommand(output, error));
        SetAction(parsed => Run(new Terminal(output, error, parsed.GetValue(_json)), parsed));
    }

    private int Run(Terminal terminal, ParseResult parsed)
    {
        var entry = ModelArgument.Find(parsed.GetRequiredValue(_model));
        var batch = parsed.GetValue(_batch) ?? 1;
        var shape = parsed.GetValue(_input) ?? entry.InputShape;
        var summary = Summarize(entry, shape, parsed.GetValue(_classes) ?? entry.Classes, batch);
        var table = new Table().Border(TableBorder.Simple).AddColumns("layer", "kind", "output");
        foreach (var name in (string[])["sees / every", "parameters", "multiply-adds"]) table.AddColumn(new TableColumn(name).RightAligned());
        table.AddRow("", "input", new Shape([batch, .. shape]).ToString(), "", "", "");
        foreach (var layer in summary.Layers)
        {
            table.AddRow(
                new Text(layer.Name), new Text(layer.Kind), new Text(layer.OutputShape.ToString()), new Text(layer.Field?.ToString() ?? "all"),
                new Text(Units.Count(layer.Parameters)), new Text(Units.Count(layer.MultiplyAdds)));
        }

        table.AddEmptyRow();
        table.AddRow("total", "", "", "", Units.Count(summary.Parameters), Units.Count(summary.MultiplyAdds));
        if (summary.AuxiliaryParameters > 0) table.AddRow("only in training", "", "", "", Units.Count(summary.AuxiliaryParameters), "");
        terminal.Console.Write(table);
        foreach (var recipe in RecipeBook.For(entry.Name))
        {
            terminal.Line($"recipe {recipe.Name}: {recipe.Data}, {recipe.Epochs} epochs, batch {recipe.Batch}, {recipe.CreateOptimizer()}, "
                + $"schedule {recipe.CreateSchedule()} ({recipe.Source})");
        }

        terminal.WriteJson(Json(entry, shape, batch, summary));
        return ExitCodes.Success;
    }

    private static ModelSummary Summarize(ModelEntry entry, Shape shape, int classes, int batch)
    {
        try
        {
            return ModelSummary.Of(entry.Create(new ModelOptions { Classes = classes, InputShape = shape }), shape, batch);
        }
        catch (Exception error) when (error is ArgumentException or ShapeException)
        {
            throw new UsageException($"{entry.Name} cannot be made for inputs of {shape} and {classes.ToString(CultureInfo.InvariantCulture)} classes: {error.Message}");
        }
    }

    private static string Json(ModelEntry entry, Shape shape, int batch, ModelSummary summary)
    {
        using var stream = new MemoryStream();
        using (var writer = new Utf8JsonWriter(stream, new JsonWriterOptions { Indented = true }))
        {
            writer.WriteStartObject();
            writer.WriteString("model", entry.Name);
            writer.WriteNumber("batch", batch);
            Write("input", shape.ToArray());
            writer.WriteNumber("parameters", summary.Parameters);
            writer.WriteNumber("auxiliary_parameters", summary.AuxiliaryParameters);
            writer.WriteNumber("multiply_adds", summary.MultiplyAdds);
            writer.WriteStartArray("layers");
            foreach (var layer in summary.Layers)
            {
                writer.WriteStartObject();
                writer.WriteString("name", layer.Name);
                writer.WriteString("kind", layer.Kind);
                Write("output", layer.OutputShape.ToArray());
                if (layer.Field is { } field)
                {
                    Write("receptive_field", field.Size.ToArray());
                    writer.WriteStartArray("stride");
                    foreach (var stride in field.Stride) writer.WriteNumberValue(stride);
                    writer.WriteEndArray();
                }
                else
                {
                    writer.WriteNull("receptive_field");
                    writer.WriteNull("stride");
                }

                writer.WriteNumber("parameters", layer.Parameters);
                writer.WriteNumber("multiply_adds", layer.MultiplyAdds);
                writer.WriteEndObject();
            }

            writer.WriteEndArray();
            writer.WriteEndObject();

            void Write(string name, long[] extents)
            {
                writer.WriteStartArray(name);
                foreach (var extent in extents) writer.WriteNumberValue(extent);
                writer.WriteEndArray();
            }
        }

        return Encoding.UTF8.GetString(stream.ToArray());
    }
}
