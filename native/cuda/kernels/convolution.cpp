#include "cuda/kernels/convolution.h"

#include <numeric>

namespace dn::cuda {

namespace {

// Distances between neighbours along the axes of a dense image, in pixels.
struct Pitches {
  int32_t of[3];
  int32_t image;
};

Pitches pitches(int32_t e0, int32_t e1, int32_t e2) {
  return {{e1 * e2, e2, 1}, e0 * e1 * e2};
}
Pitches input_pitches(const Convolution& c) {
  return pitches(c.axis[0].input, c.axis[1].input, c.axis[2].input);
}
Pitches output_pitches(const Convolution& c) {
  return pitches(c.axis[0].output, c.axis[1].output, c.axis[2].output);
}

// The patches of x: positions are output pixels, taps the kernel's.
GemmOperand patches(const Convolution& c) {
  GemmOperand operand;
  operand.batch_stride = c.group_channels();
  operand.pixel_stride = c.channels;
  operand.channels = (int32_t)c.group_channels();
  operand.outer = c.batch;
  const Pitches pitch = input_pitches(c);
  operand.outer_pitch = pitch.image;
  for (int i = 0; i < 3; ++i) {
    const ConvolutionAxis& axis = c.axis[i];
    operand.axis[i] = {axis.output,   axis.stride, -axis.padding, axis.kernel,
                       axis.dilation, axis.input,  pitch.of[i]};
  }
  return operand;
}

Gemm product(const Convolution& c) {
  Gemm g;
  g.batch = c.groups;
  g.dtype = g.c_dtype = c.dtype;
  g.float32 = c.float32;
  return g;
}

// The input's coordinates along one axis that are `first` plus a multiple of the stride, and the
// taps that reach them: those with padding + first = tap * dilation modulo the stride.
struct Residue {
  int32_t first, count;     // coordinates first + stride * i
  int32_t tap, tap_stride;  // taps tap + tap_stride * j
  int32_t taps;
  int32_t output;  // the output's coordinate for i = 0, j = 0
  int32_t step;    // what j adds to it
};

Residue residue(const ConvolutionAxis& axis, int32_t first) {
  Residue r{};
  r.first = first;
  r.count = first < axis.input ? (axis.input - 1 - first) / axis.stride + 1 : 0;
  r.tap_stride = axis.stride / std::gcd(axis.stride, axis.dilation);
  const int64_t reached = int64_t{first} + axis.padding;
  while (r.tap < r.tap_stride && (reached - int64_t{r.tap} * axis.dilation) % axis.stride != 0)
    ++r.tap;
  if (r.tap == r.tap_stride || r.tap >= axis.kernel) return r;  // taps 0
  r.taps = (axis.kernel - 1 - r.tap) / r.tap_stride + 1;
  r.output = (int32_t)((reached - int64_t{r.tap} * axis.dilation) / axis.stride);
  r.step = -(int32_t)(int64_t{r.tap_stride} * axis.dilation / axis.stride);
  return r;
}

Gemm backward_data(const Convolution& c, const Residue (&r)[3]) {
  const int32_t group_out = (int32_t)c.group_out_channels();
  const Pitches in = input_pitches(c), out = output_pitches(c);
  const Pitches kernel = pitches(c.axis[0].kernel, c.axis[1].kernel, c.axis[2].kernel);
  const int32_t taps = r[0].taps * r[1].taps * r[2].taps;
  Gemm g = product(c);
  g.rows = c.batch * r[0].count * r[1].count * r[2].count;
  g.columns = (int32_t)c.group_channels();
  g.depth = taps * group_out;

  g.a.batch_stride = group_out;
  g.a.pixel_stride = c.out_channels;
  g.a.channels = group_out;
  g.a.outer = g.map.outer = c.batch;
  g.a.outer_pitch = out.image;
  g.map.outer_pitch = in.image;
  for (int i = 0; i < 3; ++i) {
    g.a.axis[i] = {r[i].count, 1, r[i].output, r[i].taps, r[i].step, c.axis[i].output, out.of[i]};
    g.map.axis[i] = {r[i].count, c.axis[i].stride, r[i].first, 1, 0, c.axis[i].input, in.of[i]};
  }
  g.scattered = true;

  // Positions of the weight: taps, then output channels; a pixel is the channels of one tap.
  g.b_depth = GemmDepth::AlongPositions;
  g.b.pixel_stride = g.columns;
  g.b.batch_stride = int64_t{group_out} * kernel.image * g.columns;
  g.b.channels = g.columns;
  g.b.outer = r[0].taps;
  g.b.outer_pitch = r[0].tap_stride * kernel.of[0];
  g.b.offset = int64_t{r[0].tap} * kernel.of[0] * g.columns;
  for (int i = 1; i < 3; ++i)
    g.b.axis[i - 1] = {r[i].taps, r[i].tap_stride, r[i].tap, 1, 0, c.axis[i].kernel, kernel.of[i]};
  g.b.axis[2] = {group_out, 1, 0, 1, 0, group_out, kernel.image};

  g.c_pixel_stride = c.channels;
  g.c_batch_stride = g.columns;
  return g;
}

}  // namespace

Gemm convolution_forward_gemm(const Convolution& c) {
  Gemm g = product(c);
  g.rows = (int32_t)(c.batch * c.output_pixels());
  g.columns = (int32_t)c.group_out_channels();
  g.depth = (int32_t)(c.taps() * c.group_channels());
  g.a = patches(c);
  g.b = gemm_matrix(nullptr, g.columns, g.depth, g.depth, int64_t{g.columns} * g.depth);
  g.c_pixel_stride = c.out_channels;
  g.c_batch_stride = g.columns;
  g.bias_batch_stride = g.columns;
  return g;
}

std::vector<Gemm> convolution_backward_data_gemms(const Convolution& c) {
  std::vector<Gemm> products;
  Residue r[3];
  for (int32_t d = 0; d < c.axis[0].stride; ++d) {
    r[0] = residue(c.axis[0], d);
    for (int32_t h = 0; h < c.axis[1].stride; ++h) {
      r[1] = residue(c.axis[1], h);
      for (int32_t w = 0; w < c.axis[2].stride; ++w) {
        r[2] = residue(c.axis[2], w);
        Gemm g = backward_data(c, r);
        if (g.rows > 0) products.push_back(g);
      }
    }
  }
  return products;
}

Gemm convolution_backward_weight_gemm(const Convolution& c) {
  Gemm g = product(c);
  g.rows = (int32_t)c.group_out_channels();
  g.columns = (int32_t)(c.taps() * c.group_channels());
  g.depth = (int32_t)(c.batch * c.output_pixels());
  g.a_depth = g.b_depth = GemmDepth::AlongPositions;
  g.a = gemm_matrix(nullptr, g.depth, g.rows, c.out_channels, g.rows);
  g.b = patches(c);
  g.c_pixel_stride = g.columns;
  g.c_batch_stride = int64_t{g.rows} * g.columns;
  return g;
}

}  // namespace dn::cuda
