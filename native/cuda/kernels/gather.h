// gather: rows of a table in the order of a list.
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

}  // namespace dn::cuda
