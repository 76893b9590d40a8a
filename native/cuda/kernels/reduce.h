// reduce: sums, means, maxima and argmax over any axes.
#pragma once

#include <cuda_runtime.h>
#include <deepnative.h>

#include <cstdint>

namespace dn::cuda {

// y[kept] = over all reduced of x. Axes in any order; y's strides of reduced axes are not used.
struct ReduceParams {
  const void* x = nullptr;
  void* y = nullptr;              // of x's type; argmax: int32
  dn_dtype dtype = DN_DTYPE_F32;  // F32, BF16, F16
  dn_reduce_mode mode = DN_REDUCE_SUM;
  int32_t rank = 0;
  int32_t axes = 0;  // bit i: axis i is reduced
  int64_t dims[DN_MAX_RANK] = {};
  int64_t x_strides[DN_MAX_RANK] = {};
  int64_t y_strides[DN_MAX_RANK] = {};
  int32_t multiprocessors = 1;  // of the device: few outputs are split over them
  void* scratch = nullptr;      // reduce_scratch_bytes, 8-byte aligned
};
// False: more elements per output than its index arithmetic holds.
bool can_reduce(const ReduceParams& p);
int64_t reduce_scratch_bytes(const ReduceParams& p);
void reduce(cudaStream_t stream, const ReduceParams& p);

}  // namespace dn::cuda
