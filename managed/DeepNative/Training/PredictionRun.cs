namespace DeepNative.Training;

/// <summary>Runs the prediction programs over any number of inputs.</summary>
internal static class PredictionRun
{
    // Larger requests are cut, so that memory stays bounded and few batch sizes are compiled.
    private const int MostAtOnce = 64;

    public static Prediction Run<T>(ModelPrograms programs, ReadOnlySpan<T> inputs) where T : unmanaged
    {
        var spec = programs.Input;
        var expected = typeof(T) == typeof(byte) ? DType.UInt8 : DType.Float32;
        if (spec.Type != expected)
            throw new ArgumentException($"the model takes {spec.Type} inputs of {spec.Shape}, found {expected}.", nameof(inputs));
        var length = spec.Shape.Count;
        if (inputs.Length == 0 || inputs.Length % length != 0)
            throw new ArgumentException(
                $"{inputs.Length} values are not one or more whole inputs of {spec.Shape}, {length} values each.", nameof(inputs));
        var count = (int)(inputs.Length / length);
        var outputLength = (int)programs.OutputShape.From(1).Count;
        var values = new float[checked(count * outputLength)];
        for (var start = 0; start < count; start += MostAtOnce)
        {
            var program = programs.Prediction(Math.Min(MostAtOnce, count - start));
            program.Input!.Tensor.Write(inputs.Slice((int)(start * length), (int)(program.Batch * length)));
            program.Program.Run();
            program.Output!.Read(values.AsSpan(start * outputLength, program.Batch * outputLength));
        }

        return new Prediction(values, programs.OutputShape.With(0, count));
    }
}
