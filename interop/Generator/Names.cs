using System.Text.RegularExpressions;

namespace DeepNative.Generator;

/// <summary>How C names become C# names.</summary>
internal static partial class Names
{
    // Element types read as words in C#; everything else follows the rule.
    private static readonly Dictionary<string, string> _words = new()
    {
        ["F16"] = "Float16", ["F32"] = "Float32", ["F64"] = "Float64", ["BF16"] = "BFloat16",
        ["U8"] = "UInt8", ["I32"] = "Int32", ["I64"] = "Int64",
        ["DTYPE"] = "DType", ["ARGMAX"] = "ArgMax",
    };

    private static readonly HashSet<string> _keywords = ["event", "params", "object", "operator", "string", "in", "out", "ref"];

    /// <summary><c>dn_operator_kind</c> becomes <c>OperatorKind</c>.</summary>
    public static string Type(string name) => Pascal(name["dn_".Length..]);

    /// <summary><c>struct_size</c> becomes <c>StructSize</c>.</summary>
    public static string Pascal(string name) => string.Concat(name.Split('_').Select(Word));

    /// <summary><c>struct_size</c> becomes <c>structSize</c>.</summary>
    public static string Camel(string name)
    {
        var pascal = Pascal(name);
        var camel = char.ToLowerInvariant(pascal[0]) + pascal[1..];
        return _keywords.Contains(camel) ? "@" + camel : camel;
    }

    /// <summary>The part up to an underscore that all values of an enum share.</summary>
    public static string CommonPrefix(CEnum type)
    {
        var prefix = type.Values[0].Name;
        foreach (var value in type.Values)
            while (!value.Name.StartsWith(prefix, StringComparison.Ordinal) || prefix.Length == value.Name.Length)
                prefix = prefix[..^1];
        return prefix[..(prefix.LastIndexOf('_') + 1)];
    }

    /// <summary>The name of the handle class of an opaque struct.</summary>
    public static string Handle(string name) => Type(name) + "Handle";

    private static string Word(string word) =>
        word.Length == 0 ? "" :
        _words.TryGetValue(word.ToUpperInvariant(), out var known) ? known :
        char.ToUpperInvariant(word[0]) + word[1..].ToLowerInvariant();

    /// <summary>The first enum that a field's comment names, by itself or by one of its values.</summary>
    public static CEnum? EnumOf(CVariable field, Header header)
    {
        if (field.Type is not { Name: "int32_t", Pointers: 0, Extent: 0 } || FirstName().Match(field.Comment) is not { Success: true } match)
            return null;
        var name = match.Groups[1].Value;
        return header.Enums.FirstOrDefault(e => e.Name == name || e.Values.Any(v => v.Name == name));
    }

    [GeneratedRegex(@"^(?:bits of )?(dn_\w+|DN_\w+)\b")]
    private static partial Regex FirstName();
}
