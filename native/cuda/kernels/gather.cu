// gather_rows: rows of a table in the order of a list; definition: DN_OPERATOR_GATHER.
// Math      y[i] = x[indices[position + i]]; position += rows.
// Tensors   x (table_rows, row_bytes) | indices (index_count) i32 | position () i64 | y (rows, row_bytes).
// Grid      one thread = one unit of 1 to 16 bytes of y; block 256. Where one block does everything
//           (labels) it advances the position itself, else a kernel of one thread does.
// Cost      bytes = 2 * rows * row_bytes + 4 * rows; no arithmetic but the indices.
// Floor     bytes / DRAM bandwidth. Example 256 images of 3x224x224 bytes: 77 MB -> 16.1 us at 4.8 TB/s
//           (H200 data sheet). 100 images of 784 bytes: the launch.
// Deterministic: yes.
// Why so    neighbouring threads copy neighbouring units of one row, so that whole sectors move; the
//           row's index is read by all of them, from the first-level cache.
#include "cuda/kernels/element.cuh"
#include "cuda/kernels/gather.h"
#include "cuda/kernels/index.cuh"
#include "cuda/kernels/launch.cuh"

namespace dn::cuda {

namespace {

constexpr int kBlock = 256;
constexpr int64_t kOneBlock = 4 * kBlock;  // units that one block does alone

__device__ __forceinline__ bool is_inside(const GatherParams& p, int64_t first) {
  return first >= 0 && first <= p.index_count - p.rows;
}

template <typename T, typename Index>
__global__ void __launch_bounds__(kBlock)
    gather_rows_kernel(const GatherParams p, typename DividerOf<Index>::Type row_units, Index units,
                       bool advance) {
  const int64_t first = p.position ? *p.position : 0;
  const bool inside = is_inside(p, first);
  if (!inside && blockIdx.x == 0 && threadIdx.x == 0)
    atomicMin(p.bad_position, (unsigned long long)(uint32_t)first);
  const Index step = (Index)gridDim.x * kBlock;
  for (Index i = (Index)blockIdx.x * kBlock + threadIdx.x; inside && i < units; i += step) {
    const Index row = row_units.divide(i), unit = i - row * (Index)row_units.divisor;
    const int32_t index = p.indices[first + (int64_t)row];
    T value{};
    if (index >= 0 && index < p.table_rows)
      value =
          static_cast<const T*>(p.x)[(int64_t)index * (int64_t)row_units.divisor + (int64_t)unit];
    else if (unit == 0)
      atomicMin(p.bad_index, (unsigned long long)row << 32 | (uint32_t)index);
    static_cast<T*>(p.y)[i] = value;
  }
  if (!advance) return;  // the same in all threads
  __syncthreads();       // all have read the position
  if (inside && threadIdx.x == 0) *p.position = first + p.rows;
}

__global__ void gather_advance_kernel(const GatherParams p) {
  const int64_t first = *p.position;
  if (is_inside(p, first)) *p.position = first + p.rows;
}

template <typename T, typename Index>
void gather_with(cudaStream_t stream, const GatherParams& p, int64_t units) {
  const int64_t row_units = p.row_bytes / (int64_t)sizeof(T);
  const bool alone = p.advance && units <= kOneBlock;
  const int64_t blocks = alone ? 1 : divide_up(units, kBlock);
  launch(stream, "gather_rows", gather_rows_kernel<T, Index>,
         dim3((unsigned)(blocks < kMaxNarrowIndex ? blocks : kMaxNarrowIndex)), dim3(kBlock), 0, p,
         typename DividerOf<Index>::Type(row_units > 0 ? row_units : 1), (Index)units, alone);
  if (p.advance && !alone)
    launch(stream, "gather_advance", gather_advance_kernel, dim3(1), dim3(1), 0, p);
}

template <typename T>
void gather_as(cudaStream_t stream, const GatherParams& p) {
  const int64_t units = p.rows * (p.row_bytes / (int64_t)sizeof(T));
  if (units <= kMaxNarrowIndex - kBlock)
    gather_with<T, uint32_t>(stream, p, units);
  else
    gather_with<T, uint64_t>(stream, p, units);
}

}  // namespace

void gather_rows(cudaStream_t stream, const GatherParams& p) {
  const auto fits = [&](int64_t unit) {
    return p.row_bytes % unit == 0 && aligned_to(p.x, unit) && aligned_to(p.y, unit);
  };
  if (fits(16))
    gather_as<uint4>(stream, p);
  else if (fits(8))
    gather_as<uint64_t>(stream, p);
  else if (fits(4))
    gather_as<uint32_t>(stream, p);
  else if (fits(2))
    gather_as<uint16_t>(stream, p);
  else
    gather_as<uint8_t>(stream, p);
}

}  // namespace dn::cuda
