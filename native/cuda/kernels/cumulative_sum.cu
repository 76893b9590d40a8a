// cumulative_sum: running sums along an axis; definition: DN_OPERATOR_CUMULATIVE_SUM.
// Math      y[o, i, j] = x[o, 0, j] + .. + x[o, i, j]; exclusive: without the last; reverse: from the end.
// Tensors   x, y (outer, extent, inner) | part sums (lines, parts) f64 in scratch.
// Grid      lines (inner below 32): one block scans a line, 1024 elements at a time; where lines are
//           few, grid.y cuts them in parts, whose sums an earlier launch makes. columns: one thread a
//           column, so that loads are coalesced. Block 256.
// Cost      bytes = 8 * numel(x), 12 * numel(x) where lines are cut; ops = numel(x).
// Floor     bytes / DRAM bandwidth. Example 4096 rows of 4096: 134 MB -> 28.0 us at 4.8 TB/s (H200 data
//           sheet).
// Deterministic: yes (a fixed tree; no atomics). The number of parts depends on the device.
// Why so    sums are kept in double: the error does not grow with the place on the axis.
#include "cuda/kernels/cumulative_sum.h"
#include "cuda/kernels/device.cuh"
#include "cuda/kernels/index.cuh"
#include "cuda/kernels/launch.cuh"

namespace dn::cuda {

namespace {

constexpr int kBlock = 256;
constexpr int kItems = 4;
constexpr int kTile = kBlock * kItems;
constexpr int kWarps = kBlock / 32;

// The element at place i of the walk along a line.
__device__ __forceinline__ int64_t offset_of(const CumulativeSumParams& p, int64_t line,
                                             int64_t i) {
  const int64_t at = p.reverse ? p.extent - 1 - i : i;
  return (line / p.inner * p.extent + at) * p.inner + line % p.inner;
}

// The sum of all threads before this one, and that of all, in one order. Two barriers.
__device__ __forceinline__ double sum_before(double own, double (&warps)[kWarps + 1], double& all) {
  const int lane = (int)threadIdx.x % 32, warp = (int)threadIdx.x / 32;
  double sum = own;
  DN_UNROLL
  for (int step = 1; step < 32; step *= 2) {
    const double other = __shfl_up_sync(kFullMask, sum, step);
    if (lane >= step) sum += other;
  }
  // Not sum - own, which would round: the lane before has it.
  const double before = __shfl_up_sync(kFullMask, sum, 1);
  if (lane == 31) warps[warp] = sum;
  __syncthreads();  // the warps' sums are there
  double base = 0.0;
  all = 0.0;
  DN_UNROLL
  for (int w = 0; w < kWarps; ++w) {
    if (w == warp) base = all;
    all += warps[w];
  }
  __syncthreads();  // and read
  return lane == 0 ? base : base + before;
}

__global__ void __launch_bounds__(kBlock)
    cumulative_parts_kernel(const CumulativeSumParams p, int64_t part_length, int64_t parts) {
  DN_SHARED(double, warps, [kWarps + 1]);
  const int64_t line = blockIdx.x, begin = (int64_t)blockIdx.y * part_length;
  const int64_t end = begin + part_length < p.extent ? begin + part_length : p.extent;
  double own = 0.0, all;
  for (int64_t i = begin + threadIdx.x; i < end; i += kBlock)
    own += (double)p.x[offset_of(p, line, i)];
  sum_before(own, warps, all);
  if (threadIdx.x == 0) static_cast<double*>(p.scratch)[line * parts + blockIdx.y] = all;
}

__global__ void __launch_bounds__(kBlock)
    cumulative_lines_kernel(const CumulativeSumParams p, int64_t part_length, int64_t parts) {
  DN_SHARED(float, tile, [kTile]);
  DN_SHARED(double, warps, [kWarps + 1]);
  const int64_t line = blockIdx.x, begin = (int64_t)blockIdx.y * part_length;
  const int64_t end = begin + part_length < p.extent ? begin + part_length : p.extent;
  double carry = 0.0;
  for (unsigned part = 0; part < blockIdx.y; ++part)
    carry += static_cast<const double*>(p.scratch)[line * parts + part];
  for (int64_t base = begin; base < end; base += kTile) {
    DN_UNROLL
    for (int s = 0; s < kItems; ++s) {
      const int64_t i = base + s * kBlock + threadIdx.x;
      tile[s * kBlock + threadIdx.x] = i < end ? p.x[offset_of(p, line, i)] : 0.0f;
    }
    __syncthreads();  // the tile is loaded
    float value[kItems];
    double own = 0.0, all;
    DN_UNROLL
    for (int s = 0; s < kItems; ++s) {
      value[s] = tile[threadIdx.x * kItems + s];
      own += (double)value[s];
    }
    double sum = carry + sum_before(own, warps, all);
    carry += all;
    DN_UNROLL
    for (int s = 0; s < kItems; ++s) {
      const double after = sum + (double)value[s];
      tile[threadIdx.x * kItems + s] = (float)(p.exclusive ? sum : after);
      sum = after;
    }
    __syncthreads();  // the tile is summed
    DN_UNROLL
    for (int s = 0; s < kItems; ++s) {
      const int64_t i = base + s * kBlock + threadIdx.x;
      if (i < end) p.y[offset_of(p, line, i)] = tile[s * kBlock + threadIdx.x];
    }
    __syncthreads();  // and stored
  }
}

__global__ void __launch_bounds__(kBlock) cumulative_columns_kernel(const CumulativeSumParams p) {
  const int64_t line = (int64_t)blockIdx.x * kBlock + threadIdx.x;
  if (line >= p.outer * p.inner) return;
  double sum = 0.0;
  for (int64_t i = 0; i < p.extent; ++i) {
    const int64_t at = offset_of(p, line, i);
    const double after = sum + (double)p.x[at];
    p.y[at] = (float)(p.exclusive ? sum : after);
    sum = after;
  }
}

bool by_columns(const CumulativeSumParams& p) {
  return p.inner >= 32;
}

int64_t parts_of(const CumulativeSumParams& p) {
  constexpr int64_t kLeast = 4 * kTile;  // that a part is worth
  const int64_t lines = p.outer * p.inner;
  if (by_columns(p) || lines == 0) return 1;
  const int64_t wanted = 2 * (int64_t)p.multiprocessors / lines, most = p.extent / kLeast;
  const int64_t parts = wanted < most ? wanted : most;
  return parts > 1 ? parts : 1;
}

}  // namespace

int64_t cumulative_sum_scratch_bytes(const CumulativeSumParams& p) {
  const int64_t parts = parts_of(p);
  return parts > 1 ? p.outer * p.inner * parts * (int64_t)sizeof(double) : 0;
}

void cumulative_sum(cudaStream_t stream, const CumulativeSumParams& p) {
  const int64_t lines = p.outer * p.inner;
  if (lines * p.extent == 0) return;
  if (by_columns(p)) {
    launch(stream, "cumulative_columns", cumulative_columns_kernel, dim3(blocks_for(lines, kBlock)),
           dim3(kBlock), 0, p);
    return;
  }
  const int64_t length = divide_up(p.extent, parts_of(p)), parts = divide_up(p.extent, length);
  const dim3 grid((unsigned)lines, (unsigned)parts);
  if (parts > 1)
    launch(stream, "cumulative_parts", cumulative_parts_kernel, grid, dim3(kBlock), 0, p, length,
           parts);
  launch(stream, "cumulative_lines", cumulative_lines_kernel, grid, dim3(kBlock), 0, p, length,
         parts);
}

}  // namespace dn::cuda
