// gather: elements of a tensor by their indices, and the sums that their gradients are.
#pragma once

#include <cuda_runtime.h>
#include <deepnative.h>

#include <cstdint>

namespace dn::cuda {

// y[i] = x[indices[first + i]], first = *position or 0.
struct GatherParams {
  const void* x = nullptr;  // (table_rows, row_bytes)
  const int32_t* indices = nullptr;
  int64_t* position = nullptr;  // null: 0
  void* y = nullptr;            // (rows, row_bytes)
  int64_t table_rows = 0, index_count = 0, rows = 0;
  int64_t row_bytes = 0;
  bool advance = false;  // position += rows, where it is not outside the list
  // See FaultTable. bad_index: the row of y and its index; its row becomes zeros. bad_position: 0 and the position's low
  // word; y stays as it is.
  unsigned long long* bad_index = nullptr;
  unsigned long long* bad_position = nullptr;
};
void gather_rows(cudaStream_t stream, const GatherParams& p);

// y[m] = the sum in ascending i of gradient[i] with indices[i] = m; 0 where m = padding.
struct ScatterRowsParams {
  const float* gradient = nullptr;   // (count, width)
  const int32_t* indices = nullptr;  // (count)
  float* y = nullptr;                // (rows, width)
  int64_t rows = 0, count = 0, width = 0;
  int32_t padding = -1;                     // -1: none
  int multiprocessors = 1;                  // how many blocks are worth their scan
  unsigned long long* bad_index = nullptr;  // see FaultTable: i and its index, which counts nothing
};
void scatter_rows(cudaStream_t stream, const ScatterRowsParams& p);

// forward:  y[o, i, j] = x[o, indices[o, i, j], j]
// backward: y[o, m, j] = the sum in ascending i of x[o, i, j] with indices[o, i, j] = m; float32
struct AlongParams {
  const void* x = nullptr;  // forward (outer, extent, inner), backward (outer, count, inner)
  const int32_t* indices = nullptr;  // (outer, count, inner)
  void* y = nullptr;  // forward (outer, count, inner), backward (outer, extent, inner)
  int64_t outer = 1, extent = 0, count = 0, inner = 1;
  int element_bytes = 4;    // forward: 1, 2, 4 or 8
  int multiprocessors = 1;  // backward
  unsigned long long* bad_index =
      nullptr;  // the element of indices and its value; forward: y is 0 there
};
void gather_along(cudaStream_t stream, const AlongParams& p);
void scatter_along(cudaStream_t stream, const AlongParams& p);

}  // namespace dn::cuda
