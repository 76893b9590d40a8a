using DeepNative.Layers;

namespace DeepNative.Tests.Layers;

internal sealed class LsuvTests
{
    [TestCaseSource(typeof(TestDevices), nameof(TestDevices.Names))]
    public void Outputs_get_unit_variance_from_the_first_layer_to_the_last(string name)
    {
        var device = TestDevices.Get(name);
        var model = Net();
        using var batch = Batch(device, [16, 2, 6, 6]);
        var results = Lsuv.Apply(model, batch, seed: 4, tolerance: 0.02);
        Assert.That(results.Select(result => result.Layer), Is.EqualTo(new[] { "0", "3.body.0", "5", "7" }));
        Assert.That(results.Select(result => result.Variance), Is.All.EqualTo(1.0).Within(0.02));
        Assert.That(results.Select(result => result.Scalings), Is.All.InRange(1, 10));

        // Measured anew, and by hand.
        using var output = new Tensor(device, DType.Float32, [16, 3]);
        var graph = new Graph(training: false);
        graph.Store(model.Forward(graph.Bind(batch, "batch")), output);
        using (var program = graph.Compile(device)) program.Run();
        var values = output.ToArray<float>();
        var mean = values.Average(value => (double)value);
        Assert.That(values.Average(value => Math.Pow(value - mean, 2)), Is.EqualTo(results[^1].Variance).Within(1e-4));
        model.ReleaseTensors();
    }

    [Test]
    public void Weights_stay_orthogonal_and_come_from_the_seed_alone()
    {
        using var device = Device.Open("cpu", threads: 1);
        using var batch = Batch(device, [16, 2, 6, 6]);
        float[][] Weights(ulong seed)
        {
            var model = Net();
            Lsuv.Apply(model, batch, seed);
            var weights = model.Parameters().Select(parameter => parameter.Tensor!.ToArray<float>()).ToArray();
            model.ReleaseTensors();
            return weights;
        }

        var first = Weights(3);
        Assert.That(Weights(3), Is.EqualTo(first));
        Assert.That(Weights(5), Is.Not.EqualTo(first));
        var last = first[^2];
        Assert.That(last, Has.Length.EqualTo(3 * 8));
        var product = Enumerable.Range(0, 8).Sum(i => (double)last[i] * last[8 + i]);
        Assert.That(product, Is.EqualTo(0).Within(1e-5));
    }

    [Test]
    public void Without_orthonormal_weights_only_the_size_changes()
    {
        using var device = Device.Open("cpu", threads: 1);
        using var batch = Batch(device, [50, 4]);
        var model = new Linear(4, 3, bias: false);
        model.Materialize(device, 1);
        var before = model.Parameters()[0].Tensor!.ToArray<float>();
        var result = Lsuv.Apply(model, batch, orthonormal: false, tolerance: 1e-4).Single();
        var after = model.Parameters()[0].Tensor!.ToArray<float>();
        // Without a bias the first division is the last but for rounding.
        Assert.That(result.Scalings, Is.EqualTo(1));
        for (var i = 0; i < before.Length; i++) Assert.That(after[i] / before[i], Is.EqualTo(after[0] / before[0]).Within(1e-5));
        model.ReleaseTensors();
    }

    [Test]
    public void A_constant_output_is_refused_by_name()
    {
        using var device = Device.Open("cpu", threads: 1);
        using var batch = new Tensor(device, DType.Float32, [5, 4]);
        batch.Write<float>(new float[20]);
        var model = new Sequential(new Linear(4, 3, bias: false));
        Assert.That(() => Lsuv.Apply(model, batch), Throws.InvalidOperationException.With.Message.Contains("'0'"));
        Assert.Throws<ArgumentOutOfRangeException>(() => Lsuv.Apply(model, batch, tolerance: 0));
        Assert.Throws<ArgumentOutOfRangeException>(() => Lsuv.Apply(model, batch, scalings: 0));
        model.ReleaseTensors();
    }

    private static Sequential Net() => new(
        new Conv2d(2, 6, kernel: 3, padding: 1), new BatchNorm(6), new ReLU(),
        new Residual(new Sequential(new Conv2d(6, 6, kernel: 3, padding: 1, bias: false), new Tanh())), new Flatten(),
        new Linear(216, 8), new Tanh(), new Linear(8, 3));

    private static Tensor Batch(Device device, Shape shape)
    {
        var tensor = new Tensor(device, DType.Float32, shape);
        var values = new float[shape.Count];
        new Philox(2).FillNormal(values, 0.3f, 4f);
        tensor.Write<float>(values);
        return tensor;
    }
}
