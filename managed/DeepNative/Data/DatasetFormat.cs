namespace DeepNative.Data;

/// <summary>The files of a data set, and what makes pictures and labels of them.</summary>
public abstract record DatasetFormat
{
    /// <summary>All files, as they lie in the cache.</summary>
    public abstract IReadOnlyList<DatasetFile> Files { get; }

    /// <summary>Reads the files.</summary>
    /// <param name="name">The data set's name, for messages and reports.</param>
    /// <param name="folder">Holds all of <see cref="Files"/>.</param>
    /// <param name="classNames">One name per class.</param>
    /// <returns>Both parts, in memory.</returns>
    /// <exception cref="FileNotFoundException">A file is missing.</exception>
    /// <exception cref="InvalidDataException">A file is damaged, or they do not fit each other.</exception>
    public abstract ImageSplits Read(string name, string folder, IReadOnlyList<string> classNames);
}
