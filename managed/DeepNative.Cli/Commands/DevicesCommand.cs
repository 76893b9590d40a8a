using System.CommandLine;
using DeepNative.Cli.Output;
using Spectre.Console;

namespace DeepNative.Cli.Commands;

/// <summary>Lists the devices, those that cannot be used with the reason.</summary>
internal sealed class DevicesCommand : Command
{
    /// <summary>Creates the command.</summary>
    /// <param name="output">Standard output.</param>
    /// <param name="error">Standard error.</param>
    public DevicesCommand(TextWriter output, TextWriter error)
        : base("devices", "Lists the devices to compute on, and why others cannot be used") =>
        SetAction(_ => Run(new Terminal(output, error)));

    private static int Run(Terminal terminal)
    {
        var table = new Table().Border(TableBorder.Simple).AddColumns("device", "usable", "memory", "what it is");
        foreach (var device in Device.List())
        {
            table.AddRow(
                new Text(device.Name),
                new Text(device.IsAvailable ? "yes" : "no"),
                new Text(device.MemoryBytes > 0 ? Units.Bytes(device.MemoryBytes) : ""),
                new Text(Describe(device)));
        }

        terminal.Console.Write(table);
        return ExitCodes.Success;
    }

    private static string Describe(DeviceInfo device) =>
        string.Join(", ", new[] { device.IsSimulated ? "for tests only" : "", device.Description, device.Detail }.Where(text => text.Length > 0));
}
