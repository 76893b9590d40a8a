namespace DeepNative.Cli;

internal static class Program
{
    private static int Main(string[] arguments) => App.Run(arguments, Console.Out, Console.Error);
}
