using System.Reflection;
using System.Runtime.CompilerServices;

namespace DeepNative.Tests;

/// <summary>The public API is a checked-in file, so that each change of it shows in review.</summary>
internal sealed class PublicApiTests
{
    private const string Update = "DEEPNATIVE_UPDATE_PUBLIC_API";

    [Test]
    public void The_public_api_is_what_the_list_says()
    {
        Assembly[] assemblies = [typeof(Graph).Assembly, typeof(Status).Assembly];
        var actual = assemblies.SelectMany(assembly => assembly.GetExportedTypes())
            .OrderBy(type => type.FullName, StringComparer.Ordinal)
            .SelectMany(Lines)
            .ToArray();
        var file = ListFile();
        if (Environment.GetEnvironmentVariable(Update) == "1") File.WriteAllText(file, string.Join('\n', actual) + '\n');
        var expected = File.ReadAllLines(file);
        var gone = expected.Except(actual).Select(line => "- " + line);
        var added = actual.Except(expected).Select(line => "+ " + line);
        Assert.That(gone.Concat(added), Is.Empty, $"the API has changed; where that is meant, run this test with {Update}=1 and commit the list");
    }

    private static string ListFile([CallerFilePath] string here = "") => Path.Combine(Path.GetDirectoryName(here)!, "PublicApi.txt");

    private static IEnumerable<string> Lines(Type type)
    {
        var name = type.FullName!.Replace('+', '.');
        yield return $"{Kind(type)} {name}{Bases(type)}";
        const BindingFlags Declared = BindingFlags.Public | BindingFlags.NonPublic | BindingFlags.Instance | BindingFlags.Static | BindingFlags.DeclaredOnly;
        var members = type.GetMembers(Declared).Select(member => Text(type, member)).OfType<string>();
        foreach (var member in members.Order(StringComparer.Ordinal)) yield return $"  {name}: {member}";
    }

    private static string Kind(Type type) =>
        type.IsEnum ? "enum"
        : type.IsInterface ? "interface"
        : type.IsSubclassOf(typeof(Delegate)) ? "delegate"
        : type.IsValueType ? "struct"
        : type is { IsAbstract: true, IsSealed: true } ? "static class"
        : type.IsAbstract ? "abstract class"
        : type.IsSealed ? "sealed class" : "class";

    private static string Bases(Type type)
    {
        if (type.IsEnum || type.IsSubclassOf(typeof(Delegate))) return "";
        var inherited = type.BaseType is { } parent && parent != typeof(object) && parent != typeof(ValueType) ? [parent] : Type.EmptyTypes;
        var bases = inherited.Concat(type.GetInterfaces().Where(i => i.IsPublic)).Select(Name).Order(StringComparer.Ordinal).ToArray();
        return bases.Length == 0 ? "" : " : " + string.Join(", ", bases);
    }

    private static string? Text(Type type, MemberInfo member) => member switch
    {
        FieldInfo { IsSpecialName: true } => null,
        FieldInfo field when IsVisible(field.Attributes) => type.IsEnum ? $"{field.Name} = {Convert.ToInt64(field.GetRawConstantValue(), null)}" : $"field {Name(field.FieldType)} {field.Name}",
        ConstructorInfo constructor when IsVisible(constructor) && !constructor.IsStatic => $"new({Parameters(constructor)})",
        PropertyInfo property => Property(property),
        EventInfo { AddMethod: { } add } @event when IsVisible(add) => $"event {Name(@event.EventHandlerType!)} {@event.Name}",
        MethodInfo method when IsVisible(method) && IsListed(type, method) => $"{Static(method)}{Name(method.ReturnType)} {method.Name}{Generic(method)}({Parameters(method)})",
        _ => null,
    };

    // Accessors are with their properties; what the compiler writes for records says nothing.
    private static bool IsListed(Type type, MethodInfo method) =>
        (!method.IsSpecialName || method.Name.StartsWith("op_", StringComparison.Ordinal))
        && !method.Name.Contains('<', StringComparison.Ordinal)
        && !type.IsSubclassOf(typeof(Delegate))
        && method.GetCustomAttribute<CompilerGeneratedAttribute>() is null;

    private static string? Property(PropertyInfo property)
    {
        var get = property.GetMethod is { } getter && IsVisible(getter) ? "get; " : "";
        var set = property.SetMethod is { } setter && IsVisible(setter)
            ? setter.ReturnParameter.GetRequiredCustomModifiers().Contains(typeof(IsExternalInit)) ? "init; " : "set; "
            : "";
        if (get.Length + set.Length == 0 || property.Name == "EqualityContract") return null;
        var index = property.GetIndexParameters();
        var name = index.Length == 0 ? property.Name : $"this[{string.Join(", ", index.Select(p => Name(p.ParameterType)))}]";
        return $"{Static((property.GetMethod ?? property.SetMethod)!)}{Name(property.PropertyType)} {name} {{ {get}{set}}}";
    }

    private static string Static(MethodBase method) => method.IsStatic ? "static " : method.IsAbstract ? "abstract " : "";

    private static string Generic(MethodInfo method) =>
        method.IsGenericMethod ? $"<{string.Join(", ", method.GetGenericArguments().Select(Name))}>" : "";

    private static string Parameters(MethodBase method) => string.Join(", ", method.GetParameters().Select(parameter =>
    {
        var type = parameter.ParameterType;
        var direction = !type.IsByRef ? "" : parameter.IsOut ? "out " : parameter.IsIn ? "in " : "ref ";
        return $"{direction}{Name(type.IsByRef ? type.GetElementType()! : type)} {parameter.Name}{Default(parameter)}";
    }));

    private static string Default(ParameterInfo parameter) =>
        !parameter.HasDefaultValue ? "" : FormattableString.Invariant($" = {parameter.DefaultValue ?? (parameter.ParameterType.IsValueType ? "default" : "null")}");

    private static string Name(Type type)
    {
        if (Nullable.GetUnderlyingType(type) is { } value) return Name(value) + "?";
        if (type.IsArray) return Name(type.GetElementType()!) + "[]";
        if (!type.IsGenericType) return type.Name;
        return $"{type.Name.Split('`')[0]}<{string.Join(", ", type.GetGenericArguments().Select(Name))}>";
    }

    private static bool IsVisible(MethodBase method) => method.IsPublic || method.IsFamily || method.IsFamilyOrAssembly;

    private static bool IsVisible(FieldAttributes attributes) =>
        (attributes & FieldAttributes.FieldAccessMask) is FieldAttributes.Public or FieldAttributes.Family or FieldAttributes.FamORAssem;
}
