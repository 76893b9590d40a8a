// What dn_image_decode_attributes draws for a sample and does with a place: shared by all devices, and
// C++17. Every sum of products is an explicit fma, so that no compiler has a choice and all devices
// give the same bits.
#pragma once

#include <deepnative.h>

#include <cmath>
#include <cstdint>
#include <cstring>

// In the CPU's files, which are compiled once for each instruction set, nothing of one may be linked
// into another: functions are static.
#ifdef DN_AUGMENT_DEVICE
#define DN_AUGMENT static __device__ __forceinline__
#else
#define DN_AUGMENT static inline
#endif

namespace dn::augment {

constexpr int kBlocks = 5;        // of four Philox words a sample, before those of the elastic grid
constexpr int kMostNodes = 1024;  // of the elastic grid
constexpr int64_t kMaxSide =
    1 << 24;  // of an image with its padding: a float counts exactly to there
constexpr const char* kSideTooLong = "a side with its padding is longer than 2^24";
constexpr float kElasticGain = 2.0860927f;  // 315 / 151: see dn_image_decode_attributes

struct Settings {
  dn_image_decode_attributes attributes;
  int32_t channels, height, width, out_height, out_width;
  int32_t node_rows, node_columns;  // of the elastic grid; 0: none
  // Places lie between pixels. Else, without `colors` too, bytes are copied.
  int32_t samples;
  int32_t colors;
};

static inline int32_t elastic_nodes(int64_t extent, float pitch) {
  const float cells = floorf((float)(extent > 0 ? extent - 1 : 0) / pitch);
  return cells < kMostNodes ? (int32_t)cells + 4 : kMostNodes;
}

// Of attributes that the operator's rule let through; random: there is a state.
static inline Settings settings_of(const dn_image_decode_attributes& a, bool random,
                                   int32_t channels, int32_t height, int32_t width,
                                   int32_t out_height, int32_t out_width) {
  Settings s{a, channels, height, width, out_height, out_width, 0, 0, 0, 0};
  if (!random) return s;
  if (a.elastic > 0) {
    s.node_rows = elastic_nodes(out_height, a.elastic_pitch);
    s.node_columns = elastic_nodes(out_width, a.elastic_pitch);
  }
  s.samples = a.shift > 0 || a.rotation > 0 || a.log_zoom > 0 || a.shear > 0 || a.elastic > 0;
  bool lit = false;
  for (float number : a.lighting) lit |= number != 0;
  s.colors = a.brightness > 0 || a.contrast > 0 || a.saturation > 0 || a.hue > 0 || lit;
  return s;
}

// What sample and step decide.
struct Sample {
  int32_t top, left;  // of the window, in the image without padding
  int32_t flip, vertical_flip;
  // The image's place of (v, u): row = row_v v + row_u u + row_0, and so the column.
  float row_v, row_u, row_0;
  float column_v, column_u, column_0;
  float color[9],
      color_offset[4];        // (channel, channel); of channels other than 3 only color[0] counts
  int32_t cut_top, cut_left;  // of the square, in the window
};

DN_AUGMENT float bits_to_float(int32_t bits) {
  float value;
  memcpy(&value, &bits, sizeof value);
  return value;
}
DN_AUGMENT int32_t float_to_bits(float value) {
  int32_t bits;
  memcpy(&bits, &value, sizeof bits);
  return bits;
}

DN_AUGMENT float uniform(uint32_t word) {
  return (float)(int32_t)(word >> 8) * 0x1p-24f;
}
// In [-1, 1), exact.
DN_AUGMENT float both_ways(uint32_t word) {
  return fmaf(2.0f, uniform(word), -1.0f);
}

// Of an angle in turns, within [-1, 1].
DN_AUGMENT void sine_cosine(float turns, float* sine, float* cosine) {
  const float quarter = rintf(turns * 4.0f);
  const float t = fmaf(quarter, -0.25f, turns) * 6.2831853f;  // within pi / 4 of 0
  const float z = t * t;
  // Taylor's series: their rest is below float32's precision.
  float s = fmaf(2.7557319e-6f, z, -1.9841270e-4f);
  s = fmaf(s, z, 8.3333333e-3f);
  s = fmaf(s, z, -0.16666667f);
  s = fmaf(s * z, t, t);
  float c = fmaf(-2.7557319e-7f, z, 2.4801587e-5f);
  c = fmaf(c, z, -1.3888889e-3f);
  c = fmaf(c, z, 4.1666667e-2f);
  c = fmaf(c, z, -0.5f);
  c = fmaf(c, z, 1.0f);
  const int32_t q = (int32_t)quarter & 3;
  *sine = (q & 1 ? c : s) * (q & 2 ? -1.0f : 1.0f);
  *cosine = (q & 1 ? s : c) * ((q + 1) & 2 ? -1.0f : 1.0f);
}

// exp(x) for |x| <= 2.
DN_AUGMENT float exponential(float x) {
  const float k = rintf(x * 1.44269504f);
  float r = fmaf(k, -0.693359375f, x);
  r = fmaf(k, 2.12194440e-4f, r);  // ln 2 in two parts
  float p = fmaf(r, 1.9841270e-4f, 1.3888889e-3f);
  p = fmaf(p, r, 8.3333333e-3f);
  p = fmaf(p, r, 4.1666667e-2f);
  p = fmaf(p, r, 0.16666667f);
  p = fmaf(p, r, 0.5f);
  p = fmaf(p, r, 1.0f);
  p = fmaf(p, r, 1.0f);
  return p * bits_to_float(((int32_t)k + 127) << 23);
}

// ln(x) for a normal number x in (0, 1]: 2 artanh((m - 1) / (m + 1)) of the part m in [sqrt(1/2),
// sqrt(2)), by its series.
DN_AUGMENT float logarithm(float x) {
  constexpr int32_t kRootHalf = 0x3f3504f3;
  const int32_t bits = float_to_bits(x) - kRootHalf;
  const float exponent = (float)(bits >> 23);
  const float f = bits_to_float((bits & 0x007fffff) + kRootHalf) - 1.0f;
  const float s = f / (2.0f + f);
  const float z = s * s;
  float p = fmaf(z, 1.0f / 9, 1.0f / 7);
  p = fmaf(p, z, 1.0f / 5);
  p = fmaf(p, z, 1.0f / 3);
  const float twice = s + s;
  return fmaf(exponent, 0.69314718f, fmaf(p * z, twice, twice));
}

DN_AUGMENT void normal_pair(uint32_t u, uint32_t v, float* first, float* second) {
  const float radius = sqrtf(-2.0f * logarithm(1.0f - uniform(u)));
  float sine, cosine;
  sine_cosine(uniform(v), &sine, &cosine);
  *first = radius * cosine;
  *second = radius * sine;
}

// One node's displacement, from its two words.
DN_AUGMENT void elastic_node(const Settings& s, uint32_t u, uint32_t v, float* x, float* y) {
  normal_pair(u, v, x, y);
  const float size = s.attributes.elastic * kElasticGain;
  *x = *x * size;
  *y = *y * size;
}

// The weights of the four nodes around a place that lies t in [0, 1) behind the second.
DN_AUGMENT void spline_weights(float t, float (&weights)[4]) {
  const float r = 1.0f - t;
  weights[0] = r * r * r * (1.0f / 6);
  weights[1] = fmaf(t * t, fmaf(0.5f, t, -1.0f), 2.0f / 3);
  weights[2] = fmaf(r * r, fmaf(0.5f, r, -1.0f), 2.0f / 3);
  weights[3] = t * t * t * (1.0f / 6);
}
DN_AUGMENT float spline(float w0, float w1, float w2, float w3, float a, float b, float c,
                        float d) {
  return fmaf(w3, d, fmaf(w2, c, fmaf(w1, b, w0 * a)));
}

DN_AUGMENT int32_t scaled_word(uint32_t word, int32_t extent) {
  return (int32_t)((uint64_t)word * (uint32_t)extent >> 32);
}

// The image's place in the middle of the window, moved.
DN_AUGMENT float window_middle(int32_t begin, int32_t extent, float moved) {
  return fmaf(-moved, (float)extent, fmaf(0.5f, (float)(extent - 1), (float)begin));
}

DN_AUGMENT void draw_geometry(const Settings& s, const uint32_t* words, Sample& sample) {
  const dn_image_decode_attributes& a = s.attributes;
  float sine, cosine, shear_sine, shear_cosine;
  sine_cosine(both_ways(words[6]) * a.rotation, &sine, &cosine);
  sine_cosine(both_ways(words[8]) * a.shear, &shear_sine, &shear_cosine);
  const float tangent = shear_sine / shear_cosine;
  const float shrink = exponential(-(both_ways(words[7]) * a.log_zoom));
  const float u = sample.flip ? -shrink : shrink, v = sample.vertical_flip ? -shrink : shrink;
  sample.row_u = sine * u;
  sample.row_v = fmaf(sine, tangent, cosine) * v;
  sample.column_u = cosine * u;
  sample.column_v = fmaf(cosine, tangent, -sine) * v;
  sample.row_0 = window_middle(sample.top, s.out_height, both_ways(words[4]) * a.shift);
  sample.column_0 = window_middle(sample.left, s.out_width, both_ways(words[5]) * a.shift);
}

DN_AUGMENT void multiply(const float (&a)[9], float (&b)[9], float (&offset)[4]) {
  float product[9], moved[3];
  for (int i = 0; i < 3; ++i) {
    for (int j = 0; j < 3; ++j)
      product[3 * i + j] =
          fmaf(a[3 * i + 2], b[6 + j], fmaf(a[3 * i + 1], b[3 + j], a[3 * i] * b[j]));
    moved[i] = fmaf(a[3 * i + 2], offset[2], fmaf(a[3 * i + 1], offset[1], a[3 * i] * offset[0]));
  }
  for (int i = 0; i < 9; ++i) b[i] = product[i];
  for (int i = 0; i < 3; ++i) offset[i] = moved[i];
}

DN_AUGMENT void draw_colors(const Settings& s, const uint32_t* words, Sample& sample) {
  const dn_image_decode_attributes& a = s.attributes;
  const float brightness = fmaf(both_ways(words[12]), a.brightness, 1.0f);
  const float contrast = fmaf(both_ways(words[13]), a.contrast, 1.0f);
  for (int i = 0; i < 9; ++i) sample.color[i] = i % 4 == 0 ? brightness * contrast : 0.0f;
  for (int c = 0; c < DN_MAX_IMAGE_CHANNELS; ++c)
    sample.color_offset[c] = a.mean[c] * (1.0f - contrast);
  if (s.channels != 3) return;
  const float luma[3] = {0.299f, 0.587f, 0.114f};
  // In YIQ the chrominance turned by a quarter, in RGB.
  const float quarter[9] = {0.16773971f, 0.32930952f, -0.49704924f, -0.32811313f, 0.035466987f,
                            0.29264614f, 1.2495459f,  -1.0463392f,  -0.20320670f};
  const float saturation = fmaf(both_ways(words[14]), a.saturation, 1.0f);
  float sine, cosine;
  sine_cosine(both_ways(words[15]) * a.hue, &sine, &cosine);
  float gray[9], turn[9];
  for (int i = 0; i < 3; ++i)
    for (int j = 0; j < 3; ++j) {
      const float one = i == j ? 1.0f : 0.0f;
      gray[3 * i + j] = fmaf(saturation - 1.0f, one - luma[j], one);
      turn[3 * i + j] = fmaf(sine, quarter[3 * i + j], fmaf(cosine - 1.0f, one - luma[j], one));
    }
  multiply(gray, sample.color, sample.color_offset);
  multiply(turn, sample.color, sample.color_offset);
  float light[4];
  normal_pair(words[16], words[17], light, light + 1);
  normal_pair(words[18], words[19], light + 2, light + 3);
  for (int c = 0; c < 3; ++c)
    for (int k = 0; k < 3; ++k)
      sample.color_offset[c] = fmaf(a.lighting[3 * c + k], light[k], sample.color_offset[c]);
}

// Of the window; all that copying bytes needs. words: the first block, with a cutout the first three;
// null: the middle, as it is.
DN_AUGMENT void draw_window(const Settings& s, const uint32_t* words, Sample& sample) {
  const dn_image_decode_attributes& a = s.attributes;
  const int32_t tops = s.height + 2 * a.padding - s.out_height + 1;
  const int32_t lefts = s.width + 2 * a.padding - s.out_width + 1;
  sample.top = (words ? scaled_word(words[0], tops) : (tops - 1) / 2) - a.padding;
  sample.left = (words ? scaled_word(words[1], lefts) : (lefts - 1) / 2) - a.padding;
  sample.flip = words && uniform(words[2]) < a.flip_probability;
  sample.vertical_flip = words && uniform(words[3]) < a.vertical_flip_probability;
  sample.cut_top = a.cutout > 0 ? scaled_word(words[9], s.out_height) - a.cutout / 2 : 0;
  sample.cut_left = a.cutout > 0 ? scaled_word(words[10], s.out_width) - a.cutout / 2 : 0;
}

// words: kBlocks blocks of four.
DN_AUGMENT void draw_sample(const Settings& s, const uint32_t* words, Sample& sample) {
  draw_window(s, words, sample);
  draw_geometry(s, words, sample);
  draw_colors(s, words, sample);
}

DN_AUGMENT bool is_cut(const Settings& s, const Sample& sample, int32_t i, int32_t j) {
  return i >= sample.cut_top && i < sample.cut_top + s.attributes.cutout && j >= sample.cut_left &&
         j < sample.cut_left + s.attributes.cutout;
}

// ---- whole places: bytes are copied ----

// The place in the image of one around it; -1: outside.
DN_AUGMENT int32_t whole_place(int32_t place, int32_t extent, int32_t padding_mode) {
  if (place >= 0 && place < extent) return place;
  if (padding_mode == DN_PADDING_ZERO) return -1;
  return place < 0 ? -place : 2 * (extent - 1) - place;
}

// ---- places between pixels ----

// Into -1 .. extent, where all outside is zero, or by mirroring into 0 .. extent - 1.
DN_AUGMENT float bounded_place(float place, int32_t extent, int32_t padding_mode) {
  if (padding_mode == DN_PADDING_ZERO) {
    place = place > -1.0f ? place : -1.0f;
    return place < (float)extent ? place : (float)extent;
  }
  const float last = (float)(extent - 1), period = last + last;
  if (extent < 2) return 0.0f;
  place = fmaf(-period, floorf(place / period), place);
  const float back = period - place;
  place = place < back ? place : back;
  return place > 0.0f ? place : 0.0f;
}

DN_AUGMENT float between(float part, float a, float b) {
  return fmaf(part, b - a, a);
}

DN_AUGMENT float limited(float byte) {
  byte = byte > 0.0f ? byte : 0.0f;
  return byte < 255.0f ? byte : 255.0f;
}

DN_AUGMENT void recolor(const Sample& sample, float& red, float& green, float& blue) {
  const float* m = sample.color;
  const float r = red, g = green, b = blue;
  red = limited(fmaf(m[2], b, fmaf(m[1], g, fmaf(m[0], r, sample.color_offset[0]))));
  green = limited(fmaf(m[5], b, fmaf(m[4], g, fmaf(m[3], r, sample.color_offset[1]))));
  blue = limited(fmaf(m[8], b, fmaf(m[7], g, fmaf(m[6], r, sample.color_offset[2]))));
}

}  // namespace dn::augment
