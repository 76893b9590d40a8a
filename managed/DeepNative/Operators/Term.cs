using DeepNative.Interop;

namespace DeepNative.Operators;

/// <summary>
/// A value of an expression under construction, or a number, so that an element-wise function is written
/// down as its formula: <c>x / (1f + Abs(x))</c>. Comparisons give 1 or 0.
/// </summary>
internal readonly struct Term
{
    private readonly ExpressionBuilder? _builder;
    private readonly int _index;
    private readonly float _number;

    private Term(ExpressionBuilder builder, int index)
    {
        _builder = builder;
        _index = index;
    }

    private Term(float number) => _number = number;

    public static implicit operator Term(float number) => new(number);

    public static Term operator +(Term a, Term b) => Binary(Opcode.Add, a, b);

    public static Term operator -(Term a, Term b) => Binary(Opcode.Sub, a, b);

    public static Term operator *(Term a, Term b) => Binary(Opcode.Mul, a, b);

    public static Term operator /(Term a, Term b) => Binary(Opcode.Div, a, b);

    public static Term operator -(Term a) => Unary(Opcode.Neg, a);

    public static Term operator <(Term a, Term b) => Binary(Opcode.Lt, a, b);

    public static Term operator >(Term a, Term b) => Binary(Opcode.Gt, a, b);

    public static Term Min(Term a, Term b) => Binary(Opcode.Min, a, b);

    public static Term Max(Term a, Term b) => Binary(Opcode.Max, a, b);

    public static Term Select(Term condition, Term a, Term b)
    {
        var builder = condition._builder!;
        return new Term(builder, builder.Select(condition._index, a.In(builder), b.In(builder)));
    }

    public static Term IsNaN(Term a) => Binary(Opcode.Ne, a, a);

    public static Term Square(Term a) => a * a;

    public static Term Abs(Term a) => Unary(Opcode.Abs, a);

    public static Term Exp(Term a) => Unary(Opcode.Exp, a);

    /// <summary>exp(a) - 1, accurate near 0.</summary>
    public static Term Expm1(Term a) => Unary(Opcode.Expm1, a);

    /// <summary>ln(1 + a), accurate near 0.</summary>
    public static Term Log1p(Term a) => Unary(Opcode.Log1p, a);

    public static Term Sigmoid(Term a) => Unary(Opcode.Sigmoid, a);

    public static Term Erf(Term a) => Unary(Opcode.Erf, a);

    /// <summary>The expression that a formula of one input stands for.</summary>
    public static Expression Of(Func<Term, Term> formula) => Build(1, x => formula(x[0]));

    /// <summary>The expression that a formula of two inputs stands for.</summary>
    public static Expression Of(Func<Term, Term, Term> formula) => Build(2, x => formula(x[0], x[1]));

    /// <summary>The expression that a formula of three inputs stands for.</summary>
    public static Expression Of(Func<Term, Term, Term, Term> formula) => Build(3, x => formula(x[0], x[1], x[2]));

    private static Expression Build(int inputs, Func<Term[], Term> formula)
    {
        var builder = new ExpressionBuilder();
        var terms = new Term[inputs];
        for (var i = 0; i < inputs; i++) terms[i] = new Term(builder, builder.Input(i));
        return builder.Build([formula(terms).In(builder)]);
    }

    private static Term Unary(Opcode opcode, Term a) => new(a._builder!, a._builder!.Unary(opcode, a._index));

    private static Term Binary(Opcode opcode, Term a, Term b)
    {
        var builder = (a._builder ?? b._builder)!;
        return new Term(builder, builder.Binary(opcode, a.In(builder), b.In(builder)));
    }

    private int In(ExpressionBuilder builder) => _builder is null ? builder.Constant(_number) : _index;
}
