using System.Globalization;
using System.Text.Json.Serialization;

namespace DeepNative.Data;

/// <summary>
/// How training pictures vary at random, each time they are seen: where, how large, turned, bent, in which light.
/// By default nothing does. The same picture, seed and step give the same result on every device.
/// </summary>
/// <remarks>
/// Done in this order: the random resized crop when a picture is decoded, then in the training program a window of the
/// padded picture, mirrored, shifted, turned, sheared, scaled and bent by one bilinear sampling; the colours by one matrix;
/// light; the cut-out square; normalisation; and a mixture of two pictures. Evaluation sees pictures as they are.
/// </remarks>
public sealed record Augmentation
{
    // Of the covariance of ImageNet's colours, in 1: row channel, column component, eigenvector times eigenvalue.
    private static readonly float[] _imageNetComponents =
    [
        -0.5675f * 0.2175f, 0.7192f * 0.0188f, 0.4009f * 0.0045f,
        -0.5808f * 0.2175f, -0.0045f * 0.0188f, -0.8140f * 0.0045f,
        -0.5836f * 0.2175f, -0.6948f * 0.0188f, 0.4203f * 0.0045f,
    ];

    /// <summary>Nothing varies.</summary>
    public static Augmentation None { get; } = new();

    /// <summary>Pixels added on each side before the window is cut out at a random place; 0 to 4096.</summary>
    /// <exception cref="ArgumentOutOfRangeException">Outside that range.</exception>
    public int Padding { get; init => field = Within(value, 4096, nameof(Padding)); }

    /// <summary>
    /// Whether all that lies outside a picture mirrors it at its outermost pixel, which is not repeated; else it is bytes of 0.
    /// </summary>
    public bool Reflect { get; init; }

    /// <summary>Rows of the window that is cut out at a random place; 0: as many as the picture has.</summary>
    /// <exception cref="ArgumentOutOfRangeException">Below 0.</exception>
    public int WindowHeight { get; init => field = Within(value, int.MaxValue, nameof(WindowHeight)); }

    /// <summary>Columns of the window that is cut out at a random place; 0: as many as the picture has.</summary>
    /// <exception cref="ArgumentOutOfRangeException">Below 0.</exception>
    public int WindowWidth { get; init => field = Within(value, int.MaxValue, nameof(WindowWidth)); }

    /// <summary>How probably a picture is mirrored left to right; 0 to 1.</summary>
    /// <exception cref="ArgumentOutOfRangeException">Outside that range.</exception>
    public float Flip { get; init => field = Within(value, 1f, nameof(Flip)); }

    /// <summary>How probably a picture is mirrored top to bottom; 0 to 1.</summary>
    /// <exception cref="ArgumentOutOfRangeException">Outside that range.</exception>
    public float VerticalFlip { get; init => field = Within(value, 1f, nameof(VerticalFlip)); }

    /// <summary>Shifted by up to this part of the window's size, both ways, along each axis; 0 to 1.</summary>
    /// <exception cref="ArgumentOutOfRangeException">Outside that range.</exception>
    public float Shift { get; init => field = Within(value, 1f, nameof(Shift)); }

    /// <summary>Turned around the middle by up to so many degrees, both ways; 0 to 180.</summary>
    /// <exception cref="ArgumentOutOfRangeException">Outside that range.</exception>
    public float Rotation { get; init => field = Within(value, 180f, nameof(Rotation)); }

    /// <summary>Enlarged by a factor from 1 / (1 + s) to 1 + s, its logarithm uniform; 0 to 3.</summary>
    /// <exception cref="ArgumentOutOfRangeException">Outside that range.</exception>
    public float Scale { get; init => field = Within(value, 3f, nameof(Scale)); }

    /// <summary>Upright lines lean by up to so many degrees, both ways; 0 to 80.</summary>
    /// <exception cref="ArgumentOutOfRangeException">Outside that range.</exception>
    public float Shear { get; init => field = Within(value, 80f, nameof(Shear)); }

    /// <summary>
    /// Standard deviation, in pixels, by which each pixel is displaced along each axis, smoothly: a cubic B-spline through
    /// random offsets on a coarse grid (Simard, Steinkraus and Platt 2003; Ronneberger, Fischer and Brox 2015); 0 to 1000.
    /// </summary>
    /// <exception cref="ArgumentOutOfRangeException">Outside that range.</exception>
    public float Elastic { get; init => field = Within(value, 1000f, nameof(Elastic)); }

    /// <summary>Pixels between two nodes of that grid; 0: a quarter of the window's longer side.</summary>
    /// <exception cref="ArgumentOutOfRangeException">Below 0 or not finite.</exception>
    public float ElasticPitch { get; init => field = Within(value, 1e6f, nameof(ElasticPitch)); }

    /// <summary>All colours times a factor from 1 - b to 1 + b; 0 to 1.</summary>
    /// <exception cref="ArgumentOutOfRangeException">Outside that range.</exception>
    public float Brightness { get; init => field = Within(value, 1f, nameof(Brightness)); }

    /// <summary>The distance of colours to the data set's mean times a factor from 1 - c to 1 + c; 0 to 1.</summary>
    /// <exception cref="ArgumentOutOfRangeException">Outside that range.</exception>
    public float Contrast { get; init => field = Within(value, 1f, nameof(Contrast)); }

    /// <summary>The distance of colours to their own grey times a factor from 1 - s to 1 + s; 0 to 1. For 3 channels.</summary>
    /// <exception cref="ArgumentOutOfRangeException">Outside that range.</exception>
    public float Saturation { get; init => field = Within(value, 1f, nameof(Saturation)); }

    /// <summary>Colours turned around the grey axis (in YIQ) by up to this part of a full turn, both ways; 0 to 0.5. For 3 channels.</summary>
    /// <exception cref="ArgumentOutOfRangeException">Outside that range.</exception>
    public float Hue { get; init => field = Within(value, 0.5f, nameof(Hue)); }

    /// <summary>
    /// Standard deviation of the factors with which the principal components of the data's colours are added (Krizhevsky,
    /// Sutskever and Hinton 2012: 0.1); 0 to 10. For 3 channels.
    /// </summary>
    /// <exception cref="ArgumentOutOfRangeException">Outside that range.</exception>
    public float Lighting { get; init => field = Within(value, 10f, nameof(Lighting)); }

    /// <summary>
    /// The components for <see cref="Lighting"/>: 9 numbers, a row per channel, a column per component, each an eigenvector of
    /// the covariance of the colours in 0 to 1, times its eigenvalue; null: ImageNet's.
    /// </summary>
    /// <exception cref="ArgumentException">Not 9 finite numbers.</exception>
    public IReadOnlyList<float>? LightingComponents
    {
        get;
        init => field = value is null || (value.Count == 9 && value.All(float.IsFinite))
            ? value
            : throw new ArgumentException("the components are 9 finite numbers, 3 for each channel.", nameof(LightingComponents));
    }

    /// <summary>
    /// Side in pixels of a square around a random pixel that is filled with the mean (DeVries and Taylor 2017); it may stand
    /// over the edge. 0 to 4096; 0: none.
    /// </summary>
    /// <exception cref="ArgumentOutOfRangeException">Outside that range.</exception>
    public int Cutout { get; init => field = Within(value, 4096, nameof(Cutout)); }

    /// <summary>
    /// The alpha of Mixup (Zhang et al. 2018): a batch is mixed with itself moved by one example, with a part drawn from
    /// Beta(alpha, alpha), and so are the losses; 0 to 10; 0: not mixed.
    /// </summary>
    /// <exception cref="ArgumentOutOfRangeException">Outside that range.</exception>
    public float Mixup { get; init => field = Within(value, 10f, nameof(Mixup)); }

    /// <summary>The least part of a picture's area that a random resized crop takes, above 0 to 1; 1: no such crop.</summary>
    /// <exception cref="ArgumentOutOfRangeException">Outside that range.</exception>
    public float CropScaleMin { get; init => field = Positive(value, 1f, nameof(CropScaleMin)); } = 1f;

    /// <summary>The largest such part, above 0 to 1; where less than <see cref="CropScaleMin"/>, that counts.</summary>
    /// <exception cref="ArgumentOutOfRangeException">Outside that range.</exception>
    public float CropScaleMax { get; init => field = Positive(value, 1f, nameof(CropScaleMax)); } = 1f;

    /// <summary>The crop's width over its height is from 1 / r to r, its logarithm uniform; 1 to 10.</summary>
    /// <exception cref="ArgumentOutOfRangeException">Outside that range.</exception>
    public float CropRatio
    {
        get;
        init => field = value >= 1f ? Within(value, 10f, nameof(CropRatio)) : throw Outside(value, "1 to 10", nameof(CropRatio));
    } = 4f / 3f;

    /// <summary>Whether pictures are cut and resized at random when they are decoded.</summary>
    [JsonIgnore]
    public bool CropsAtRandom => CropScaleMin < 1f;

    /// <summary>Whether pixels are sampled between others.</summary>
    [JsonIgnore]
    public bool Samples => Shift > 0f || Rotation > 0f || Scale > 0f || Shear > 0f || Elastic > 0f;

    /// <summary>Whether colours change.</summary>
    [JsonIgnore]
    public bool Colors => Brightness > 0f || Contrast > 0f || Saturation > 0f || Hue > 0f || Lighting > 0f;

    /// <summary>Whether anything is done in the training program.</summary>
    [JsonIgnore]
    public bool OnDevice =>
        Samples || Colors || Padding > 0 || WindowHeight > 0 || WindowWidth > 0 || Flip > 0f || VerticalFlip > 0f || Cutout > 0 || Mixup > 0f;

    internal ReadOnlySpan<float> Components => LightingComponents is { } given ? given.ToArray() : _imageNetComponents;

    /// <summary>What is on, with its numbers: "padding 4, flip 0.5"; "none" where nothing is.</summary>
    /// <returns>One line.</returns>
    public override string ToString()
    {
        var parts = new List<string>();
        if (CropsAtRandom) parts.Add(Text($"crop {CropScaleMin} to {CropScaleMax} of the area, ratio {CropRatio:0.###}"));
        if (WindowHeight > 0 || WindowWidth > 0) parts.Add($"window {Extent(WindowHeight)} x {Extent(WindowWidth)}");
        if (Padding > 0) parts.Add($"padding {Padding}");
        if (Reflect) parts.Add("reflect");
        Add("flip", Flip);
        Add("vertical flip", VerticalFlip);
        Add("shift", Shift);
        Add("rotation", Rotation);
        Add("scale", Scale);
        Add("shear", Shear);
        Add("elastic", Elastic);
        if (Elastic > 0f && ElasticPitch > 0f) parts.Add(Text($"elastic pitch {ElasticPitch}"));
        Add("brightness", Brightness);
        Add("contrast", Contrast);
        Add("saturation", Saturation);
        Add("hue", Hue);
        Add("lighting", Lighting);
        if (Cutout > 0) parts.Add($"cutout {Cutout}");
        Add("mixup", Mixup);
        return parts.Count == 0 ? "none" : string.Join(", ", parts);

        void Add(string name, float value)
        {
            if (value > 0f) parts.Add(Text($"{name} {value}"));
        }

        static string Text(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);

        static string Extent(int value) => value == 0 ? "all" : value.ToString(CultureInfo.InvariantCulture);
    }

    private static int Within(int value, int most, string name) =>
        value >= 0 && value <= most ? value : throw Outside(value, $"0 to {most}", name);

    private static float Within(float value, float most, string name) =>
        value >= 0f && value <= most ? value : throw Outside(value, string.Create(CultureInfo.InvariantCulture, $"0 to {most}"), name);

    private static float Positive(float value, float most, string name) =>
        value > 0f ? Within(value, most, name) : throw Outside(value, "above 0 to 1", name);

    private static ArgumentOutOfRangeException Outside(object value, string range, string name) =>
        new(name, value, $"the augmentation's {name} is from {range}.");
}
