using System.Reflection;
using System.Reflection.Emit;
using System.Runtime.CompilerServices;
using System.Text;
using DeepNative.Generator;
using DeepNative.Interop;

namespace DeepNative.Tests.Interop;

/// <summary>Compares what the C compiler of this machine makes of the header with what the runtime makes of the bindings.</summary>
internal sealed class LayoutTests
{
    private static readonly Assembly _interop = typeof(Native).Assembly;
    private Header _header = null!;
    private Dictionary<string, long> _c = null!;

    [OneTimeSetUp]
    public void CompileTheHeader()
    {
        var path = new Bindings(Bindings.FindRoot(TestContext.CurrentContext.TestDirectory)).HeaderPath;
        _header = HeaderReader.Read(BindingsTests.RequireClang(), path);
        var source = new StringBuilder("#include \"deepnative.h\"\n#include <stddef.h>\n#include <stdio.h>\nint main(void) {\n");
        foreach (var type in _header.Structs)
        {
            Print(source, type.Name, $"sizeof({type.Name})");
            foreach (var field in type.Fields)
                Print(source, $"{type.Name}.{field.Name}", $"offsetof({type.Name}, {field.Name})");
        }
        foreach (var value in _header.Enums.SelectMany(e => e.Values))
            Print(source, value.Name, value.Name);
        foreach (var constant in _header.Constants)
            Print(source, constant.Name, constant.Name);
        source.Append("return 0;\n}\n");

        using var compiler = new CCompiler();
        _c = compiler.Run(source.ToString(), "-I", Path.GetDirectoryName(path)!)
            .Split('\n', StringSplitOptions.RemoveEmptyEntries)
            .Select(line => line.Split(' '))
            .ToDictionary(parts => parts[0], parts => long.Parse(parts[1]));

        static void Print(StringBuilder source, string name, string value) =>
            source.Append($"printf(\"{name} %lld\\n\", (long long)({value}));\n");
    }

    [Test]
    public void Structs_have_the_size_and_the_offsets_of_C()
    {
        Assert.That(_header.Structs, Has.Count.GreaterThan(10));
        Assert.Multiple(() =>
        {
            foreach (var type in _header.Structs)
            {
                var managed = ManagedType(type.Name);
                Assert.That(SizeOf(managed), Is.EqualTo(_c[type.Name]), type.Name);
                foreach (var field in type.Fields)
                    Assert.That(OffsetOf(managed, Names.Pascal(field.Name)), Is.EqualTo(_c[$"{type.Name}.{field.Name}"]),
                                $"{type.Name}.{field.Name}");
                Assert.That(managed.GetFields(), Has.Length.EqualTo(type.Fields.Count), type.Name);
            }
        });
    }

    [Test]
    public void Structs_start_with_their_size_set()
    {
        foreach (var type in _header.Structs.Where(t => t.Fields[0].Name == "struct_size"))
        {
            var managed = ManagedType(type.Name);
            var value = Activator.CreateInstance(managed);
            Assert.That(managed.GetField("StructSize")!.GetValue(value), Is.EqualTo((int)_c[type.Name]), type.Name);
        }
    }

    [Test]
    public void Enums_have_the_values_of_C()
    {
        Assert.Multiple(() =>
        {
            foreach (var type in _header.Enums)
            {
                var managed = ManagedType(type.Name);
                var prefix = Names.CommonPrefix(type);
                Assert.That(Enum.GetUnderlyingType(managed), Is.EqualTo(typeof(int)), type.Name);
                Assert.That(Enum.GetNames(managed), Has.Length.EqualTo(type.Values.Count), type.Name);
                foreach (var value in type.Values)
                    Assert.That((int)Enum.Parse(managed, Names.Pascal(value.Name[prefix.Length..])),
                                Is.EqualTo(_c[value.Name]), value.Name);
            }
        });
    }

    [Test]
    public void Constants_have_the_values_of_C()
    {
        foreach (var constant in _header.Constants)
            Assert.That(typeof(Constants).GetField(Names.Type(constant.Name), BindingFlags.Static | BindingFlags.NonPublic)!
                            .GetRawConstantValue(), Is.EqualTo((int)_c[constant.Name]), constant.Name);
    }

    private static Type ManagedType(string name) =>
        _interop.GetType($"DeepNative.Interop.{Names.Type(name)}") ?? _interop.GetType($"DeepNative.{Names.Type(name)}", throwOnError: true)!;

    private static int SizeOf(Type type) =>
        (int)typeof(Unsafe).GetMethod(nameof(Unsafe.SizeOf))!.MakeGenericMethod(type).Invoke(null, null)!;

    // Marshal.OffsetOf answers for the marshalled form, which these structs do not have; this asks the runtime itself.
    private static long OffsetOf(Type type, string field)
    {
        var method = new DynamicMethod("OffsetOf", typeof(long), [], typeof(LayoutTests), skipVisibility: true);
        var code = method.GetILGenerator();
        var local = code.DeclareLocal(type);
        code.Emit(OpCodes.Ldloca, local);
        code.Emit(OpCodes.Ldflda, type.GetField(field)!);
        code.Emit(OpCodes.Conv_U);
        code.Emit(OpCodes.Ldloca, local);
        code.Emit(OpCodes.Conv_U);
        code.Emit(OpCodes.Sub);
        code.Emit(OpCodes.Conv_I8);
        code.Emit(OpCodes.Ret);
        return method.CreateDelegate<Func<long>>()();
    }
}
