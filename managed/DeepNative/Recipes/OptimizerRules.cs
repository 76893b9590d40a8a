using DeepNative.Optimizers;

namespace DeepNative.Recipes;

/// <summary>The update rules by name.</summary>
public static class OptimizerRules
{
    // Rates of sgd and lars fit one model only; the others' usual numbers are those of their constructors.
    private static readonly Rule[] _rules =
    [
        new("sgd", null, 0f, 0f, ["momentum", "nesterov"], static r => new Sgd(r.LearningRate, r.Momentum, r.WeightDecay, r.Nesterov) { Groups = Groups(r) }),
        new("adam", new Adam().LearningRate, 0f, 0f, ["beta1", "beta2", "epsilon"], static r =>
        {
            var usual = new Adam();
            return new Adam(r.LearningRate, r.Beta1 ?? usual.Beta1, r.Beta2 ?? usual.Beta2, r.Epsilon ?? usual.Epsilon, r.WeightDecay) { Groups = Groups(r) };
        }),
        new("adamw", new AdamW().LearningRate, 0f, new AdamW().WeightDecay, ["beta1", "beta2", "epsilon"], static r =>
        {
            var usual = new AdamW();
            return new AdamW(r.LearningRate, r.Beta1 ?? usual.Beta1, r.Beta2 ?? usual.Beta2, r.Epsilon ?? usual.Epsilon, r.WeightDecay) { Groups = Groups(r) };
        }),
        new("adagrad", new Adagrad().LearningRate, 0f, 0f, ["epsilon"], static r =>
        {
            var usual = new Adagrad();
            return new Adagrad(r.LearningRate, r.Epsilon ?? usual.Epsilon, r.WeightDecay, usual.InitialSum) { Groups = Groups(r) };
        }),
        new("adadelta", new Adadelta().LearningRate, 0f, 0f, ["beta1", "epsilon"], static r =>
        {
            var usual = new Adadelta();
            return new Adadelta(r.LearningRate, r.Beta1 ?? usual.Rho, r.Epsilon ?? usual.Epsilon, r.WeightDecay) { Groups = Groups(r) };
        }),
        new("rmsprop", new RmsProp().LearningRate, 0f, 0f, ["momentum", "beta1", "epsilon"], static r =>
        {
            var usual = new RmsProp();
            return new RmsProp(r.LearningRate, r.Beta1 ?? usual.Alpha, r.Epsilon ?? usual.Epsilon, r.Momentum, r.WeightDecay, usual.Centered) { Groups = Groups(r) };
        }),
        new("adamax", new Adamax().LearningRate, 0f, 0f, ["beta1", "beta2", "epsilon"], static r =>
        {
            var usual = new Adamax();
            return new Adamax(r.LearningRate, r.Beta1 ?? usual.Beta1, r.Beta2 ?? usual.Beta2, r.Epsilon ?? usual.Epsilon, r.WeightDecay) { Groups = Groups(r) };
        }),
        new("nadam", new NAdam().LearningRate, 0f, 0f, ["beta1", "beta2", "epsilon"], static r =>
        {
            var usual = new NAdam();
            return new NAdam(
                r.LearningRate, r.Beta1 ?? usual.Beta1, r.Beta2 ?? usual.Beta2, r.Epsilon ?? usual.Epsilon, r.WeightDecay, usual.MomentumDecay)
            {
                Groups = Groups(r),
            };
        }),
        new("lars", null, new Lars(1f).Momentum, new Lars(1f).WeightDecay, ["momentum", "epsilon"], static r =>
        {
            var usual = new Lars(1f);
            return new Lars(r.LearningRate, r.Momentum, r.WeightDecay, usual.TrustCoefficient, r.Epsilon ?? usual.Epsilon) { Groups = Groups(r) };
        }),
    ];

    /// <summary>All names.</summary>
    public static IReadOnlyList<string> Names { get; } = Array.ConvertAll(_rules, rule => rule.Name);

    /// <summary>Another rule for a recipe, with that rule's usual numbers; a weight decay stays.</summary>
    /// <param name="recipe">The recipe.</param>
    /// <param name="name">The rule's name; the recipe's own changes nothing.</param>
    /// <param name="learningRate">The rate; null: the usual one.</param>
    /// <returns>The recipe with the other rule.</returns>
    /// <exception cref="RecipeException">There is no such rule, or it has no usual rate and none was given.</exception>
    public static Recipe Exchange(Recipe recipe, string name, float? learningRate)
    {
        ArgumentNullException.ThrowIfNull(recipe);
        if (recipe.Optimizer == name) return learningRate is { } given ? recipe with { LearningRate = given } : recipe;
        var rule = Find(name);
        return recipe with
        {
            Optimizer = name,
            LearningRate = learningRate ?? rule.Rate
                ?? throw new RecipeException($"optimizer {name} needs a learning rate; the recipe's is for {recipe.Optimizer}"),
            Momentum = rule.Momentum,
            Nesterov = false,
            WeightDecay = recipe.WeightDecay > 0f ? recipe.WeightDecay : rule.Decay,
            Beta1 = null,
            Beta2 = null,
            Epsilon = null,
        };
    }

    internal static Optimizer Create(Recipe recipe)
    {
        var rule = Find(recipe.Optimizer);
        Refuse("momentum", recipe.Momentum != 0f);
        Refuse("nesterov", recipe.Nesterov);
        Refuse("beta1", recipe.Beta1 is not null);
        Refuse("beta2", recipe.Beta2 is not null);
        Refuse("epsilon", recipe.Epsilon is not null);
        return RecipeException.Checked(rule.Name, () => rule.Create(recipe));

        void Refuse(string key, bool isGiven)
        {
            if (!isGiven || rule.Takes.Contains(key)) return;
            throw new RecipeException($"{key} is of {string.Join(", ", _rules.Where(other => other.Takes.Contains(key)).Select(other => other.Name))}; {rule.Name} has none");
        }
    }

    private static ParameterGroup[] Groups(Recipe recipe) => [.. recipe.Groups.Select(group => group.Create())];

    private static Rule Find(string name) =>
        Array.Find(_rules, rule => rule.Name == name)
        ?? throw new RecipeException($"there is no optimizer '{name}'; known are {string.Join(", ", Names)}");

    /// <summary>A rule: its usual rate, null where it has none, momentum and decay, and the keys that not every rule has.</summary>
    private sealed record Rule(string Name, float? Rate, float Momentum, float Decay, string[] Takes, Func<Recipe, Optimizer> Create);
}
