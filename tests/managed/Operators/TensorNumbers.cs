namespace DeepNative.Tests.Operators;

/// <summary>Moves float64 numbers to and from tensors of any data type.</summary>
internal static class TensorNumbers
{
    public static void Write(Tensor tensor, double[] numbers)
    {
        switch (tensor.DType)
        {
            case DType.Float32: tensor.Write<float>(Array.ConvertAll(numbers, n => (float)n)); break;
            case DType.Float64: tensor.Write<double>(numbers); break;
            case DType.Float16: tensor.Write<Half>(Array.ConvertAll(numbers, n => (Half)n)); break;
            case DType.BFloat16: tensor.Write<ushort>(Array.ConvertAll(numbers, n => (ushort)(BitConverter.SingleToUInt32Bits((float)n) >> 16))); break;
            case DType.UInt8: tensor.Write<byte>(Array.ConvertAll(numbers, n => (byte)n)); break;
            case DType.Int32: tensor.Write<int>(Array.ConvertAll(numbers, n => (int)n)); break;
            case DType.Int64: tensor.Write<long>(Array.ConvertAll(numbers, n => (long)n)); break;
            default: throw new ArgumentOutOfRangeException(nameof(tensor), tensor.DType, "no such data type.");
        }
    }

    public static double[] Read(Tensor tensor) => tensor.DType switch
    {
        DType.Float32 => Array.ConvertAll(tensor.ToArray<float>(), n => (double)n),
        DType.Float64 => tensor.ToArray<double>(),
        DType.Float16 => Array.ConvertAll(tensor.ToArray<Half>(), n => (double)n),
        DType.BFloat16 => Array.ConvertAll(tensor.ToArray<ushort>(), n => (double)BitConverter.UInt32BitsToSingle((uint)n << 16)),
        DType.UInt8 => Array.ConvertAll(tensor.ToArray<byte>(), n => (double)n),
        DType.Int32 => Array.ConvertAll(tensor.ToArray<int>(), n => (double)n),
        DType.Int64 => Array.ConvertAll(tensor.ToArray<long>(), n => (double)n),
        _ => throw new ArgumentOutOfRangeException(nameof(tensor), tensor.DType, "no such data type."),
    };
}
