namespace DeepNative.Data;

/// <summary>Makes the files of a data set of what a package holds in another form.</summary>
internal interface IPackageLayout
{
    /// <summary>The content of a file; it is checked by the caller.</summary>
    /// <param name="folder">Holds the unpacked package.</param>
    /// <param name="file">The file to make.</param>
    /// <exception cref="InvalidDataException">The package holds something else; the message names the file.</exception>
    /// <exception cref="IOException">A file is missing or unreadable.</exception>
    Stream Open(string folder, DatasetFile file);
}
