// cumulative_sum: running sums along an axis.
#pragma once

#include <cuda_runtime.h>

#include <cstdint>

namespace dn::cuda {

struct CumulativeSumParams {
  const float* x = nullptr;  // (outer, extent, inner)
  float* y = nullptr;        // the same
  void* scratch = nullptr;   // cumulative_sum_scratch_bytes
  int64_t outer = 1, extent = 0, inner = 1;
  bool exclusive = false, reverse = false;
  int multiprocessors = 1;
};
int64_t cumulative_sum_scratch_bytes(const CumulativeSumParams& p);
void cumulative_sum(cudaStream_t stream, const CumulativeSumParams& p);

}  // namespace dn::cuda
