using System.Runtime.CompilerServices;

namespace DeepNative;

/// <summary>
/// The Philox4x32-10 counter-based random generator (Salmon, Moraes, Dror, Shaw: "Parallel random
/// numbers: as easy as 1, 2, 3", SC 2011). The native engine holds its twin.
/// </summary>
/// <remarks>
/// Key = seed (low word, high word). Counter = (block low word, block high word, offset, stream).
/// One block gives four 32-bit words, used in order. Uniform = (word >> 8) * 2^-24, in [0, 1).
/// An instance is a cursor over the words of one (seed, stream, offset); it is not thread-safe.
/// </remarks>
public sealed class Philox
{
    private const uint Multiplier0 = 0xD2511F53;
    private const uint Multiplier1 = 0xCD9E8D57;
    private const uint Weyl0 = 0x9E3779B9;
    private const uint Weyl1 = 0xBB67AE85;
    private const int Rounds = 10;

    private PhiloxBlock _block;
    private ulong _loadedBlock = ulong.MaxValue; // position >> 2 never reaches this value
    private ulong _position;

    /// <summary>Starts at word 0 of the given sequence.</summary>
    /// <param name="seed">The key: the same seed gives the same numbers on every machine.</param>
    /// <param name="stream">Tells independent users of one seed apart.</param>
    /// <param name="offset">Tells repetitions of one user apart, for instance the epoch.</param>
    public Philox(ulong seed, uint stream = 0, uint offset = 0)
    {
        Seed = seed;
        Stream = stream;
        Offset = offset;
    }

    /// <summary>The key.</summary>
    public ulong Seed { get; }

    /// <summary>The fourth counter word.</summary>
    public uint Stream { get; }

    /// <summary>The third counter word.</summary>
    public uint Offset { get; private set; }

    /// <summary>Index of the next 32-bit word in the sequence; all there is to save and restore.</summary>
    public ulong Position
    {
        get => _position;
        set => _position = value;
    }

    /// <summary>Moves to word <paramref name="position"/> of another offset.</summary>
    /// <param name="offset">The new third counter word.</param>
    /// <param name="position">Index of the next word.</param>
    public void Seek(uint offset, ulong position = 0)
    {
        Offset = offset;
        _position = position;
        _loadedBlock = ulong.MaxValue;
    }

    /// <summary>The generator itself: ten rounds over one counter.</summary>
    /// <param name="c0">Counter word 0 (block, low).</param>
    /// <param name="c1">Counter word 1 (block, high).</param>
    /// <param name="c2">Counter word 2 (offset).</param>
    /// <param name="c3">Counter word 3 (stream).</param>
    /// <param name="k0">Key word 0 (seed, low).</param>
    /// <param name="k1">Key word 1 (seed, high).</param>
    /// <returns>The four words of the block.</returns>
    public static PhiloxBlock Generate(uint c0, uint c1, uint c2, uint c3, uint k0, uint k1)
    {
        for (var round = 0; round < Rounds; round++)
        {
            var product0 = (ulong)Multiplier0 * c0;
            var product1 = (ulong)Multiplier1 * c2;
            c0 = (uint)(product1 >> 32) ^ c1 ^ k0;
            c1 = (uint)product1;
            c2 = (uint)(product0 >> 32) ^ c3 ^ k1;
            c3 = (uint)product0;
            unchecked
            {
                k0 += Weyl0;
                k1 += Weyl1;
            }
        }

        return new PhiloxBlock(c0, c1, c2, c3);
    }

    /// <summary>The next 32 random bits.</summary>
    /// <returns>A word uniform over all 2^32 values.</returns>
    public uint NextUInt32()
    {
        var block = _position >> 2;
        if (block != _loadedBlock) Load(block);
        return (uint)(_position++ & 3) switch
        {
            0 => _block.Word0,
            1 => _block.Word1,
            2 => _block.Word2,
            _ => _block.Word3,
        };
    }

    /// <summary>The next number in [0, 1), a multiple of 2^-24.</summary>
    /// <returns>A uniform number.</returns>
    public float NextUniform() => ToUniform(NextUInt32());

    /// <summary>
    /// The next integer in [0, bound) without bias (Lemire, "Fast random integer generation in an
    /// interval", 2019). Uses more than one word only when the first is rejected.
    /// </summary>
    /// <param name="bound">Exclusive upper end, at least 1.</param>
    /// <returns>A uniform integer.</returns>
    /// <exception cref="ArgumentOutOfRangeException">The bound is 0.</exception>
    public uint NextBelow(uint bound)
    {
        ArgumentOutOfRangeException.ThrowIfZero(bound);
        var product = (ulong)NextUInt32() * bound;
        if ((uint)product < bound)
        {
            var threshold = unchecked(0u - bound) % bound;
            while ((uint)product < threshold) product = (ulong)NextUInt32() * bound;
        }

        return (uint)(product >> 32);
    }

    /// <summary>
    /// Fills with uniform numbers in [low, high), value i from word i % 4 of block first + i / 4.
    /// Starts at the next whole block and ends on one.
    /// </summary>
    /// <param name="values">Receives the numbers.</param>
    /// <param name="low">Inclusive lower end.</param>
    /// <param name="high">Upper end; rounding of low + (high - low) * u may reach it.</param>
    public void FillUniform(Span<float> values, float low = 0f, float high = 1f)
    {
        var block = NextWholeBlock();
        var scale = high - low;
        for (var i = 0; i < values.Length; i += 4)
        {
            Load(block++);
            var rest = values[i..];
            rest[0] = low + scale * ToUniform(_block.Word0);
            if (rest.Length > 1) rest[1] = low + scale * ToUniform(_block.Word1);
            if (rest.Length > 2) rest[2] = low + scale * ToUniform(_block.Word2);
            if (rest.Length > 3) rest[3] = low + scale * ToUniform(_block.Word3);
        }

        _position = block << 2;
    }

    /// <summary>
    /// Fills with normal numbers by Box-Muller: words (a, b) give r cos t and r sin t with
    /// r = sqrt(-2 ln(1 - uniform(a))) and t = 2 pi uniform(b); a block gives four values, from words
    /// (0, 1) and (2, 3). Starts at the next whole block and ends on one.
    /// </summary>
    /// <param name="values">Receives the numbers.</param>
    /// <param name="mean">Mean of the distribution.</param>
    /// <param name="standardDeviation">Standard deviation of the distribution.</param>
    public void FillNormal(Span<float> values, float mean = 0f, float standardDeviation = 1f)
    {
        var block = NextWholeBlock();
        for (var i = 0; i < values.Length; i += 4)
        {
            Load(block++);
            var rest = values[i..];
            var (x0, x1) = BoxMuller(_block.Word0, _block.Word1);
            var (x2, x3) = BoxMuller(_block.Word2, _block.Word3);
            rest[0] = (float)(mean + standardDeviation * x0);
            if (rest.Length > 1) rest[1] = (float)(mean + standardDeviation * x1);
            if (rest.Length > 2) rest[2] = (float)(mean + standardDeviation * x2);
            if (rest.Length > 3) rest[3] = (float)(mean + standardDeviation * x3);
        }

        _position = block << 2;
    }

    /// <summary>Puts the values in random order (Fisher-Yates, from the last element down).</summary>
    /// <param name="values">The values to permute in place.</param>
    public void Shuffle(Span<int> values)
    {
        for (var i = values.Length - 1; i > 0; i--)
        {
            var j = (int)NextBelow((uint)i + 1);
            (values[i], values[j]) = (values[j], values[i]);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static float ToUniform(uint word) => (word >> 8) * (1f / (1 << 24));

    // In double, so that a libm that differs in the last bit almost never shows after rounding.
    private static (double Cosine, double Sine) BoxMuller(uint a, uint b)
    {
        var radius = Math.Sqrt(-2.0 * Math.Log(1.0 - ToUniform(a)));
        var (sine, cosine) = Math.SinCos(2.0 * Math.PI * ToUniform(b));
        return (radius * cosine, radius * sine);
    }

    private ulong NextWholeBlock() => (_position >> 2) + ((_position & 3) == 0 ? 0ul : 1ul);

    private void Load(ulong block)
    {
        _block = Generate((uint)block, (uint)(block >> 32), Offset, Stream, (uint)Seed, (uint)(Seed >> 32));
        _loadedBlock = block;
    }
}
