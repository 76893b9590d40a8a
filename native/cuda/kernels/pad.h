// pad: a tensor with more elements around it or between its own.
#pragma once

#include <cuda_runtime.h>
#include <deepnative.h>

#include <cstdint>

namespace dn::cuda {

struct PadAxis {
  int64_t x = 1, y = 1;  // extents
  int64_t begin = 0;
  int64_t step = 1;  // above 1 only for constant
};

struct PadParams {
  const void* source = nullptr;  // x; backward: the gradient of y
  void* destination = nullptr;   // y; backward: the gradient of x
  dn_pad_mode mode = DN_PAD_CONSTANT;
  int32_t element_bytes = 4;  // 1, 2, 4 or 8
  uint64_t value = 0;         // constant: an element, in the low bytes
  int32_t rank = 0;
  PadAxis axes[DN_MAX_RANK];  // outermost first, dense on both sides
  bool wide_index = false;    // 64-bit indices, which 2^31 elements and more need, in any case
};

// y = x, padded.
void pad(cudaStream_t stream, const PadParams& p);

// For reflect and edge, float32: dx[i] = the sum of all dy that were copied from x[i].
void pad_backward(cudaStream_t stream, const PadParams& p);

}  // namespace dn::cuda
