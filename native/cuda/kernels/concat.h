// concat: tensors side by side along one axis.
#pragma once

#include <cuda_runtime.h>
#include <deepnative.h>

#include <cstdint>

namespace dn::cuda {

// Row r of y is row r of source 0, then of source 1, ...
struct ConcatSource {
  const void* x = nullptr;  // (rows, row_bytes)
  int64_t row_bytes = 0;
};
struct ConcatParams {
  const ConcatSource* sources = nullptr;
  int64_t source_count = 0;
  void* y = nullptr;  // (rows, sum of row_bytes)
  int64_t rows = 0;
  bool wide_index = false;  // 64-bit indices, which 2^31 units and more need, in any case
};
void concat(cudaStream_t stream, const ConcatParams& p);

}  // namespace dn::cuda
