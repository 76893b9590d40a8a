namespace DeepNative.Data;

/// <summary>How long servers are waited for.</summary>
/// <param name="Answer">For an answer at all, the connecting included.</param>
/// <param name="Stall">For the next bytes of a file.</param>
internal sealed record WebLimits(TimeSpan Answer, TimeSpan Stall)
{
    public static WebLimits Default { get; } = new(Answer: TimeSpan.FromSeconds(8), Stall: TimeSpan.FromSeconds(20));
}
