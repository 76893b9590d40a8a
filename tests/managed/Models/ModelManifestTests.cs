using System.Runtime.CompilerServices;
using DeepNative.Layers;
using DeepNative.Models;

namespace DeepNative.Tests.Models;

/// <summary>tests/models.json: every model with its size, so that a change of one is seen, and bench/gpu knows their names.</summary>
internal sealed class ModelManifestTests
{
    private const string UpdateVariable = "DEEPNATIVE_UPDATE_MODELS";

    private static string ManifestFile => Path.Combine(Path.GetDirectoryName(ThisFile())!, "..", "..", "models.json");

    [Test]
    public void The_list_of_models_is_up_to_date()
    {
        var lines = ModelRegistry.All.OrderBy(model => model.Name, StringComparer.Ordinal).Select(model =>
        {
            var summary = ModelSummary.Of(model.Create(), model.InputShape);
            return $"  \"{model.Name}\": {{ \"parameters\": {summary.Parameters}, \"multiply_adds\": {summary.MultiplyAdds} }}";
        });
        var text = "{\n" + string.Join(",\n", lines) + "\n}\n";
        if (Environment.GetEnvironmentVariable(UpdateVariable) == "1") File.WriteAllText(ManifestFile, text);
        Assert.That(File.ReadAllText(ManifestFile), Is.EqualTo(text), $"{UpdateVariable}=1 writes tests/models.json anew");
    }

    private static string ThisFile([CallerFilePath] string path = "") => path;
}
