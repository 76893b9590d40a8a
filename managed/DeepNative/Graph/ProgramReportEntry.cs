namespace DeepNative;

/// <summary>One kernel of a program.</summary>
public sealed record ProgramReportEntry
{
    /// <summary>The operators' names, which are their layers', joined with +.</summary>
    public required string Name { get; init; }

    /// <summary>The operator: "Convolution", "Pointwise"; "Layout" for a change of layout.</summary>
    public required string Kind { get; init; }

    /// <summary>The kernel that was chosen.</summary>
    public required string Kernel { get; init; }

    /// <summary>Its tensors: "(100,32,8,8) -> (100,64,4,4)".</summary>
    public required string Shape { get; init; }

    /// <summary>Operators that it does; above 1 where several are one kernel.</summary>
    public required int OperatorCount { get; init; }

    /// <summary>Kernels that could have done it.</summary>
    public required int CandidateCount { get; init; }

    /// <summary>Time over all profiled runs, in microseconds.</summary>
    public required double TotalMicroseconds { get; init; }

    /// <summary>Bytes read and written in a run, at the least.</summary>
    public required long Bytes { get; init; }

    /// <summary>Floating-point operations in a run, of the plain algorithm.</summary>
    public required long Operations { get; init; }

    internal static ProgramReportEntry From(Interop.ReportEntry entry) => new()
    {
        Name = entry.Name.ToString(),
        Kind = entry.Kind == 0 ? "Layout" : entry.Kind.ToString(),
        Kernel = entry.Kernel.ToString(),
        Shape = entry.Shape.ToString(),
        OperatorCount = entry.OperatorCount,
        CandidateCount = entry.CandidateCount,
        TotalMicroseconds = entry.TotalUs,
        Bytes = entry.Bytes,
        Operations = entry.Operations,
    };
}
