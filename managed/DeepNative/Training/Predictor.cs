using DeepNative.Layers;
using DeepNative.Losses;
using DeepNative.Models;
using DeepNative.Serialization;

namespace DeepNative.Training;

/// <summary>A trained model for predictions alone: no optimiser, no gradients.</summary>
/// <remarks>Thread-safe: calls wait for each other.</remarks>
public sealed class Predictor : IDisposable
{
    private readonly Lock _gate = new();
    private readonly Layer _model;
    private readonly ModelPrograms _programs;
    private bool _disposed;

    private Predictor(Device device, Layer model, Loss loss, InputSpec input, string modelName, CompileOptions? options)
    {
        _model = model;
        _programs = new ModelPrograms(device, model, loss, input, options);
        ModelName = modelName;
    }

    /// <summary>The name in the file; empty where it says none.</summary>
    public string ModelName { get; }

    /// <summary>The shape of one input, without the batch axis.</summary>
    public Shape InputShape => _programs.Input.Shape;

    /// <summary>The inputs' data type: UInt8 or Float32.</summary>
    public DType InputType => _programs.Input.Type;

    /// <summary>What the model gives for a batch of one.</summary>
    internal Shape OutputShape => _programs.OutputShape;

    /// <summary>Reads a file that <see cref="Trainer.Save"/> or <see cref="Trainer.SaveCheckpoint"/> wrote.</summary>
    /// <param name="path">The file.</param>
    /// <param name="device">Where it runs; it must outlive the predictor.</param>
    /// <param name="model">The model, without tensors; null: the registry's, by the name in the file.</param>
    /// <param name="loss">Whose predictions are wanted; null: <see cref="SoftmaxCrossEntropy"/>, which gives probabilities.</param>
    /// <param name="inputShape">
    /// The shape of one input, without the batch axis, for models that take several sizes; null: as it was trained with.
    /// </param>
    /// <param name="options">How its programs are compiled, and in which precision; null: the defaults.</param>
    /// <returns>The predictor; it owns the model's tensors.</returns>
    /// <exception cref="FileNotFoundException">There is no such file.</exception>
    /// <exception cref="InvalidDataException">The file is damaged, does not fit the model, or does not say what the model is fed with.</exception>
    /// <exception cref="ArgumentException">The file names no model of the registry and none was given.</exception>
    /// <exception cref="ShapeException">The model does not take inputs of this shape; the layer is named.</exception>
    public static Predictor Open(string path, Device device, Layer? model = null, Loss? loss = null, Shape? inputShape = null, CompileOptions? options = null)
    {
        ArgumentNullException.ThrowIfNull(device);
        using var file = SafeTensors.Open(path);
        var name = file.Metadata.GetValueOrDefault(ModelMetadata.Model, "");
        var input = ModelMetadata.ReadInput(file.Metadata, path)
            ?? throw new InvalidDataException($"{path} does not say what the model is fed with; it was not written by a trainer.");
        model ??= name.Length > 0
            ? ModelRegistry.Get(name).Create(ModelMetadata.ReadOptions(file.Metadata, path))
            : throw new ArgumentException($"{path} names no model; give one.", nameof(model));
        var isFresh = model.Parameters().All(parameter => parameter.Tensor is null);
        try
        {
            ModelFile.Load(file, path, model, device);
            return new Predictor(device, model, loss ?? new SoftmaxCrossEntropy(), inputShape is { } shape ? input with { Shape = shape } : input, name, options);
        }
        catch
        {
            if (isFresh) model.ReleaseTensors();
            throw;
        }
    }

    /// <summary>Predicts for one or more images.</summary>
    /// <param name="images">uint8 (N, C, H, W), row-major.</param>
    /// <returns>Probabilities and classes, or what the loss's prediction is.</returns>
    /// <exception cref="ArgumentException">The bytes are not whole images of the size the model takes.</exception>
    public Prediction Predict(ReadOnlySpan<byte> images)
    {
        lock (_gate)
        {
            ObjectDisposedException.ThrowIf(_disposed, this);
            return PredictionRun.Run(_programs, images);
        }
    }

    /// <summary>Predicts for one or more float32 inputs.</summary>
    /// <param name="inputs">float32 (N, ...), row-major.</param>
    /// <returns>Probabilities and classes, or what the loss's prediction is.</returns>
    /// <exception cref="ArgumentException">The values are not whole inputs of the size the model takes.</exception>
    public Prediction Predict(ReadOnlySpan<float> inputs)
    {
        lock (_gate)
        {
            ObjectDisposedException.ThrowIf(_disposed, this);
            return PredictionRun.Run(_programs, inputs);
        }
    }

    /// <summary>Frees programs and the model's tensors; waits for a call under way.</summary>
    public void Dispose()
    {
        lock (_gate)
        {
            if (_disposed) return;
            _disposed = true;
            _programs.Dispose();
            _model.ReleaseTensors();
        }
    }
}
