namespace DeepNative.Data;

/// <summary>
/// Examples that take work to make (a file is read and decoded) and that training draws anew each epoch, such as a
/// random part of a picture. They are made on worker threads: both kinds of Gather are called by several at once.
/// </summary>
/// <remarks>The same (seed, epoch, example) gives the same bytes, whatever the number of threads and batches.</remarks>
public interface IRandomExampleSource : IExampleSource
{
    /// <summary>
    /// As <see cref="IExampleSource.Gather"/>, for training: what is random about an example depends on the seed, the
    /// epoch and its index alone. The Gather without a seed gives what is measured with, nothing random in it.
    /// </summary>
    /// <param name="indices">Which examples, each 0 to Count - 1.</param>
    /// <param name="inputs">Receives the inputs, row-major, one after the other.</param>
    /// <param name="targets">Receives the targets likewise.</param>
    /// <param name="seed">The run's seed.</param>
    /// <param name="epoch">Which of the run's orders of examples, from 0; never repeats in a run.</param>
    void Gather(ReadOnlySpan<int> indices, Span<byte> inputs, Span<byte> targets, ulong seed, int epoch);
}
