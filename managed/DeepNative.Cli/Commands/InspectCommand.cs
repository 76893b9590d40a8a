using System.CommandLine;
using DeepNative.Cli.Output;
using DeepNative.Layers;
using DeepNative.Recipes;
using Spectre.Console;

namespace DeepNative.Cli.Commands;

/// <summary>Shows a model's layers; needs no device.</summary>
internal sealed class InspectCommand : Command
{
    private readonly Argument<string> _model = ModelArgument.Create();
    private readonly Option<int?> _batch = CommonOptions.Number<int>("--batch", "Samples that shapes and multiply-adds are for. Default: 1");

    /// <summary>Creates the command.</summary>
    /// <param name="output">Standard output.</param>
    /// <param name="error">Standard error.</param>
    public InspectCommand(TextWriter output, TextWriter error)
        : base("inspect", "Shows a model's layers: output shapes, parameters, multiply-adds, its recipe")
    {
        Arguments.Add(_model);
        Options.Add(_batch);
        Subcommands.Add(new InspectOperatorsCommand(output, error));
        SetAction(parsed => Run(new Terminal(output, error), parsed));
    }

    private int Run(Terminal terminal, ParseResult parsed)
    {
        var entry = ModelArgument.Find(parsed.GetRequiredValue(_model));
        var batch = parsed.GetValue(_batch) ?? 1;
        var summary = ModelSummary.Of(entry.Create(), entry.InputShape, batch);
        var table = new Table().Border(TableBorder.Simple).AddColumns("layer", "kind", "output");
        foreach (var name in (string[])["parameters", "multiply-adds"]) table.AddColumn(new TableColumn(name).RightAligned());
        table.AddRow("", "input", new Shape([batch, .. entry.InputShape]).ToString(), "", "");
        foreach (var layer in summary.Layers)
        {
            table.AddRow(
                new Text(layer.Name), new Text(layer.Kind), new Text(layer.OutputShape.ToString()),
                new Text(Units.Count(layer.Parameters)), new Text(Units.Count(layer.MultiplyAdds)));
        }

        table.AddEmptyRow();
        table.AddRow("total", "", "", Units.Count(summary.Parameters), Units.Count(summary.MultiplyAdds));
        terminal.Console.Write(table);
        foreach (var recipe in RecipeBook.For(entry.Name))
        {
            terminal.Line($"recipe {recipe.Name}: {recipe.Data}, {recipe.Epochs} epochs, batch {recipe.Batch}, {recipe.CreateOptimizer()}, "
                + $"schedule {recipe.CreateSchedule()} ({recipe.Source})");
        }

        return ExitCodes.Success;
    }
}
