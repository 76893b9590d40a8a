using DeepNative.Data;
using DeepNative.Losses;
using DeepNative.Models;
using DeepNative.Optimizers;
using DeepNative.Training;

namespace DeepNative.Tests.Training;

/// <summary>What a step takes beside time: nothing.</summary>
internal sealed class StepCostTests
{
    private Device _device = null!;

    [OneTimeSetUp]
    public void Open() => _device = TestMachine.Open();

    [OneTimeTearDown]
    public void Close() => _device?.Dispose();

    [TestCase(false, false)]
    [TestCase(true, false)]
    [TestCase(false, true)]
    public void A_step_allocates_nothing(bool prefetch, bool keep)
    {
        const int steps = 300;
        var samples = new Samples(_device, steps);
        var data = new MeteredPlane(steps);
        using var trainer = new Trainer(
            Mlp.Create([2, 8, 1]), new SquaredError(), new Sgd(0.01f, momentum: 0.9f), _device, seed: 1,
            new TrainerOptions { ProgressInterval = TimeSpan.Zero, Prefetch = prefetch, KeepDataOnDevice = keep, Schedule = LearningRateSchedule.Cosine() });
        trainer.Fit(data, new FitOptions { Epochs = 3, Batch = 8, Progress = samples });
        Assert.That((samples.Count, data.Count), Is.EqualTo((steps, 800)));
        // The first epoch compiles methods and fills pools; the steps of the third must be free.
        for (var step = 205; step < steps - 1; step++)
        {
            Assert.That(samples.Managed[step] - samples.Managed[step - 1], Is.Zero, $"managed bytes of step {step + 1}");
            Assert.That(samples.Native[step] - samples.Native[step - 1], Is.Zero, $"native allocations of step {step + 1}");
            if (!keep) Assert.That(data.Managed[step] - data.Managed[step - 1], Is.Zero, $"managed bytes of the thread that gathers, batch {step + 1}");
        }
    }

    [Test]
    public void Ten_thousand_steps_leave_memory_flat()
    {
        using var trainer = new Trainer(
            Mlp.Create([2, 8, 2]), new SoftmaxCrossEntropy(), new Adam(0.01f), _device, seed: 1);
        var options = new FitOptions { Epochs = 3000, Batch = 4 };
        trainer.Fit(Synthetic.Xor, options);
        var (resident, native) = (Resident(), _device.Memory);
        trainer.Fit(Synthetic.Xor, options with { Epochs = 10_000 });
        Assert.That(Resident(), Is.LessThanOrEqualTo(resident * 1.01));
        Assert.That(_device.Memory.UsedBytes, Is.EqualTo(native.UsedBytes));
        Assert.That(_device.Memory.LiveCount, Is.EqualTo(native.LiveCount));
    }

    private static long Resident()
    {
        GC.Collect();
        GC.WaitForPendingFinalizers();
        GC.Collect();
        return Environment.WorkingSet;
    }

    private sealed class Samples(Device device, int capacity) : IProgress<TrainingProgress>
    {
        public long[] Managed { get; } = new long[capacity];

        public long[] Native { get; } = new long[capacity];

        public int Count { get; private set; }

        public void Report(TrainingProgress value)
        {
            Managed[Count] = GC.GetAllocatedBytesForCurrentThread();
            Native[Count] = device.Memory.AllocationCount;
            Count++;
        }
    }

    /// <summary>800 examples that note what the thread that gathers them has allocated.</summary>
    private sealed class MeteredPlane(int capacity) : IExampleSource
    {
        private readonly TensorDataset _plane = Synthetic.Plane(800);
        private int _batches;

        public long[] Managed { get; } = new long[capacity];

        public string Name => _plane.Name;

        public int Count => _plane.Count;

        public Shape InputShape => _plane.InputShape;

        public DType InputType => _plane.InputType;

        public Shape TargetShape => _plane.TargetShape;

        public DType TargetType => _plane.TargetType;

        public int? MaxLabel => null;

        public void Gather(ReadOnlySpan<int> indices, Span<byte> inputs, Span<byte> targets)
        {
            _plane.Gather(indices, inputs, targets);
            Managed[_batches++] = GC.GetAllocatedBytesForCurrentThread();
        }

        public Normalization? Statistics() => null;
    }
}
