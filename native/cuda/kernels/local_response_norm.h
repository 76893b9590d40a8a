// Normalisation across neighbouring channels: launchers. All data is float32. Formulas: deepnative.h.
#pragma once

#include <cuda_runtime.h>

#include <cstdint>

namespace dn::cuda {

// x as (outer, channels, inner): the channels lie `inner` apart, 1 where they are last.
struct LocalResponseNorm {
  int64_t outer, channels, inner;
  int64_t size;
  float alpha, beta, k;

  int64_t numel() const { return outer * channels * inner; }
};

void local_response_norm_forward(cudaStream_t stream, const LocalResponseNorm& p, const float* x,
                                 float* y);
// `terms` is work space of x's size; dx may be dy, not x.
void local_response_norm_backward(cudaStream_t stream, const LocalResponseNorm& p, const float* x,
                                  const float* dy, float* dx, float* terms);

}  // namespace dn::cuda
