using System.Globalization;
using System.Text;

namespace DeepNative.Generator;

/// <summary>Writes each function as a private import and an internal wrapper that checks the status, takes spans
/// for pointer and length, and returns the last out-parameter.</summary>
internal sealed class FunctionWriter(Header header, StringBuilder file)
{
    // Buffers of these are not used after the call returns, so that a span may be pinned for the call alone.
    private static readonly HashSet<string> _synchronous = ["dn_tensor_write", "dn_tensor_read", "dn_image_probe", "dn_image_decode", "dn_image_encode_png"];

    // A few instructions each, neither blocking nor calling back: safe without a transition of the garbage collector.
    private static readonly HashSet<string> _leaf = ["dn_abi_version", "dn_version"];

    private readonly List<string> _parameters = [];
    private readonly List<string> _arguments = [];
    private readonly List<string> _pins = [];

    public void Write()
    {
        file.Append("\n/// <summary>The functions of the engine.</summary>\ninternal static unsafe partial class Native\n{\n");
        foreach (var function in header.Functions)
        {
            if (function != header.Functions[0])
                file.Append('\n');
            WriteImport(function);
            if (function.Name.EndsWith("_release", StringComparison.Ordinal))
                continue;
            WriteWrapper(function);
        }
        file.Append("}\n");
    }

    private static bool IsBytes(string name) => name == "bytes" || name.EndsWith("_bytes", StringComparison.Ordinal);

    private bool IsHandle(CType type) => header.Handles.Contains(type.Name);

    private bool IsStruct(CType type) => header.Structs.Any(s => s.Name == type.Name);

    private static bool IsString(CType type) => type is { Name: "char", IsConst: true, Pointers: 1 };

    // The header says so in this form; everything else is refused by the engine, so null is refused by the compiler.
    private static bool MayBeNull(CFunction function, CVariable parameter) =>
        function.Comment.Contains($"`{parameter.Name}` may be null", StringComparison.Ordinal);

    private void WriteImport(CFunction function)
    {
        var isRelease = function.Name.EndsWith("_release", StringComparison.Ordinal);
        var hasText = function.Parameters.Any(p => IsString(p.Type));
        var marshalling = hasText ? ", StringMarshalling = StringMarshalling.Utf8" : "";
        var parameters = function.Parameters.Select(p => $"{ImportType(function, p, isRelease)} {Names.Camel(p.Name)}");
        if (isRelease)
            CSharpWriter.Document(file, "    ", function.Comment, function.Name);
        file.Append(CultureInfo.InvariantCulture, $"    [LibraryImport(Library{marshalling})]\n");
        if (_leaf.Contains(function.Name))
            file.Append("    [SuppressGCTransition]\n");
        file.Append(CultureInfo.InvariantCulture,
            $"    {(isRelease ? "internal" : "private")} static partial {ImportResult(function)} {function.Name}({string.Join(", ", parameters)});\n");
    }

    private string ImportResult(CFunction function) =>
        function.Result is { Name: "void", Pointers: 0 } ? "void" : CSharpWriter.Blittable(function.Result, header);

    private string ImportType(CFunction function, CVariable parameter, bool isRelease)
    {
        var type = parameter.Type;
        if (IsHandle(type))
            return type.Pointers == 2 ? $"out {Names.Handle(type.Name)}" : isRelease ? "nint" : Names.Handle(type.Name);
        if (IsString(type))
            return MayBeNull(function, parameter) ? "string?" : "string";
        return CSharpWriter.Blittable(type, header);
    }

    private void WriteWrapper(CFunction function)
    {
        _parameters.Clear();
        _arguments.Clear();
        _pins.Clear();
        var result = function.Result.Name == "dn_status" ? ResultParameter(function) : null;
        for (var i = 0; i < function.Parameters.Count; i++)
            if (function.Parameters[i] != result)
                i += AddParameter(function, i);

        file.Append('\n');
        CSharpWriter.Document(file, "    ", function.Comment, function.Name);
        var type = result is not null ? ResultType(result) : WrapperResult(function);
        file.Append(CultureInfo.InvariantCulture,
            $"    internal static {type} {Names.Type(function.Name)}({string.Join(", ", _parameters)})");
        if (result is not null)
            AddResultArgument(result);
        var call = $"{function.Name}({string.Join(", ", _arguments)})";
        if (function.Result.Name == "dn_status")
            call = $"Status.Check({call})";
        else if (IsString(function.Result))
            call = $"Utf8Text.Decode({call})";
        WriteBody(call, result);
    }

    private void WriteBody(string call, CVariable? result)
    {
        if (result is null && _pins.Count == 0)
        {
            file.Append(CultureInfo.InvariantCulture, $" =>\n        {call};\n");
            return;
        }
        file.Append("\n    {\n");
        if (result is not null)
            file.Append(CultureInfo.InvariantCulture,
                $"        {(IsStruct(result.Type) ? "var result = new " + ResultType(result) + "()" : ResultType(result) + " result")};\n");
        foreach (var pin in _pins)
            file.Append(CultureInfo.InvariantCulture, $"        {pin}\n");
        var isFixed = _pins.Any(p => p.StartsWith("fixed", StringComparison.Ordinal));
        file.Append(CultureInfo.InvariantCulture, $"        {(isFixed ? "    " : "")}{call};\n");
        if (result is not null)
            file.Append("        return result;\n");
        file.Append("    }\n");
    }

    // Results come through the last argument, when it is a pointer that the engine writes to.
    private CVariable? ResultParameter(CFunction function) =>
        function.Parameters.Count > 0 && function.Parameters[^1] is var last &&
        !last.Type.IsConst && last.Type.Name != "void" && last.Type.Pointers == (IsHandle(last.Type) ? 2 : 1)
            ? last : null;

    private string ResultType(CVariable result) =>
        IsHandle(result.Type) ? Names.Handle(result.Type.Name) : CSharpWriter.Blittable(result.Type with { Pointers = 0 }, header);

    private string WrapperResult(CFunction function) =>
        function.Result.Name is "dn_status" or "void" ? "void" : IsString(function.Result) ? "string" : ImportResult(function);

    private void AddResultArgument(CVariable result) => _arguments.Add(IsHandle(result.Type) ? "out result" : "&result");

    // Returns how many further C parameters this C# parameter stands for.
    private int AddParameter(CFunction function, int index)
    {
        var parameter = function.Parameters[index];
        var next = index + 1 < function.Parameters.Count ? function.Parameters[index + 1] : null;
        var (type, name) = (parameter.Type, Names.Camel(parameter.Name));
        if (type is { Name: "int32_t", Pointers: 0 } && next?.Type is { IsConst: true, Pointers: 1, Name: "int64_t" or "int32_t" or "float" })
        {
            var element = CSharpWriter.Blittable(next.Type with { Pointers = 0 }, header);
            AddSpan($"ReadOnlySpan<{element}>", element, Names.Camel(next.Name), lengthFirst: true);
            return 1;
        }
        if (type is { Name: "void", Pointers: 1 } && next?.Type is { Name: "int64_t", Pointers: 0 } && IsBytes(next.Name) && _synchronous.Contains(function.Name))
        {
            AddSpan(type.IsConst ? "ReadOnlySpan<byte>" : "Span<byte>", "byte", name, lengthFirst: false);
            return 1;
        }
        if (IsStruct(type))
            AddStruct(function, parameter, name);
        else
        {
            _parameters.Add($"{ImportType(function, parameter, isRelease: false)} {name}");
            _arguments.Add(name);
        }
        return 0;
    }

    private void AddSpan(string type, string element, string name, bool lengthFirst)
    {
        var pointer = $"{name.TrimStart('@')}Pointer";
        _parameters.Add($"{type} {name}");
        _pins.Add($"fixed ({element}* {pointer} = {name})");
        _arguments.AddRange(lengthFirst ? [$"{name}.Length", pointer] : [pointer, $"{name}.Length"]);
    }

    private void AddStruct(CFunction function, CVariable parameter, string name)
    {
        if (parameter.Type is not { IsConst: true, Pointers: 1 })
            throw new GeneratorException($"{function.Name}: no rule for the parameter '{parameter.Name}'");
        var type = Names.Type(parameter.Type.Name);
        if (MayBeNull(function, parameter))
        {
            _parameters.Add($"{type}? {name}");
            _pins.Add($"var {name}Value = {name}.GetValueOrDefault();");
            _arguments.Add($"{name} is null ? null : &{name}Value");
        }
        else
        {
            _parameters.Add($"in {type} {name}");
            _pins.Add($"fixed ({type}* {name}Pointer = &{name})");
            _arguments.Add($"{name}Pointer");
        }
    }
}
