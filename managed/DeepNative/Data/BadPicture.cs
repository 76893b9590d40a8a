namespace DeepNative.Data;

/// <summary>A file that is no picture that could be used.</summary>
/// <param name="Path">The file.</param>
/// <param name="Reason">What is wrong with it.</param>
public sealed record BadPicture(string Path, string Reason);
