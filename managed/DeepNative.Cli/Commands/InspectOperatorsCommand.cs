using System.CommandLine;
using System.Globalization;
using System.Text;
using System.Text.Json;
using DeepNative.Cli.Output;
using DeepNative.Operators;
using Spectre.Console;

namespace DeepNative.Cli.Commands;

/// <summary>Shows what each operator can do, found out on the devices of this machine.</summary>
internal sealed class InspectOperatorsCommand : Command
{
    // Written by the tests: the cases in which each kind of operator takes part.
    private const string Manifest = "operators.json";

    private readonly Option<string?> _json = CommonOptions.Json();

    /// <summary>Creates the command.</summary>
    /// <param name="output">Standard output.</param>
    /// <param name="error">Standard error.</param>
    public InspectOperatorsCommand(TextWriter output, TextWriter error)
        : base("operators", "Shows every operator: the devices and data types that have kernels, derivatives, tests")
    {
        Options.Add(_json);
        SetAction(parsed => Run(new Terminal(output, error, parsed.GetValue(_json)), parsed));
    }

    private static int Run(Terminal terminal, ParseResult parsed)
    {
        var tests = Tests();
        var known = Device.List();
        var rows = new List<Row>();
        var devices = known.Where(info => info.IsAvailable).Select(info => Device.Open(info.Name)).ToArray();
        try
        {
            foreach (var name in OperatorCatalog.Names)
            {
                var supports = Array.ConvertAll(devices, device => new Support(
                    device.Info.Name, OperatorCatalog.DataTypes(name, device), OperatorCatalog.DataTypes(name, device, backward: true)));
                rows.Add(new Row(name, Array.FindAll(supports, support => support.Forward.Count > 0), OperatorCatalog.DerivativeOrder(name), tests.GetValueOrDefault(name)));
            }
        }
        finally
        {
            foreach (var device in devices) device.Dispose();
        }

        terminal.Console.Write(Table(rows));
        terminal.Line("*: forward only. Derivatives are counted up to 2. Tests: cases of the suite in which the operator takes part.");
        foreach (var info in known.Where(info => !info.IsAvailable)) terminal.Line($"{info.Name} was not asked: {info.Detail}");
        terminal.WriteJson(Json(rows));
        return ExitCodes.Success;
    }

    private static Dictionary<string, int> Tests()
    {
        using var stream = typeof(InspectOperatorsCommand).Assembly.GetManifestResourceStream(Manifest)!;
        using var document = JsonDocument.Parse(stream);
        return document.RootElement.EnumerateObject().ToDictionary(entry => entry.Name, entry => entry.Value.GetInt32());
    }

    private static Table Table(List<Row> rows)
    {
        var table = new Table().Border(TableBorder.Simple).AddColumns("operator", "devices", "data types");
        foreach (var name in (string[])["derivatives", "tests"]) table.AddColumn(new TableColumn(name).RightAligned());
        foreach (var row in rows)
        {
            // Devices with the same types share a line.
            var groups = row.Supports.GroupBy(Types).ToArray();
            table.AddRow(
                new Text(row.Name),
                new Text(groups.Length == 0 ? "none" : string.Join('\n', groups.Select(group => string.Join(", ", group.Select(support => support.Device))))),
                new Text(string.Join('\n', groups.Select(group => group.Key))),
                new Text(row.DerivativeOrder?.ToString(CultureInfo.InvariantCulture) ?? "-"),
                new Text(row.Tests.ToString(CultureInfo.InvariantCulture)));
        }

        return table;
    }

    private static string Types(Support support) =>
        string.Join(' ', support.Forward.Select(type => support.Backward.Contains(type) ? Short(type) : Short(type) + "*"));

    private static string Json(List<Row> rows)
    {
        using var stream = new MemoryStream();
        using (var writer = new Utf8JsonWriter(stream, new JsonWriterOptions { Indented = true }))
        {
            writer.WriteStartArray();
            foreach (var row in rows)
            {
                writer.WriteStartObject();
                writer.WriteString("operator", row.Name);
                writer.WriteStartObject("devices");
                foreach (var support in row.Supports)
                {
                    writer.WriteStartObject(support.Device);
                    Write("forward", support.Forward);
                    Write("backward", support.Backward);
                    writer.WriteEndObject();
                }

                writer.WriteEndObject();
                if (row.DerivativeOrder is { } order) writer.WriteNumber("derivative_order", order);
                else writer.WriteNull("derivative_order");
                writer.WriteNumber("tests", row.Tests);
                writer.WriteEndObject();
            }

            writer.WriteEndArray();

            void Write(string name, IReadOnlyList<DType> types)
            {
                writer.WriteStartArray(name);
                foreach (var type in types) writer.WriteStringValue(Short(type));
                writer.WriteEndArray();
            }
        }

        return Encoding.UTF8.GetString(stream.ToArray());
    }

    private static string Short(DType type) => type switch
    {
        DType.Float32 => "f32",
        DType.Float64 => "f64",
        DType.Float16 => "f16",
        DType.BFloat16 => "bf16",
        DType.UInt8 => "u8",
        DType.Int32 => "i32",
        DType.Int64 => "i64",
        _ => throw new ArgumentOutOfRangeException(nameof(type), type, "not a data type"),
    };

    private sealed record Support(string Device, IReadOnlyList<DType> Forward, IReadOnlyList<DType> Backward);

    private sealed record Row(string Name, Support[] Supports, int? DerivativeOrder, int Tests);
}
