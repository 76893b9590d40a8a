namespace DeepNative.Data;

/// <summary>Some files of a folder are no pictures that could be used. The message lists the first of them.</summary>
public sealed class BadPicturesException : IOException
{
    private const int MostListed = 20;

    /// <summary>Without details.</summary>
    public BadPicturesException()
    {
    }

    /// <summary>With a message.</summary>
    /// <param name="message">What is wrong.</param>
    public BadPicturesException(string message) : base(message)
    {
    }

    /// <summary>With a message and a cause.</summary>
    /// <param name="message">What is wrong.</param>
    /// <param name="innerException">The cause.</param>
    public BadPicturesException(string message, Exception innerException) : base(message, innerException)
    {
    }

    /// <summary>With all bad files of a folder.</summary>
    /// <param name="folder">The folder.</param>
    /// <param name="bad">The files, at least one.</param>
    /// <param name="checkedFiles">How many were looked at.</param>
    /// <param name="remedy">A sentence that says what to do.</param>
    public BadPicturesException(string folder, IReadOnlyList<BadPicture> bad, int checkedFiles, string remedy)
        : base(Explain(folder, bad, checkedFiles, remedy)) => Pictures = bad;

    /// <summary>All of them.</summary>
    public IReadOnlyList<BadPicture> Pictures { get; } = [];

    private static string Explain(string folder, IReadOnlyList<BadPicture> bad, int checkedFiles, string remedy)
    {
        ArgumentNullException.ThrowIfNull(bad);
        var lines = new List<string> { $"{folder}: {bad.Count} of {checkedFiles} files cannot be used:" };
        lines.AddRange(bad.Take(MostListed).Select(static picture => $"  - {picture.Path}: {picture.Reason}"));
        if (bad.Count > MostListed) lines.Add($"  - and {bad.Count - MostListed} more");
        lines.Add(remedy);
        return string.Join(Environment.NewLine, lines);
    }
}
