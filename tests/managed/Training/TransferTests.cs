using DeepNative.Layers;
using DeepNative.Losses;
using DeepNative.Models;
using DeepNative.Optimizers;
using DeepNative.Training;

namespace DeepNative.Tests.Training;

/// <summary>A trained net's features with another head.</summary>
internal sealed class TransferTests : TrainingFixture
{
    private const int Size = 8;

    [TestCase(4)]
    [TestCase(10)]
    public void Frozen_features_stay_to_the_bit_and_the_head_is_new(int classes)
    {
        var path = Pretrained();
        using var source = new Trainer(Net.Create(10), new SoftmaxCrossEntropy(), new Sgd(0.1f), Device);
        source.Load(path);
        var before = Values(source.Model);

        var head = Entry.HeadParameters(new ModelOptions { Classes = classes });
        var model = Net.Create(classes);
        using var trainer = new Trainer(
            model, new SoftmaxCrossEntropy(), new Sgd(0.1f, 0.9f, 0.01f) { Groups = [new ParameterGroup("features.*") { Frozen = true }] }, Device,
            seed: 3, new TrainerOptions { Averaging = new ExponentialAverage(0.9f), AccumulationSteps = 2 });
        var fresh = Values(model);
        var report = trainer.LoadFrom(path, head);
        Assert.That(report.Fresh, Is.EqualTo(head));
        Assert.That(report.Loaded.Concat(report.Fresh), Is.EquivalentTo(model.Parameters().Select(parameter => parameter.Name)));
        var loaded = Values(model);
        trainer.Fit(Synthetic.Images(48, classes: classes, size: Size), epochs: 1, batch: 8, validation: Synthetic.Images(16, classes: classes, size: Size));
        var after = Values(model);
        foreach (var (name, values) in after)
        {
            if (head.Contains(name))
            {
                Assert.That(loaded[name], Is.EqualTo(fresh[name]), name);
                Assert.That(values, Is.Not.EqualTo(fresh[name]), name);
            }
            else
            {
                Assert.That(values, Is.EqualTo(before[name]), name);
            }
        }
    }

    [Test]
    public void The_head_is_what_depends_on_the_classes()
    {
        Assert.That(Entry.HeadParameters(), Is.EqualTo(new[] { "head.weight", "head.bias", "side.weight", "side.bias" }));
        Assert.That(ModelRegistry.Get("lenet300").HeadParameters(new ModelOptions { Classes = 3 }), Is.EqualTo(new[] { "5.weight", "5.bias" }));
    }

    [Test]
    public void Norms_whose_parameters_are_not_all_frozen_go_on_counting()
    {
        var path = Pretrained();
        var model = Net.Create(10);
        using (var trainer = new Trainer(
            model, new SoftmaxCrossEntropy(), new Sgd(0.1f) { Groups = [new ParameterGroup("features.*.weight") { Frozen = true }] }, Device))
        {
            trainer.LoadFrom(path);
            var before = Values(model);
            trainer.Fit(Synthetic.Images(16, size: Size), epochs: 1, batch: 8);
            var after = Values(model);
            Assert.That(after["features.1.running_mean"], Is.Not.EqualTo(before["features.1.running_mean"]));
            Assert.That(after["features.1.weight"], Is.EqualTo(before["features.1.weight"]));
        }
    }

    [Test]
    public void A_trainer_thaws_what_it_froze()
    {
        var model = Net.Create(10);
        var norm = (BatchNorm)model.Children[0].Children[1];
        using (new Trainer(model, new SoftmaxCrossEntropy(), new Sgd(0.1f) { Groups = [new ParameterGroup("features.*") { Frozen = true }] }, Device))
            Assert.That(norm.Frozen);
        Assert.That(norm.Frozen, Is.False);
    }

    [Test]
    public void What_does_not_fit_is_named()
    {
        var path = Pretrained();
        Assert.That(
            () => new Trainer(Net.Create(10), new SoftmaxCrossEntropy(), new Sgd(0.1f) { Groups = [new ParameterGroup("body.*") { Frozen = true }] }, Device),
            Throws.ArgumentException.With.Message.Contains("body.*"));
        using var few = new Trainer(Net.Create(4), new SoftmaxCrossEntropy(), new Sgd(0.1f), Device);
        Assert.That(
            () => few.LoadFrom(path),
            Throws.TypeOf<InvalidDataException>().With.Message.Contains("'head.weight' is F32").And.Message.Contains("expected F32 (4, 6)"));
        using var wide = new Trainer(Net.Create(10, width: 7), new SoftmaxCrossEntropy(), new Sgd(0.1f), Device);
        var before = Values(wide.Model);
        Assert.That(
            () => wide.LoadFrom(path, Entry.HeadParameters()),
            Throws.TypeOf<InvalidDataException>().With.Message.Contains("'features.0.weight'").And.Message.Not.Contains("head"));
        Assert.That(Values(wide.Model), Is.EqualTo(before));
        Assert.That(() => few.LoadFrom(path, ["neck.weight"]), Throws.ArgumentException.With.Message.Contains("'neck.weight'"));
        Assert.That(() => few.LoadFrom(Folder.File("none")), Throws.TypeOf<FileNotFoundException>());
    }

    [Test]
    public void Files_say_what_the_model_was_made_for()
    {
        var options = new ModelOptions { Classes = 3, InputShape = new Shape(1, Size, Size) };
        var path = Folder.File("w.safetensors");
        var data = Synthetic.Images(12, classes: 3, size: Size);
        using (var trainer = new Trainer(
            ModelRegistry.Get("lenet300").Create(options), new SoftmaxCrossEntropy(), new Sgd(0.1f), Device,
            options: new TrainerOptions { ModelName = "lenet300", ModelOptions = options }))
        {
            trainer.Fit(data, epochs: 1, batch: 4);
            trainer.Save(path);
        }

        var description = ModelDescription.Read(path);
        Assert.That((description.Model, description.Options, description.InputShape), Is.EqualTo(("lenet300", options, (Shape?)new Shape(1, Size, Size))));
        using var predictor = Predictor.Open(path, Device);
        Assert.That(predictor.Predict(data.Images.Span[..(Size * Size)])[0].Length, Is.EqualTo(3));
    }

    private static ModelEntry Entry { get; } = new("net", (_, classes) => Net.Create(classes), new Shape(1, Size, Size), Classes: 10);

    private string Pretrained()
    {
        var path = Folder.File("features.safetensors");
        using var trainer = new Trainer(Net.Create(10), new SoftmaxCrossEntropy(), new Sgd(0.1f), Device, seed: 9);
        trainer.Fit(Synthetic.Images(32, size: Size), epochs: 1, batch: 8);
        trainer.Save(path);
        return path;
    }

    private static Dictionary<string, float[]> Values(Layer model) =>
        model.Parameters().ToDictionary(parameter => parameter.Name, parameter => parameter.Tensor!.ToArray<float>());

    /// <summary>Features with batch norms, with and without parameters, a head and, in training, a side head.</summary>
    private sealed class Net : Layer
    {
        private readonly Sequential _features;
        private readonly Linear _head;
        private readonly Linear _side;

        private Net(int classes, int width)
        {
            _features = AddChild("features", new Sequential(
                new Conv2d(1, width, 3), new BatchNorm(width), new ReLU(), new Conv2d(width, width, 3), new BatchNorm(width, affine: false), new ReLU(),
                new GlobalAvgPool(), new Flatten()));
            _head = AddChild("head", new Linear(width, classes));
            _side = AddChild("side", new Linear(width, classes));
        }

        public static Net Create(int classes, int width = 6) => new(classes, width);

        protected override Value Build(Value input)
        {
            var features = _features.Forward(input);
            if (input.Graph.Training) input.Graph.AddAuxiliary(_side.Forward(features), 0.3f);
            return _head.Forward(features);
        }
    }
}
