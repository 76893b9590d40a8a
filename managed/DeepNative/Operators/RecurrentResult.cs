namespace DeepNative.Operators;

/// <summary>What a recurrent operator or layer gives; each says which shapes.</summary>
/// <param name="Output">The hidden state of every step, zero behind the end of a shorter sequence.</param>
/// <param name="Hidden">The hidden state behind each sequence's last step.</param>
/// <param name="Cell">The cell state there; null but for an LSTM.</param>
public sealed record RecurrentResult(Value Output, Value Hidden, Value? Cell);
