// Cases of convolutions, and naive loops over all of their products.
#pragma once

#include <ostream>
#include <random>
#include <string>
#include <vector>

#include "cuda/kernels/convolution.h"

namespace dn::cuda {

struct ConvolutionCase {
  const char* name;
  Convolution c;
  friend std::ostream& operator<<(std::ostream& out, const ConvolutionCase& c) {
    return out << c.name;
  }
};

inline int output_size(const ConvolutionAxis& a, int padding_end) {
  return (a.input + a.padding + padding_end - ((a.kernel - 1) * a.dilation + 1)) / a.stride + 1;
}

// Along one axis: input, kernel, stride, dilation, padding begin and end.
inline ConvolutionAxis axis(int input, int kernel, int stride = 1, int padding = 0,
                            int dilation = 1, int padding_end = -1) {
  ConvolutionAxis a;
  a.input = input, a.kernel = kernel, a.stride = stride, a.padding = padding, a.dilation = dilation;
  a.output = output_size(a, padding_end < 0 ? padding : padding_end);
  return a;
}
inline ConvolutionCase conv2d(const char* name, int batch, int channels, int out_channels,
                              ConvolutionAxis h, ConvolutionAxis w, int groups = 1) {
  Convolution c;
  c.batch = batch, c.channels = channels, c.out_channels = out_channels, c.groups = groups;
  c.axis[1] = h, c.axis[2] = w;
  return {name, c};
}
inline ConvolutionCase conv3d(const char* name, int batch, int channels, int out_channels,
                              ConvolutionAxis d, ConvolutionAxis h, ConvolutionAxis w) {
  ConvolutionCase result = conv2d(name, batch, channels, out_channels, h, w);
  result.c.axis[0] = d;
  return result;
}

// Calls f(x index, w index, y index) for every product of the convolution.
template <typename Function>
void for_each_product(const Convolution& c, Function f) {
  const auto& [d, h, w] = c.axis;
  const int64_t cg = c.group_channels(), kg = c.group_out_channels();
  for (int64_t n = 0; n < c.batch; ++n)
    for (int64_t z = 0; z < d.output; ++z)
      for (int64_t p = 0; p < h.output; ++p)
        for (int64_t q = 0; q < w.output; ++q)
          for (int64_t t = 0; t < d.kernel; ++t)
            for (int64_t r = 0; r < h.kernel; ++r)
              for (int64_t s = 0; s < w.kernel; ++s) {
                const int64_t iz = z * d.stride - d.padding + t * d.dilation;
                const int64_t ih = p * h.stride - h.padding + r * h.dilation;
                const int64_t iw = q * w.stride - w.padding + s * w.dilation;
                if (iz < 0 || iz >= d.input || ih < 0 || ih >= h.input || iw < 0 || iw >= w.input)
                  continue;
                const int64_t x = (((n * d.input + iz) * h.input + ih) * w.input + iw) * c.channels;
                const int64_t y =
                    (((n * d.output + z) * h.output + p) * w.output + q) * c.out_channels;
                for (int64_t k = 0; k < c.out_channels; ++k)
                  for (int64_t i = 0; i < cg; ++i)
                    f(x + k / kg * cg + i,
                      (((k * d.kernel + t) * h.kernel + r) * w.kernel + s) * cg + i, y + k);
              }
}

inline int64_t input_numel(const Convolution& c) {
  return c.batch * c.input_pixels() * c.channels;
}
inline int64_t weight_numel(const Convolution& c) {
  return c.out_channels * c.taps() * c.group_channels();
}
inline int64_t output_numel(const Convolution& c) {
  return c.batch * c.output_pixels() * c.out_channels;
}

inline std::vector<float> random_values(std::mt19937& generator, int64_t count) {
  std::uniform_real_distribution<float> uniform(-1, 1);
  std::vector<float> values((size_t)count);
  for (float& v : values) v = uniform(generator);
  return values;
}

}  // namespace dn::cuda
