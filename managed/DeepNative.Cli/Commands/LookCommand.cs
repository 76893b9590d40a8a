using System.CommandLine;
using DeepNative.Cli.Output;
using DeepNative.Cli.Runs;
using DeepNative.Data;

namespace DeepNative.Cli.Commands;

/// <summary>What commands share that show in pictures where a model sees what.</summary>
internal abstract class LookCommand : Command
{
    private readonly Argument<string> _run = new("run") { Description = "A run, a safetensors file, or a model: its latest run" };
    private readonly Argument<string[]> _files;
    private readonly Option<string> _out = new("--out") { Description = "The folder that the pictures are written to. Default: this one", DefaultValueFactory = _ => "." };
    private readonly Option<string?> _device = CommonOptions.Device();
    private readonly Option<int?> _threads = CommonOptions.Threads();

    protected LookCommand(string name, string description, ArgumentArity files, TextWriter output, TextWriter error)
        : base(name, description)
    {
        _files = new Argument<string[]>("file") { Description = "JPEG, PNG, PGM or PPM", Arity = files };
        Arguments.Add(_run);
        Arguments.Add(_files);
        foreach (var option in (Option[])[_out, _device, _threads]) Options.Add(option);
        SetAction(parsed => Run(new Terminal(output, error), parsed));
    }

    /// <summary>Makes what looks at one picture after the other.</summary>
    protected abstract IDisposable? Open(TrainedModel trained, Device device, ParseResult parsed, out Func<string, (Picture Picture, string Text)> look);

    /// <summary>What is done where no picture is named.</summary>
    protected virtual void Measure(Terminal terminal, TrainedModel trained, Device device)
    {
    }

    /// <summary>Reads a picture, of another size where one is asked for.</summary>
    protected static Picture Read(string path, int channels, int? height = null, int? width = null)
    {
        try
        {
            var bytes = File.ReadAllBytes(path);
            if (height is not { } rows || width is not { } columns) return PictureDecoder.Decode(bytes, channels);
            var planes = new byte[channels * rows * columns];
            PictureDecoder.DecodeResized(bytes, channels, default, columns, rows, flip: false, planes);
            return new Picture(columns, rows, channels, planes);
        }
        catch (PictureException exception)
        {
            throw new InvalidDataException($"{path}: {exception.Message}", exception);
        }
    }

    private int Run(Terminal terminal, ParseResult parsed)
    {
        var trained = TrainedModel.Find(parsed.GetRequiredValue(_run));
        var folder = parsed.GetRequiredValue(_out);
        Directory.CreateDirectory(folder);
        using var device = CommonOptions.Open(parsed.GetValue(_device), parsed.GetValue(_threads));
        using var opened = Open(trained, device, parsed, out var look);
        var files = parsed.GetValue(_files) ?? [];
        if (files.Length == 0) Measure(terminal, trained, device);
        foreach (var file in files)
        {
            var (picture, text) = look(file);
            var path = Path.Combine(folder, $"{Path.GetFileNameWithoutExtension(file)}.{Name}.png");
            File.WriteAllBytes(path, PictureEncoder.Png(picture));
            terminal.Line($"{file}: {text}; {path}");
        }

        return ExitCodes.Success;
    }
}
