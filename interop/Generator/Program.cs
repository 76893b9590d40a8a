namespace DeepNative.Generator;

/// <summary>Writes the C# bindings of native/include/deepnative.h, or checks that they are up to date.</summary>
internal static class Program
{
    private const string Usage = """
        deepnative-generator [--check] [ROOT]
          Reads native/include/deepnative.h below ROOT (default: the nearest folder upwards that has it) and writes
          the bindings to interop/DeepNative.Interop/Generated. --check writes nothing and exits with 1 when a file
          there is not what it would write.
        """;

    private static int Main(string[] args)
    {
        var check = args.Contains("--check");
        var roots = args.Where(a => a != "--check").ToArray();
        if (roots.Length > 1 || roots.Any(r => r.StartsWith('-')))
        {
            Console.Error.WriteLine(Usage);
            return 2;
        }
        try
        {
            var bindings = new Bindings(roots.Length == 1 ? roots[0] : Bindings.FindRoot(Environment.CurrentDirectory));
            var clang = Clang.Find() ?? throw new GeneratorException($"no clang on the search path (looked for {Clang.Names})");
            return check ? Check(bindings, clang) : Write(bindings, clang);
        }
        catch (Exception e) when (e is GeneratorException or IOException or UnauthorizedAccessException)
        {
            Console.Error.WriteLine(e.Message);
            return 2;
        }
    }

    private static int Write(Bindings bindings, string clang)
    {
        foreach (var file in bindings.Write(clang))
            Console.WriteLine(file);
        return 0;
    }

    private static int Check(Bindings bindings, string clang)
    {
        var differences = bindings.Differences(clang);
        foreach (var difference in differences)
            Console.Error.WriteLine(difference);
        if (differences.Count > 0)
            Console.Error.WriteLine("Write them again: dotnet run --project interop/Generator");
        return differences.Count > 0 ? 1 : 0;
    }
}
