namespace DeepNative.Tests.Training;

/// <summary>A CPU device for all tests of a class, and an empty folder for each.</summary>
internal abstract class TrainingFixture
{
    private TemporaryFolder? _folder;

    protected Device Device { get; private set; } = null!;

    protected TemporaryFolder Folder => _folder!;

    [OneTimeSetUp]
    public void Open() => Device = TestMachine.Open();

    [OneTimeTearDown]
    public void Close() => Device?.Dispose();

    [SetUp]
    public void MakeFolder() => _folder = new TemporaryFolder();

    [TearDown]
    public void RemoveFolder() => _folder?.Dispose();
}
