using System.CommandLine;
using DeepNative.Cli.Runs;
using DeepNative.Models;
using DeepNative.Optimizers;
using DeepNative.Recipes;

namespace DeepNative.Cli.Commands;

/// <summary>The options of transfer learning.</summary>
internal sealed class TransferOptions
{
    private readonly Option<string?> _from = new("--from")
    {
        Description = "Begin with the weights of this safetensors file, or of this run, instead of random ones",
        HelpName = "FILE",
    };

    private readonly Option<int?> _classes = CommonOptions.Number<int>(
        "--replace-head", "With --from: make the layer that tells classes apart anew, for this many classes");

    private readonly Option<string[]> _frozen = new("--freeze")
    {
        Description = "Leave parameters as they are, statistics of batch norms included: names with * and ?, 'features.*'. May be given several times",
        HelpName = "PATTERN",
        Arity = ArgumentArity.OneOrMore,
        AllowMultipleArgumentsPerToken = false,
    };

    private readonly Option<float?> _headRate = CommonOptions.Number<float>("--head-lr-factor", "Multiply the learning rate of the head by this");

    /// <summary>All options.</summary>
    public IEnumerable<Option> All => [_from, _classes, _frozen, _headRate];

    /// <summary>A new run with what the options say.</summary>
    /// <param name="parsed">The command line.</param>
    /// <param name="run">The run.</param>
    /// <param name="model">Its model.</param>
    /// <returns>The run, whose recipe has groups for the patterns.</returns>
    /// <exception cref="UsageException">There is no such file, or no parameter of such a name; or an option needs another.</exception>
    public RunConfiguration Apply(ParseResult parsed, RunConfiguration run, ModelEntry model)
    {
        var (from, classes, rate) = (parsed.GetValue(_from), parsed.GetValue(_classes), parsed.GetValue(_headRate));
        if (from is null && classes is not null) throw new UsageException("--replace-head needs --from: the weights whose head is replaced");
        if (classes is not null && model.HeadParameters().Count == 0)
            throw new UsageException($"--replace-head: {model.Name} tells classes apart by nothing that is trained");
        if (from is not null) from = FileOf(from);
        var patterns = parsed.GetValue(_frozen) ?? [];
        var groups = new List<RecipeGroup>();
        if (patterns.Length > 0)
        {
            var names = model.Create().Parameters();
            foreach (var pattern in patterns)
            {
                if (pattern.Length == 0 || !names.Any(new ParameterGroup(pattern).Contains))
                    throw new UsageException(
                        $"--freeze '{pattern}': {model.Name} has no such parameter; there are "
                        + $"{string.Join(", ", names.Take(3).Select(parameter => parameter.Name))}, ... {names[^1].Name}");
                groups.Add(new RecipeGroup { Pattern = pattern, Frozen = true });
            }
        }

        if (rate is { } factor)
            foreach (var name in model.HeadParameters()) groups.Add(new RecipeGroup { Pattern = name, LearningRateFactor = factor });
        return run with
        {
            Recipe = run.Recipe with { Groups = [.. groups, .. run.Recipe.Groups] },
            From = from ?? "",
            ReplaceHead = classes ?? 0,
        };
    }

    /// <summary>What a run that goes on may be asked again.</summary>
    /// <param name="parsed">The command line.</param>
    /// <param name="run">The run.</param>
    /// <param name="same">Told each option, what is asked for or null, and what the run has; throws where they differ.</param>
    public void Continue(ParseResult parsed, RunConfiguration run, Action<string, object?, object> same)
    {
        same(_from.Name, parsed.GetValue(_from) is { } from ? FileOf(from) : null, run.From);
        same(_classes.Name, parsed.GetValue(_classes), run.ReplaceHead);
        var frozen = string.Join(' ', run.Recipe.Groups.Where(group => group.Frozen).Select(group => group.Pattern));
        same(_frozen.Name, parsed.GetValue(_frozen) is { Length: > 0 } patterns ? string.Join(' ', patterns) : null, frozen);
        same(_headRate.Name, parsed.GetValue(_headRate), run.Recipe.Groups.FirstOrDefault(group => !group.Frozen)?.LearningRateFactor ?? 1f);
    }

    private static string FileOf(string from)
    {
        if (File.Exists(from)) return Path.GetFullPath(from);
        if (RunFolder.Find(from) is { } run && File.Exists(run.Weights)) return Path.GetFullPath(run.Weights);
        throw new UsageException($"--from '{from}' is no safetensors file and no run with weights");
    }
}
