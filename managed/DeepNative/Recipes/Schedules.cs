using System.Globalization;
using DeepNative.Optimizers;

namespace DeepNative.Recipes;

/// <summary>Learning-rate schedules as text: "cosine", "step:epochs=30,factor=0.1".</summary>
public static class Schedules
{
    private static readonly Kind[] _kinds =
    [
        new("constant", [], _ => LearningRateSchedule.Constant),
        new("step", ["epochs", "factor=0.1"], n => LearningRateSchedule.Step(n.Whole("epochs"), n["factor"])),
        new("multi-step", ["epochs", "factor=0.1"], n => LearningRateSchedule.MultiStep(n.List("epochs"), n["factor"])),
        new("exponential", ["factor"], n => LearningRateSchedule.Exponential(n["factor"])),
        new("polynomial", ["power=1", "minimum=0"], n => LearningRateSchedule.Polynomial(n["power"], n["minimum"])),
        new("cosine", ["minimum=0"], n => LearningRateSchedule.Cosine(n["minimum"])),
        new("cosine-restarts", ["epochs", "multiplier=1", "minimum=0"],
            n => LearningRateSchedule.CosineRestarts(n.Whole("epochs"), n.Whole("multiplier"), n["minimum"])),
        new("one-cycle", ["rise=0.3", "start=25", "end=10000"], n => LearningRateSchedule.OneCycle(n["rise"], n["start"], n["end"])),
        new("inverse-time", ["decay"], n => LearningRateSchedule.InverseTime(n["decay"])),
        new(PlateauName, ["factor=0.1", "patience=10", "threshold=0.0001", "cooldown=0", "minimum=0"],
            n => LearningRateSchedule.Plateau(
                n["factor"], n.Whole("patience"), n["threshold"], cooldown: n.Whole("cooldown"), minimum: n["minimum"])),
    ];

    private const string PlateauName = "plateau";

    /// <summary>How every schedule is written, for help and messages.</summary>
    public static string Forms { get; } = string.Join(", ", _kinds.Select(kind => kind.Form));

    /// <summary>Whether a schedule looks at the validation set.</summary>
    /// <param name="setting">The text.</param>
    /// <returns>True for plateau.</returns>
    public static bool NeedsValidation(string? setting) => setting?.Split(':')[0] == PlateauName;

    /// <summary>Makes a schedule.</summary>
    /// <param name="setting">Its text; empty: constant.</param>
    /// <param name="warmup">Steps of a linear rise before; 0: none.</param>
    /// <returns>The schedule.</returns>
    /// <exception cref="RecipeException">There is no such schedule or number, or a number is outside its range.</exception>
    public static LearningRateSchedule Create(string setting, int warmup = 0)
    {
        var schedule = string.IsNullOrEmpty(setting) ? LearningRateSchedule.Constant : Parse(setting);
        return warmup > 0 ? LearningRateSchedule.Warmup(warmup, schedule) : schedule;
    }

    private static LearningRateSchedule Parse(string setting)
    {
        var parts = setting.Split(':', 2);
        var kind = Array.Find(_kinds, known => known.Name == parts[0])
            ?? throw new RecipeException($"there is no schedule '{parts[0]}'; known are {string.Join(", ", _kinds.Select(known => known.Name))}");
        var numbers = new Numbers(kind);
        if (parts.Length == 2) numbers.Read(parts[1]);
        return RecipeException.Checked($"schedule {setting}", () => kind.Create(numbers));
    }

    /// <summary>One kind of schedule; its settings with what they are where nothing is said.</summary>
    private sealed record Kind(string Name, string[] Settings, Func<Numbers, LearningRateSchedule> Create)
    {
        public string Form => Settings.Length == 0 ? Name : $"{Name}:{string.Join(',', Settings)}";
    }

    /// <summary>The settings of a schedule as they were typed.</summary>
    private sealed class Numbers
    {
        private readonly Kind _kind;
        private readonly Dictionary<string, string?> _texts = [];

        public Numbers(Kind kind)
        {
            _kind = kind;
            foreach (var setting in kind.Settings)
            {
                var parts = setting.Split('=');
                _texts.Add(parts[0], parts.Length == 2 ? parts[1] : null);
            }
        }

        public double this[string name] =>
            double.TryParse(Text(name), CultureInfo.InvariantCulture, out var value) && double.IsFinite(value) ? value : throw Wrong(name, "a number");

        public int Whole(string name) => Whole(name, Text(name));

        public int[] List(string name) => Array.ConvertAll(Text(name).Split('/'), text => Whole(name, text));

        public void Read(string text)
        {
            foreach (var setting in text.Split(','))
            {
                var parts = setting.Split('=', 2);
                if (parts.Length < 2 || !_texts.ContainsKey(parts[0]))
                    throw new RecipeException($"schedule {_kind.Name} has no setting '{setting}'; it is written {_kind.Form}");
                _texts[parts[0]] = parts[1];
            }
        }

        private int Whole(string name, string text) =>
            int.TryParse(text, CultureInfo.InvariantCulture, out var value) ? value : throw Wrong(name, "a whole number");

        private string Text(string name) =>
            _texts[name] ?? throw new RecipeException($"schedule {_kind.Name} needs {name}; it is written {_kind.Form}");

        private RecipeException Wrong(string name, string expected) =>
            new($"schedule {_kind.Name}: {name} is '{_texts[name]}', expected {expected}");
    }
}
