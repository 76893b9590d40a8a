// column_sum: sums over the rows of a matrix, in two passes of one kernel.
// Math      y[c] = sum over r of x[r][c]; rows none: 0.
// Tensors   x (rows, columns) T | partial (parts, columns) float32 | y (columns).
// Needs     kVector = 4: columns % 4 == 0, x aligned to 4 elements.
// Grid      x: groups of lanes * kVector columns; y: parts of the rows. Block 256 = lanes * lines:
// a
//           thread adds every lines-th row of its part, the lines of a block are added in shared
//           memory. The second pass adds the parts the same way.
// Cost      bytes = sizeof(T) rows columns + 8 parts columns; one add an element.
// Floor     bytes / DRAM bandwidth.
// Measured  bench/results/<gpu>-<date>.json.  Deterministic: yes (all sums in a fixed order, which
//           depends on the shape alone).
#include "cuda/kernels/column_sum.h"
#include "cuda/kernels/gemm_epilogue.cuh"
#include "cuda/kernels/launch.cuh"

namespace dn::cuda {

namespace {

constexpr int kBlock = 256;

template <typename T, int kVector>
__global__ void __launch_bounds__(kBlock)
    column_sum_kernel(const T* __restrict__ x, void* __restrict__ y, int y_dtype, int64_t rows,
                      int64_t columns, int64_t rows_per_part, int lanes) {
  DN_SHARED(float, sums, [kBlock][kVector]);
  const int lane = (int)threadIdx.x % lanes, line = (int)threadIdx.x / lanes;
  const int lines = kBlock / lanes;
  const int64_t column = ((int64_t)blockIdx.x * lanes + lane) * kVector;
  const int64_t first = (int64_t)blockIdx.y * rows_per_part;
  const int64_t last = first + rows_per_part < rows ? first + rows_per_part : rows;
  float sum[kVector] = {};
  if (column < columns) {
    for (int64_t row = first + line; row < last; row += lines) {
      const auto pack = *reinterpret_cast<const Pack<T, kVector>*>(x + row * columns + column);
      DN_UNROLL
      for (int e = 0; e < kVector; ++e) sum[e] += to_float(pack.item[e]);
    }
  }
  DN_UNROLL
  for (int e = 0; e < kVector; ++e) sums[threadIdx.x][e] = sum[e];
  __syncthreads();  // the sums of all lines are there
  if (line > 0 || column >= columns) return;
  for (int other = 1; other < lines; ++other) {
    DN_UNROLL
    for (int e = 0; e < kVector; ++e) sum[e] += sums[other * lanes + lane][e];
  }
  DN_UNROLL
  for (int e = 0; e < kVector; ++e)
    gemm_store(sum[e], y, y_dtype, (int64_t)blockIdx.y * columns + column + e);
}

int64_t parts_of(int64_t rows, int64_t columns) {
  constexpr int64_t kElementsPerPart = 1 << 14, kMaxParts = 512;
  const int64_t parts = divide_up(rows * columns, kElementsPerPart);
  return parts < 1 ? 1 : parts > kMaxParts ? kMaxParts : parts < rows ? parts : rows;
}

template <typename T, int kVector>
void add(cudaStream_t stream, const ColumnSum& s, int64_t parts, void* y, int y_dtype) {
  int lanes = 1;
  while (lanes < 32 && lanes * kVector < s.columns) lanes *= 2;
  launch(stream, "column_sum", column_sum_kernel<T, kVector>,
         dim3(blocks_for(s.columns, (int64_t)lanes * kVector), (unsigned)parts), dim3(kBlock), 0,
         static_cast<const T*>(s.x), y, y_dtype, s.rows, s.columns,
         divide_up(s.rows > 0 ? s.rows : 1, parts), lanes);
}

template <typename T>
void add(cudaStream_t stream, const ColumnSum& s, int64_t parts, void* y, int y_dtype) {
  if (s.columns % 4 == 0 && aligned_to(s.x, 4 * sizeof(T)))
    add<T, 4>(stream, s, parts, y, y_dtype);
  else
    add<T, 1>(stream, s, parts, y, y_dtype);
}

}  // namespace

int64_t column_sum_workspace_bytes(int64_t rows, int64_t columns) {
  const int64_t parts = parts_of(rows, columns);
  return parts > 1 ? parts * columns * (int64_t)sizeof(float) : 0;
}

void column_sum(cudaStream_t stream, const ColumnSum& sum, void* workspace) {
  if (sum.columns == 0) return;
  const int64_t parts = parts_of(sum.rows, sum.columns);
  void* y = parts > 1 ? workspace : sum.y;
  const int y_dtype = parts > 1 ? (int)DN_DTYPE_F32 : sum.y_dtype;
  if (sum.x_dtype == DN_DTYPE_F32)
    add<float>(stream, sum, parts, y, y_dtype);
  else if (sum.x_dtype == DN_DTYPE_BF16)
    add<__nv_bfloat16>(stream, sum, parts, y, y_dtype);
  else
    add<__half>(stream, sum, parts, y, y_dtype);
  if (parts == 1) return;
  ColumnSum rest = sum;
  rest.rows = parts;
  rest.x = workspace;
  rest.x_dtype = DN_DTYPE_F32;
  add<float>(stream, rest, 1, sum.y, sum.y_dtype);
}

}  // namespace dn::cuda
