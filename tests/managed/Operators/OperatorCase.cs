namespace DeepNative.Tests.Operators;

/// <summary>One use of an operator, from which forward, derivative, pass and device tests are made.</summary>
/// <param name="Name">What is special about it.</param>
/// <param name="Build">Adds the operator to a graph and returns its result.</param>
internal sealed record OperatorCase(string Name, Func<CaseBuilder, Value> Build)
{
    public override string ToString() => Name;
}

/// <summary>A use of an operator that its shape rule refuses.</summary>
/// <param name="Name">What is wrong with it.</param>
/// <param name="Message">A part of the message, which names what was found and what was expected.</param>
/// <param name="Build">Tries to add it.</param>
internal sealed record BadCase(string Name, string Message, Action<CaseBuilder> Build)
{
    public override string ToString() => Name;
}

/// <summary>The cases of one operator family.</summary>
internal interface IOperatorCases
{
    static abstract IEnumerable<OperatorCase> Cases { get; }

    static abstract IEnumerable<BadCase> BadCases { get; }

    /// <summary>A case with random sizes and attributes.</summary>
    static abstract OperatorCase Random(System.Random random);
}
