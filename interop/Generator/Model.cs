namespace DeepNative.Generator;

/// <summary>What the generator needs to know of a C header.</summary>
internal sealed record Header(
    IReadOnlyList<CConstant> Constants,
    IReadOnlyList<CEnum> Enums,
    IReadOnlyList<CStruct> Structs,
    IReadOnlyList<string> Handles,
    IReadOnlyList<CFunction> Functions);

/// <summary>A macro whose value is an integer.</summary>
internal sealed record CConstant(string Name, long Value);

internal sealed record CEnum(string Name, string Comment, IReadOnlyList<CEnumValue> Values);

internal sealed record CEnumValue(string Name, long Value, string Comment);

internal sealed record CStruct(string Name, string Comment, IReadOnlyList<CVariable> Fields);

internal sealed record CFunction(string Name, string Comment, CType Result, IReadOnlyList<CVariable> Parameters);

/// <summary>A field or a parameter.</summary>
internal sealed record CVariable(string Name, CType Type, string Comment);

/// <summary>A C type as far as this header uses them: a name, up to two pointers, one array extent.</summary>
internal sealed record CType(string Name, bool IsConst, int Pointers, int Extent)
{
    /// <summary>Parses clang's spelling, such as <c>const int64_t *</c> or <c>char[32]</c>.</summary>
    public static CType Parse(string spelling)
    {
        var text = spelling.Trim();
        var extent = 0;
        var bracket = text.IndexOf('[', StringComparison.Ordinal);
        if (bracket >= 0)
        {
            var close = text.IndexOf(']', bracket);
            if (close != text.Length - 1)
                throw new GeneratorException($"the type '{spelling}' has more than one extent");
            extent = int.Parse(text[(bracket + 1)..close]);
            text = text[..bracket].TrimEnd();
        }
        var pointers = text.Count(c => c == '*');
        var name = text.Replace("*", "", StringComparison.Ordinal).Trim();
        var isConst = name.StartsWith("const ", StringComparison.Ordinal);
        if (isConst)
            name = name["const ".Length..];
        foreach (var tag in (string[])["struct ", "enum "])
            if (name.StartsWith(tag, StringComparison.Ordinal))
                name = name[tag.Length..];
        if (name.Contains(' ', StringComparison.Ordinal) || pointers > 2)
            throw new GeneratorException($"no rule for the type '{spelling}'");
        return new CType(name, isConst, pointers, extent);
    }
}

/// <summary>The header or the machine is not as the generator needs it; the message is for the user.</summary>
internal sealed class GeneratorException(string message) : Exception(message);
