using DeepNative.Interop;

namespace DeepNative;

/// <summary>What was compiled, and how long it took where it was profiled: a snapshot.</summary>
public sealed record ProgramReport
{
    /// <summary>Memory of all transient values together, as planned.</summary>
    public required long TransientPeakBytes { get; init; }

    /// <summary>What they would take without sharing memory.</summary>
    public required long TransientSumBytes { get; init; }

    /// <summary>Bound tensors, as they lie on the device.</summary>
    public required long PersistentBytes { get; init; }

    /// <summary>Kernels' work space, inside the transient memory.</summary>
    public required long ScratchBytes { get; init; }

    /// <summary>Runs since the program was compiled.</summary>
    public required long RunCount { get; init; }

    /// <summary>Of these, runs that were timed.</summary>
    public required long ProfiledRunCount { get; init; }

    /// <summary>The kernels in the order in which they run.</summary>
    public required IReadOnlyList<ProgramReportEntry> Entries { get; init; }

    internal static ProgramReport Of(ProgramHandle program)
    {
        using var report = Native.ProgramReport(program);
        var summary = Native.ReportGetSummary(report);
        var entries = new ProgramReportEntry[summary.EntryCount];
        for (var i = 0; i < entries.Length; i++) entries[i] = ProgramReportEntry.From(Native.ReportGetEntry(report, i));
        return new ProgramReport
        {
            TransientPeakBytes = summary.TransientPeakBytes,
            TransientSumBytes = summary.TransientSumBytes,
            PersistentBytes = summary.PersistentBytes,
            ScratchBytes = summary.ScratchBytes,
            RunCount = summary.RunCount,
            ProfiledRunCount = summary.ProfiledRunCount,
            Entries = entries,
        };
    }
}
