namespace DeepNative.Data;

/// <summary>No source gave the files of a data set. The message lists what was tried and what to put where.</summary>
public sealed class DatasetUnavailableException : IOException
{
    /// <summary>Without details.</summary>
    public DatasetUnavailableException()
    {
    }

    /// <summary>With a message.</summary>
    /// <param name="message">What was tried and what to do.</param>
    public DatasetUnavailableException(string message) : base(message)
    {
    }

    /// <summary>With a message and a cause.</summary>
    /// <param name="message">What was tried and what to do.</param>
    /// <param name="innerException">The cause.</param>
    public DatasetUnavailableException(string message, Exception innerException) : base(message, innerException)
    {
    }
}
