// Sums over the rows of a matrix: the gradients of biases.
#pragma once

#include <cuda_runtime.h>
#include <deepnative.h>

#include <cstdint>

namespace dn::cuda {

// y[c] = sum over r of x[r][c], in float32.
struct ColumnSum {
  int64_t rows = 0, columns = 0;
  const void* x = nullptr;  // (rows, columns), dense: float32, bfloat16 or float16
  int32_t x_dtype = DN_DTYPE_F32;
  void* y = nullptr;  // (columns)
  int32_t y_dtype = DN_DTYPE_F32;
};

int64_t column_sum_workspace_bytes(int64_t rows, int64_t columns);
void column_sum(cudaStream_t stream, const ColumnSum& sum, void* workspace);

}  // namespace dn::cuda
