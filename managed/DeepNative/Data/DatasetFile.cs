namespace DeepNative.Data;

/// <summary>One file of a data set as it lies in the cache, unpacked.</summary>
/// <param name="Name">File name; sources may hold it with ".gz" added, packed.</param>
/// <param name="Bytes">Size, unpacked.</param>
/// <param name="Sha256">SHA-256 of the unpacked content, 64 lower-case hexadecimal digits.</param>
public sealed record DatasetFile(string Name, long Bytes, string Sha256);
