// top_k: the largest or smallest elements along an axis, in order.
#pragma once

#include <cuda_runtime.h>

#include <cstdint>

namespace dn::cuda {

struct TopKParams {
  const float* x = nullptr;                  // (outer, extent, inner)
  float* values = nullptr;                   // (outer, k, inner)
  int32_t* indices = nullptr;                // the same
  void* scratch = nullptr;                   // top_k_scratch_bytes
  int64_t outer = 1, extent = 1, inner = 1;  // extent below 2^31
  int k = 1;                                 // 1 .. extent
  bool largest = true;
  int multiprocessors = 1;
};
int64_t top_k_scratch_bytes(const TopKParams& p);
void top_k(cudaStream_t stream, const TopKParams& p);

}  // namespace dn::cuda
