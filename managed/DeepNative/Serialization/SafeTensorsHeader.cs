using System.Text.Json;

namespace DeepNative.Serialization;

/// <summary>The checked JSON header of a safetensors file.</summary>
internal sealed class SafeTensorsHeader
{
    private readonly string _path;
    private readonly Dictionary<string, SafeTensorInfo> _tensors = new(StringComparer.Ordinal);
    private readonly Dictionary<string, string> _metadata = new(StringComparer.Ordinal);

    private SafeTensorsHeader(string path) => _path = path;

    internal IReadOnlyDictionary<string, SafeTensorInfo> Tensors => _tensors;

    internal IReadOnlyDictionary<string, string> Metadata => _metadata;

    /// <summary>Parses and checks everything the format promises.</summary>
    /// <exception cref="InvalidDataException">The header breaks the format.</exception>
    internal static SafeTensorsHeader Parse(string path, ReadOnlySpan<byte> json, long dataBytes)
    {
        var header = new SafeTensorsHeader(path);
        if (json.Length == 0 || json[0] != (byte)'{') throw header.Broken("the header does not begin with '{'");
        try
        {
            header.ReadEntries(json);
        }
        catch (JsonException error)
        {
            throw new InvalidDataException($"{path}: the header is not valid JSON: {error.Message}", error);
        }
        catch (InvalidOperationException error)
        {
            // The reader's answer to a string that is not valid UTF-8 or holds half a surrogate pair.
            throw new InvalidDataException($"{path}: the header holds broken text: {error.Message}", error);
        }

        header.CheckOffsets(dataBytes);
        return header;
    }

    private void ReadEntries(ReadOnlySpan<byte> json)
    {
        var reader = new Utf8JsonReader(json, new JsonReaderOptions { MaxDepth = 3 });
        reader.Read();
        var seenMetadata = false;
        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            var name = reader.GetString()!;
            reader.Read();
            if (name != SafeTensors.MetadataKey)
            {
                if (!_tensors.TryAdd(name, ReadTensor(ref reader, name))) throw Broken($"tensor '{name}' appears twice");
                continue;
            }

            if (seenMetadata) throw Broken($"'{SafeTensors.MetadataKey}' appears twice");
            seenMetadata = true;
            ReadMetadata(ref reader);
        }

        // Only white space may follow; the reader throws at anything else.
        reader.Read();
    }

    private void ReadMetadata(ref Utf8JsonReader reader)
    {
        if (reader.TokenType != JsonTokenType.StartObject)
            throw Broken($"'{SafeTensors.MetadataKey}' is {reader.TokenType}, expected an object of strings");
        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            var key = reader.GetString()!;
            reader.Read();
            if (reader.TokenType != JsonTokenType.String)
                throw Broken($"metadata '{key}' is {reader.TokenType}, expected a string");
            if (!_metadata.TryAdd(key, reader.GetString()!)) throw Broken($"metadata '{key}' appears twice");
        }
    }

    private SafeTensorInfo ReadTensor(ref Utf8JsonReader reader, string name)
    {
        if (reader.TokenType != JsonTokenType.StartObject)
            throw Broken($"tensor '{name}' is {reader.TokenType}, expected an object");
        SafeTensorType? type = null;
        long[]? shape = null;
        long[]? offsets = null;
        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            var key = reader.GetString();
            reader.Read();
            switch (key)
            {
                case "dtype" when type is null:
                    type = ReadType(ref reader, name);
                    break;
                case "shape" when shape is null:
                    shape = ReadNumbers(ref reader, name, "shape");
                    break;
                case "data_offsets" when offsets is null:
                    offsets = ReadNumbers(ref reader, name, "data_offsets");
                    break;
                case "dtype" or "shape" or "data_offsets":
                    throw Broken($"tensor '{name}' has two '{key}'");
                default:
                    throw Broken($"tensor '{name}' has '{key}', expected only dtype, shape, data_offsets");
            }
        }

        if (type is null || shape is null || offsets is not [var begin, var end])
            throw Broken($"tensor '{name}' needs dtype, shape and two data_offsets");
        var described = $"tensor '{name}', {type.Value.FileName()} ({string.Join(", ", shape)}),";
        if (!SafeTensors.TryCountBytes(shape, type.Value, out var bytes))
            throw Broken($"{described} has more bytes than a 64-bit number counts");
        if (end < begin || end - begin != bytes)
            throw Broken($"{described} has data_offsets {begin} to {end}, expected {bytes} bytes");
        if (begin % type.Value.ElementBytes() != 0)
            throw Broken($"{described} begins at byte {begin}, expected a multiple of {type.Value.ElementBytes()}");
        return new SafeTensorInfo(name, type.Value, shape, begin, end);
    }

    private SafeTensorType ReadType(ref Utf8JsonReader reader, string name)
    {
        var text = reader.TokenType == JsonTokenType.String ? reader.GetString() : reader.TokenType.ToString();
        return SafeTensorTypes.TryParse(text, out var type)
            ? type
            : throw Broken($"tensor '{name}' has dtype '{text}', expected one of {SafeTensorTypes.KnownNames}");
    }

    private long[] ReadNumbers(ref Utf8JsonReader reader, string name, string key)
    {
        if (reader.TokenType != JsonTokenType.StartArray)
            throw Broken($"{key} of tensor '{name}' is {reader.TokenType}, expected an array");
        var numbers = new List<long>();
        while (reader.Read() && reader.TokenType != JsonTokenType.EndArray)
        {
            if (reader.TokenType != JsonTokenType.Number || !reader.TryGetInt64(out var number) || number < 0)
                throw Broken($"{key} of tensor '{name}' holds something that is not an integer from 0 to 2^63 - 1");
            numbers.Add(number);
        }

        return [.. numbers];
    }

    // Together the tensors must cover the data exactly: no overlap, no hole, nothing left over.
    private void CheckOffsets(long dataBytes)
    {
        var ordered = new SafeTensorInfo[_tensors.Count];
        _tensors.Values.CopyTo(ordered, 0);
        Array.Sort(ordered, static (a, b) =>
            a.Begin != b.Begin ? a.Begin.CompareTo(b.Begin) : a.End.CompareTo(b.End));
        long covered = 0;
        foreach (var tensor in ordered)
        {
            if (tensor.End > dataBytes)
                throw Broken($"tensor '{tensor.Name}' ends at byte {tensor.End} of the data, which has {dataBytes}");
            if (tensor.Begin < covered)
                throw Broken($"tensor '{tensor.Name}' begins at byte {tensor.Begin}, inside the tensor that ends at {covered}");
            if (tensor.Begin > covered)
                throw Broken($"no tensor covers bytes {covered} to {tensor.Begin} of the data");
            covered = tensor.End;
        }

        if (covered != dataBytes)
            throw Broken($"{dataBytes - covered} bytes follow the last tensor, expected none");
    }

    private InvalidDataException Broken(string what) => new($"{_path}: {what}.");
}
