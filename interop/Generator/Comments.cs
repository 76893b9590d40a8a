using System.Text;
using System.Text.RegularExpressions;

namespace DeepNative.Generator;

/// <summary>Finds the comment that belongs to a declaration: the one that ends right before it, else the one
/// behind it on its line. Clang's own attachment knows documentation comments only.</summary>
internal sealed partial class Comments
{
    private readonly string _text;  // one char a byte, because clang counts bytes
    private readonly List<(int Begin, int End)> _comments = [];

    public Comments(byte[] header)
    {
        _text = Encoding.Latin1.GetString(header);
        var begin = _text.IndexOf("/*", StringComparison.Ordinal);
        while (begin >= 0)
        {
            var end = _text.IndexOf("*/", begin + 2, StringComparison.Ordinal) + 2;
            _comments.Add((begin, end));
            begin = _text.IndexOf("/*", end, StringComparison.Ordinal);
        }
    }

    /// <summary>The comment of the declaration whose name starts at this byte, or an empty string.</summary>
    public string Of(int offset)
    {
        foreach (var (begin, end) in _comments)
            if (begin > offset ? IsBehind(offset, begin) : IsBefore(begin, end, offset))
                return Clean(_text[begin..end]);
        return "";
    }

    /// <summary>Whether nothing but a line break stands between two declarations, so that they share a comment.</summary>
    public bool AreAdjacent(int offset, int nextOffset)
    {
        var between = _text[offset..nextOffset];
        return between.Count(c => c == ';') == 1 && !BlankLine().IsMatch(between);
    }

    // Between the comment and the name stand only the words of one declaration.
    private bool IsBefore(int begin, int end, int offset)
    {
        var lineStart = _text.LastIndexOf('\n', begin) + 1;
        var between = _text[end..offset];
        return string.IsNullOrWhiteSpace(_text[lineStart..begin]) &&
               between.IndexOfAny([';', '{', '}', ',', '#', '/']) < 0 && !BlankLine().IsMatch(between);
    }

    private bool IsBehind(int offset, int begin)
    {
        var between = _text[offset..begin];
        return !between.Contains('\n', StringComparison.Ordinal) && between.Count(c => c is ',' or ';') <= 1;
    }

    private static string Clean(string comment)
    {
        var text = Encoding.UTF8.GetString(Encoding.Latin1.GetBytes(comment[2..^2]));
        var lines = text.Split('\n').Select(line => LeadingStar().Replace(line, "").Trim());
        return string.Join('\n', lines).Trim();
    }

    [GeneratedRegex(@"\n[ \t]*\r?\n")]
    private static partial Regex BlankLine();

    [GeneratedRegex(@"^\s*\*(?= |$)")]
    private static partial Regex LeadingStar();
}
