namespace DeepNative.Data;

/// <summary>Ordinal, but for runs of digits, which count as numbers: "9" before "10".</summary>
internal sealed class NaturalOrder : IComparer<string>
{
    public static NaturalOrder Instance { get; } = new();

    public int Compare(string? x, string? y)
    {
        var a = x.AsSpan();
        var b = y.AsSpan();
        while (a.Length > 0 && b.Length > 0)
        {
            var (m, n) = (Digits(a), Digits(b));
            int order;
            if (m > 0 && n > 0)
            {
                var p = a[..m].TrimStart('0');
                var q = b[..n].TrimStart('0');
                order = p.Length != q.Length ? p.Length - q.Length : p.SequenceCompareTo(q);
                a = a[m..];
                b = b[n..];
            }
            else
            {
                order = a[0] - b[0];
                a = a[1..];
                b = b[1..];
            }

            if (order != 0) return order;
        }

        // "07" and "7" are not the same name.
        return a.Length != b.Length ? a.Length - b.Length : string.CompareOrdinal(x, y);
    }

    private static int Digits(ReadOnlySpan<char> text)
    {
        var end = text.IndexOfAnyExceptInRange('0', '9');
        return end < 0 ? text.Length : end;
    }
}
