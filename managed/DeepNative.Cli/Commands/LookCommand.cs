using System.CommandLine;
using DeepNative.Cli.Images;
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

    /// <summary>Reads a picture in its own size.</summary>
    protected static Picture Read(string path, int channels)
    {
        try
        {
            return PictureDecoder.Decode(File.ReadAllBytes(path), channels);
        }
        catch (PictureException exception)
        {
            throw exception.At(path);
        }
    }

    /// <summary>Reads a picture as a model is measured with it.</summary>
    protected static Picture Read(string path, TrainedModel trained)
    {
        var (channels, height, width) = ((int)trained.InputShape[0], (int)trained.InputShape[1], (int)trained.InputShape[2]);
        return new Picture(width, height, channels, PictureFile.Read(path).ToPlanes(channels, height, width, invert: false, trained.KnowsFolder));
    }

    private int Run(Terminal terminal, ParseResult parsed)
    {
        var trained = TrainedModel.Find(parsed.GetRequiredValue(_run));
        var folder = parsed.GetRequiredValue(_out);
        Directory.CreateDirectory(folder);
        using var device = CommonOptions.Open(parsed.GetValue(_device), parsed.GetValue(_threads));
        try
        {
            using var opened = Open(trained, device, parsed, out var look);
            var files = parsed.GetValue(_files) ?? [];
            if (files.Length == 0) Measure(terminal, trained, device);
            var written = new HashSet<string>(StringComparer.Ordinal);
            foreach (var file in files)
            {
                var (picture, text) = look(file);
                var path = Place(folder, file, written);
                File.WriteAllBytes(path, PictureEncoder.Png(picture));
                terminal.Line($"{file}: {text}; {path}");
            }
        }
        catch (Exception exception) when (exception is ArgumentException or ShapeException)
        {
            // The layers and the picture say what does not fit.
            throw new UsageException($"{Name} with {trained.Model.Name}: {exception.Message.Split(" (Parameter")[0]}");
        }

        return ExitCodes.Success;
    }

    // Pictures of several folders may have the same name.
    private string Place(string folder, string file, HashSet<string> written)
    {
        var name = Path.GetFileNameWithoutExtension(file);
        for (var number = 1; ; number++)
        {
            var path = Path.Combine(folder, number == 1 ? $"{name}.{Name}.png" : $"{name}-{number}.{Name}.png");
            if (written.Add(path)) return path;
        }
    }
}
