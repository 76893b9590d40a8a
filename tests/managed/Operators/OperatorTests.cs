namespace DeepNative.Tests.Operators;

/// <summary>All tests that a family's case list drives. A family's fixture adds only what is its own.</summary>
internal abstract class OperatorTests<TCases>
    where TCases : IOperatorCases
{
    // Each random case compiles a program; the sum of them stays within seconds.
    private const int RandomCases = 25;

    // The same cases each time, unless the environment asks for others.
    private static readonly int _firstSeed =
        int.Parse(Environment.GetEnvironmentVariable("DEEPNATIVE_TEST_SEED") ?? "1", System.Globalization.CultureInfo.InvariantCulture);

    public static IEnumerable<OperatorCase> Cases => TCases.Cases;

    public static IEnumerable<BadCase> BadCases => TCases.BadCases;

    [TestCaseSource(nameof(Cases))]
    public void Derivative_is_that_of_central_differences(OperatorCase test) => OperatorChecks.Derivative(test);

    [TestCaseSource(nameof(Cases))]
    public void Passes_keep_the_results(OperatorCase test) => OperatorChecks.Passes(test);

    [Test]
    public void Device_computes_what_the_reference_does(
        [ValueSource(typeof(TestDevices), nameof(TestDevices.Names))] string device, [ValueSource(nameof(Cases))] OperatorCase test) =>
        OperatorChecks.OnDevice(test, TestDevices.Get(device));

    [Test]
    public void Device_computes_the_same_without_passes(
        [ValueSource(typeof(TestDevices), nameof(TestDevices.Names))] string device, [ValueSource(nameof(Cases))] OperatorCase test) =>
        OperatorChecks.OnDevice(test, TestDevices.Get(device), optimize: false);

    [TestCaseSource(nameof(BadCases))]
    public void Bad_shapes_are_refused_with_the_layer_named(BadCase test) => OperatorChecks.Refused(test);

    [Test]
    public void Random_cases_hold_as_well() => ForRandom(RandomCases, test =>
    {
        OperatorChecks.Derivative(test);
        OperatorChecks.Passes(test);
    });

    [TestCaseSource(typeof(TestDevices), nameof(TestDevices.Names))]
    public void Device_computes_random_cases(string device) =>
        ForRandom(TestDevices.RandomCases(device, RandomCases), test => OperatorChecks.OnDevice(test, TestDevices.Get(device)));

    private static void ForRandom(int count, Action<OperatorCase> check)
    {
        for (var i = 0; i < count; i++)
        {
            var test = TCases.Random(new System.Random(_firstSeed + i));
            try
            {
                check(test);
            }
            catch (Exception e) when (e is not AssertionException)
            {
                throw new InvalidOperationException($"random case of seed {_firstSeed + i}, {test}: {e.Message}", e);
            }
        }
    }
}
