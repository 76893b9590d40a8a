using System.Globalization;
using DeepNative.Models;
using DeepNative.Serialization;

namespace DeepNative.Training;

/// <content>Weights and checkpoints.</content>
public sealed partial class Trainer
{
    /// <summary>
    /// Writes the model's parameters, or their average (<see cref="UseAverage"/>), and statistics, under their names, and
    /// how inputs are normalised; a safetensors file, written atomically.
    /// </summary>
    /// <param name="path">The file; its folder must exist.</param>
    /// <exception cref="InvalidOperationException">A tensor holds a number that is not finite; the old file stays.</exception>
    /// <exception cref="IOException">The disk is full or failed; the old file stays.</exception>
    public void Save(string path)
    {
        ObjectDisposedException.ThrowIf(_disposed, this);
        if (WriteWeights(path) is { } tensor)
            throw new InvalidOperationException($"'{tensor}' holds a number that is not finite; nothing was written to '{path}'.");
    }

    /// <summary>
    /// Reads weights written by <see cref="Save"/> or <see cref="SaveCheckpoint"/>, or by another program under the same names.
    /// Of a checkpoint these are the weights themselves, not their average; a moving average begins anew.
    /// </summary>
    /// <param name="path">The file.</param>
    /// <exception cref="FileNotFoundException">There is no such file.</exception>
    /// <exception cref="InvalidDataException">
    /// The file is damaged or does not fit the model; missing, extra and differing tensors are listed. The model is as it was.
    /// </exception>
    public void Load(string path)
    {
        ObjectDisposedException.ThrowIf(_disposed, this);
        using var file = SafeTensors.Open(path);
        var input = ModelMetadata.ReadInput(file.Metadata, path);
        ModelFile.Load(file, path, _model, _device);
        _update.Average?.Reset();
        if (input is not null) Adopt(input);
    }

    /// <summary>
    /// Takes over the weights of another net of the same kind, all but its head (Yosinski et al.: "How transferable are
    /// features in deep neural networks?", 2014). Inputs are normalised as that net's were, unless
    /// <see cref="TrainerOptions.Normalization"/> says otherwise.
    /// </summary>
    /// <param name="path">A file as <see cref="Load"/> takes it.</param>
    /// <param name="head">
    /// The names of parameters that keep their first values, whatever the file has of them: <see cref="ModelEntry.HeadParameters"/>
    /// of a registered model. Null: none.
    /// </param>
    /// <returns>The names of what was loaded and what was not.</returns>
    /// <exception cref="FileNotFoundException">There is no such file.</exception>
    /// <exception cref="ArgumentException">The model has no parameter of a name of the head.</exception>
    /// <exception cref="InvalidDataException">
    /// The file is damaged, or something outside the head is missing, extra or of another shape; it is listed. The model is as it was.
    /// </exception>
    public TransferReport LoadFrom(string path, IReadOnlyCollection<string>? head = null)
    {
        ObjectDisposedException.ThrowIf(_disposed, this);
        var fresh = new HashSet<string>(head ?? [], StringComparer.Ordinal);
        var tensors = ModelFile.Tensors(_model);
        foreach (var name in fresh)
            if (!tensors.Exists(tensor => tensor.Name == name)) throw new ArgumentException($"model {_model} has no parameter '{name}'.", nameof(head));
        using var file = SafeTensors.Open(path);
        var input = ModelMetadata.ReadInput(file.Metadata, path);
        ModelFile.Load(file, path, _model, _device, fresh);
        _update.Average?.Reset();
        if (input is not null) Adopt(input);
        return new TransferReport(
            [.. tensors.Select(tensor => tensor.Name).Where(name => !fresh.Contains(name))],
            [.. tensors.Select(tensor => tensor.Name).Where(fresh.Contains)]);
    }

    /// <summary>
    /// Writes everything that a run needs to go on exactly: weights and their average, statistics, optimiser state,
    /// random states and the position. A safetensors file, written atomically.
    /// </summary>
    /// <param name="path">The file; its folder must exist.</param>
    /// <exception cref="InvalidOperationException">A tensor holds a number that is not finite; the old file stays.</exception>
    /// <exception cref="IOException">The disk is full or failed; the old file stays.</exception>
    public void SaveCheckpoint(string path)
    {
        ObjectDisposedException.ThrowIf(_disposed, this);
        if (WriteCheckpoint(path) is { } tensor)
            throw new InvalidOperationException($"'{tensor}' holds a number that is not finite; nothing was written to '{path}'.");
    }

    /// <summary>
    /// Takes up a run where a checkpoint left it: the next Fit continues it, to the bit, given the same
    /// data, batch size, optimiser, options and schedule.
    /// </summary>
    /// <param name="path">The file.</param>
    /// <exception cref="FileNotFoundException">There is no such file.</exception>
    /// <exception cref="InvalidDataException">
    /// The file is damaged, is no checkpoint, or does not fit model and optimiser; missing, extra and differing tensors are
    /// listed. The trainer is as it was.
    /// </exception>
    public void Resume(string path)
    {
        ObjectDisposedException.ThrowIf(_disposed, this);
        using var file = SafeTensors.Open(path);
        var metadata = file.Metadata;
        if (!ModelFile.IsCheckpoint(file))
            throw new InvalidDataException($"{path} holds no checkpoint of a run; weights alone are read by Load.");
        var version = ModelMetadata.Text(metadata, ModelMetadata.Version, path);
        if (version != ModelMetadata.CurrentVersion)
            throw new InvalidDataException($"{path} has checkpoint version {version}, expected {ModelMetadata.CurrentVersion}.");
        var input = ModelMetadata.ReadInput(metadata, path);
        var position = new RunPosition
        {
            Epoch = ModelMetadata.Number<int>(metadata, ModelMetadata.Epoch, path),
            Batch = ModelMetadata.Number<int>(metadata, ModelMetadata.Batch, path),
            Step = ModelMetadata.Number<long>(metadata, ModelMetadata.Step, path),
            Order = ModelMetadata.Number<int>(metadata, ModelMetadata.Order, path),
            BatchSize = ModelMetadata.Number<int>(metadata, ModelMetadata.BatchSize, path),
            DataCount = ModelMetadata.Number<int>(metadata, ModelMetadata.DataCount, path),
            Examples = ModelMetadata.Number<long>(metadata, ModelMetadata.Examples, path),
            LossSum = ModelMetadata.Real(metadata, ModelMetadata.LossSum, path),
            Unfinished = true,
        };
        if (_options.Schedule.PlateauRule is not null) position.Plateau = ModelMetadata.ReadPlateau(metadata, path);
        position.Best = ModelMetadata.ReadBest(metadata, path) with { Weights = ModelFile.ReadBest(file, path, _model) };
        var seed = ModelMetadata.Number<ulong>(metadata, ModelMetadata.Seed, path);
        TensorFile.Load(file, path, AllTensors(), static name => !ModelFile.IsBest(name));
        _position = position;
        _seed = seed;
        if (input is not null) Adopt(input);
    }

    // The name of a tensor that is not finite, in which case nothing was written; else null.
    private string? WriteCheckpoint(string path)
    {
        var metadata = Metadata(ModelMetadata.CheckpointKind);
        metadata[ModelMetadata.Epoch] = ModelMetadata.Text(_position.Epoch);
        metadata[ModelMetadata.Batch] = ModelMetadata.Text(_position.Batch);
        metadata[ModelMetadata.Step] = ModelMetadata.Text(_position.Step);
        metadata[ModelMetadata.Order] = ModelMetadata.Text(_position.Order);
        metadata[ModelMetadata.BatchSize] = ModelMetadata.Text(_position.BatchSize);
        metadata[ModelMetadata.DataCount] = ModelMetadata.Text(_position.DataCount);
        metadata[ModelMetadata.Examples] = ModelMetadata.Text(_position.Examples);
        metadata[ModelMetadata.LossSum] = ModelMetadata.Text(_position.LossSum);
        if (_options.Schedule.PlateauRule is not null) ModelMetadata.Write(metadata, _position.Plateau);
        metadata[ModelMetadata.Seed] = _seed.ToString(CultureInfo.InvariantCulture);
        metadata[ModelMetadata.Optimizer] = _optimizer.ToString();
        metadata[ModelMetadata.Schedule] = _options.Schedule.ToString()!;
        ModelMetadata.Write(metadata, _position.Best);
        return TensorFile.Save(path, AllTensors(), metadata, ModelFile.BestEntries(_model, _position.Best.Weights));
    }

    private string? WriteWeights(string path) => TensorFile.Save(path, ModelFile.Tensors(_model, Average), Metadata(ModelMetadata.Weights));

    private Dictionary<string, byte[]> CopyWeights() =>
        ModelFile.Tensors(_model, Average).ToDictionary(entry => entry.Name, entry => TensorFile.Copy(entry.Tensor), StringComparer.Ordinal);

    private void RestoreBest(BestEpoch best, string? path)
    {
        if (path is null)
        {
            foreach (var (name, tensor) in ModelFile.Tensors(_model)) TensorFile.Restore(tensor, best.Weights![name]);
        }
        else
        {
            using var file = SafeTensors.Open(path);
            ModelFile.Load(file, path, _model, _device);
        }

        _update.Average?.Reset();
    }

    private Dictionary<string, string> Metadata(string kind)
    {
        var metadata = new Dictionary<string, string>(StringComparer.Ordinal)
        {
            [ModelMetadata.Format] = ModelMetadata.FormatName,
            [ModelMetadata.Version] = ModelMetadata.CurrentVersion,
            [ModelMetadata.Kind] = kind,
        };
        if (_options.ModelName.Length > 0) metadata[ModelMetadata.Model] = _options.ModelName;
        if (_options.DataName.Length > 0) metadata[ModelMetadata.Data] = _options.DataName;
        ModelMetadata.WriteClassNames(metadata, _options.ClassNames);
        if (_options.ModelOptions is { } options) ModelMetadata.Write(metadata, options);
        if (_input is not null) ModelMetadata.Write(metadata, _input);
        return metadata;
    }

    private List<NamedTensor> AllTensors()
    {
        var tensors = ModelFile.Tensors(_model);
        var state = _update.State;
        foreach (var name in state.Names) tensors.Add(new NamedTensor(ModelFile.OptimizerPart + name, state[name]));
        if (_update.Average is { } average) tensors.AddRange(average.Tensors);
        if (_augmenter is not null) tensors.Add(new NamedTensor(ModelFile.RandomPart + "augmentation", _augmenter.State));
        foreach (var random in _model.RandomStates()) tensors.Add(new NamedTensor(ModelFile.RandomPart + random.Name, random.Tensor!));
        return tensors;
    }

    private void Adopt(InputSpec input)
    {
        // What the caller asked for explicitly goes before what the file says.
        _input = _options.Normalization is { } asked ? input with { Normalization = asked } : input;
    }
}
