using System.Globalization;
using System.Text.Json;
using System.Text.RegularExpressions;

namespace DeepNative.Generator;

/// <summary>Reads a C header through clang's syntax tree.</summary>
internal static partial class HeaderReader
{
    private const string Prefix = "dn_";

    public static Header Read(string clang, string path)
    {
        var comments = new Comments(File.ReadAllBytes(path));
        var constants = Macro().Matches(Clang.Macros(clang, path))
            .Select(m => new CConstant(m.Groups[1].Value, long.Parse(m.Groups[2].Value, CultureInfo.InvariantCulture)))
            .OrderBy(c => c.Name, StringComparer.Ordinal).ToList();
        var enums = new List<CEnum>();
        var structs = new List<CStruct>();
        var handles = new List<string>();
        var functions = new List<CFunction>();
        var previousFunction = 0;

        using var tree = JsonDocument.Parse(Clang.SyntaxTree(clang, path), new JsonDocumentOptions { MaxDepth = 512 });
        foreach (var node in Inner(tree.RootElement))
        {
            var name = Text(node, "name");
            if (!name.StartsWith(Prefix, StringComparison.Ordinal))
                continue;
            var offset = Offset(node);
            var comment = comments.Of(offset);
            switch (Text(node, "kind"))
            {
                case "EnumDecl":
                    enums.Add(new CEnum(name, comment, EnumValues(node, comments)));
                    break;
                case "RecordDecl" when node.TryGetProperty("completeDefinition", out _):
                    structs.Add(new CStruct(name, comment, Variables(node, "FieldDecl", comments)));
                    break;
                case "RecordDecl":
                    handles.Add(name);
                    break;
                case "FunctionDecl":
                    if (comment.Length == 0 && functions.Count > 0 && comments.AreAdjacent(previousFunction, offset))
                        comment = functions[^1].Comment;
                    functions.Add(new CFunction(name, comment, ResultType(node), Variables(node, "ParmVarDecl", comments)));
                    previousFunction = offset;
                    break;
            }
        }
        if (functions.Count == 0)
            throw new GeneratorException($"{path} declares no function that starts with {Prefix}");
        return new Header(constants, enums, structs, handles, functions);
    }

    private static List<CEnumValue> EnumValues(JsonElement node, Comments comments)
    {
        var values = new List<CEnumValue>();
        var next = 0L;
        foreach (var constant in Inner(node).Where(n => Text(n, "kind") == "EnumConstantDecl"))
        {
            var value = Inner(constant).Where(n => Text(n, "kind") == "ConstantExpr").Select(n => Text(n, "value"))
                                       .FirstOrDefault();
            next = value is null ? next : long.Parse(value, CultureInfo.InvariantCulture);
            values.Add(new CEnumValue(Text(constant, "name"), next++, comments.Of(Offset(constant))));
        }
        return values;
    }

    private static List<CVariable> Variables(JsonElement node, string kind, Comments comments) =>
        [.. Inner(node).Where(n => Text(n, "kind") == kind).Select(n => new CVariable(
            Text(n, "name"), CType.Parse(Text(n.GetProperty("type"), "qualType")),
            kind == "FieldDecl" ? comments.Of(Offset(n)) : ""))];

    // "dn_status (dn_device *, int32_t)": what stands before the parameters.
    private static CType ResultType(JsonElement node)
    {
        var type = Text(node.GetProperty("type"), "qualType");
        return CType.Parse(type[..type.IndexOf('(', StringComparison.Ordinal)]);
    }

    private static JsonElement[] Inner(JsonElement node) =>
        node.TryGetProperty("inner", out var inner) ? [.. inner.EnumerateArray()] : [];

    private static string Text(JsonElement node, string property) =>
        node.TryGetProperty(property, out var value) ? value.GetString() ?? "" : "";

    private static int Offset(JsonElement node) => node.GetProperty("loc").GetProperty("offset").GetInt32();

    [GeneratedRegex(@"^#define (DN_\w+) (-?\d+)\r?$", RegexOptions.Multiline)]
    private static partial Regex Macro();
}
