// scatter_rows, scatter_along: sums of what indices send to one place: the gradients of gather_rows and
// gather_along; definition: DN_OPERATOR_GATHER.
// Math      rows:  y[m, c] = sum over i with indices[i] = m of gradient[i, c]; 0 where m = padding.
//           along: y[o, m, j] = sum over i with indices[o, i, j] = m of gradient[o, i, j].
// Tensors   rows:  gradient (count, width) | indices (count) i32 | y (rows, width).
//           along: gradient, indices (outer, count, inner) | y (outer, extent, inner).
// Grid      one block = a range of places m and up to 256 columns, whose sums it keeps in shared memory.
//           It walks all indices in order. rows: 2048 at a time, of which those in its range are
//           compacted, so that all threads add the same row, a column each. along: each thread reads
//           the indices of its own column; where columns are few, threads share the range instead.
// Cost      bytes = 4 * (numel(gradient) + numel(y)), and the indices once for each range, out of the
//           second-level cache; ops = numel(gradient).
// Floor     bytes / DRAM bandwidth. Example 2048 tokens x 512 of 10,000 rows: 24.7 MB -> 5.1 us at
//           4.8 TB/s (H200 data sheet).
// Deterministic: yes: each sum has one thread, which adds in ascending i.
// Why so    an atomic addition would let the order decide the last bits, and a sort by place moves
//           more bytes than reading the short list of indices again in every block; y is written once,
//           zeros included.
#include "cuda/kernels/compact.cuh"
#include "cuda/kernels/gather.h"
#include "cuda/kernels/index.cuh"
#include "cuda/kernels/launch.cuh"

namespace dn::cuda {

namespace {

constexpr int kBlock = 256;
constexpr int kSums = 8192;    // that a block keeps: 32 KB
constexpr int kItems = 8;      // indices of a thread at a time: rows
constexpr int kBatch = 4;      // loads under way at a time
constexpr int kLookahead = 8;  // indices of a thread at a time: along

// Columns of a block are 2^bits; the other threads share its places: group g of G has those that are
// g modulo G.
struct Tiling {
  int bits = 0;
  int64_t tiles = 0;   // of columns
  int64_t places = 0;  // of a block
  int64_t ranges = 0;

  Tiling(int64_t columns, int64_t extent, int64_t outer, int multiprocessors) {
    while (bits < 8 && (int64_t{1} << bits) < columns) ++bits;
    tiles = columns > 0 ? divide_up(columns, int64_t{1} << bits) : 1;
    const int64_t groups = kBlock >> bits, most = kSums >> bits;
    const int64_t wanted = divide_up(2 * (int64_t)multiprocessors, outer * tiles);
    places = divide_up(extent, wanted);
    places = places < groups ? groups : places > most ? most : places;
    ranges = extent > 0 ? divide_up(extent, places) : 1;
  }
  size_t shared_bytes() const { return (size_t)(places << bits) * sizeof(float); }
};

__global__ void __launch_bounds__(kBlock)
    scatter_rows_kernel(const ScatterRowsParams p, int bits, int64_t tiles, int places) {
  using Numbering = Compaction<kBlock, kItems>;
  DN_DYN_SHARED(float, sums);
  DN_SHARED(int, counts, [32 * Numbering::kPerLane + 1]);
  DN_SHARED(uint32_t, list, [kBlock * kItems]);  // item << 16 | place in the range
  const int column = (int)threadIdx.x & ((1 << bits) - 1), group = (int)threadIdx.x >> bits;
  const int groups = kBlock >> bits;
  const int64_t c = (int64_t)blockIdx.x % tiles * (1 << bits) + column;
  const int64_t first = (int64_t)blockIdx.x / tiles * places;
  const bool inside = c < p.width;
  for (int m = group; m < places; m += groups) sums[(m << bits) + column] = 0.0f;
  for (int64_t base = 0; base < p.count; base += kBlock * kItems) {
    bool chosen[kItems];
    int place[kItems], row[kItems];
    DN_UNROLL
    for (int s = 0; s < kItems; ++s) {
      const int64_t i = base + s * kBlock + threadIdx.x;
      const int32_t index = i < p.count ? p.indices[i] : -1;
      const int64_t at = index - first;
      chosen[s] = i < p.count && index >= 0 && index < p.rows && index != p.padding && at >= 0 &&
                  at < places;
      row[s] = (int)at;
      if (blockIdx.x == 0 && i < p.count && (index < 0 || index >= p.rows))
        atomicMin(p.bad_index, (unsigned long long)i << 32 | (uint32_t)index);
    }
    const int total = Numbering::number(chosen, place, counts);
    DN_UNROLL
    for (int s = 0; s < kItems; ++s)
      if (chosen[s]) list[place[s]] = (uint32_t)(s * kBlock + threadIdx.x) << 16 | (uint32_t)row[s];
    __syncthreads();  // the list is complete
    for (int k = 0; k < total && inside; k += kBatch) {
      float value[kBatch];
      int at[kBatch];
      DN_UNROLL
      for (int n = 0; n < kBatch; ++n) {
        const uint32_t entry = k + n < total ? list[k + n] : 0;
        at[n] = (int)(entry & 0xffff);
        if (k + n >= total || (at[n] & (groups - 1)) != group) at[n] = -1;
        value[n] = at[n] >= 0 ? p.gradient[(base + (int64_t)(entry >> 16)) * p.width + c] : 0.0f;
      }
      DN_UNROLL
      for (int n = 0; n < kBatch; ++n)
        if (at[n] >= 0) sums[(at[n] << bits) + column] += value[n];
    }
    __syncthreads();  // the list is read
  }
  for (int m = group; m < places && first + m < p.rows && inside; m += groups)
    p.y[(first + m) * p.width + c] = sums[(m << bits) + column];
}

__global__ void __launch_bounds__(kBlock)
    scatter_along_kernel(const AlongParams p, int bits, int64_t tiles, int places, int64_t ranges) {
  DN_DYN_SHARED(float, sums);
  const int column = (int)threadIdx.x & ((1 << bits) - 1), group = (int)threadIdx.x >> bits;
  const int groups = kBlock >> bits;
  const int64_t o = blockIdx.x / (tiles * ranges), part = blockIdx.x % (tiles * ranges);
  const int64_t j = part % tiles * (1 << bits) + column, first = part / tiles * places;
  if (j >= p.inner) return;  // no barriers below: every sum belongs to one thread
  for (int m = group; m < places; m += groups) sums[(m << bits) + column] = 0.0f;
  const int32_t* indices = p.indices + o * p.count * p.inner + j;
  const float* gradient = static_cast<const float*>(p.x) + o * p.count * p.inner + j;
  for (int64_t base = 0; base < p.count; base += kLookahead) {
    int32_t index[kLookahead];
    int at[kLookahead];
    float value[kLookahead];
    DN_UNROLL
    for (int n = 0; n < kLookahead; ++n)
      index[n] = base + n < p.count ? indices[(base + n) * p.inner] : 0;
    DN_UNROLL
    for (int n = 0; n < kLookahead; ++n) {
      const bool known = base + n < p.count, bad = index[n] < 0 || index[n] >= p.extent;
      const int64_t place = index[n] - first;
      at[n] = known && !bad && place >= 0 && place < places && ((int)place & (groups - 1)) == group
                  ? (int)place
                  : -1;
      value[n] = at[n] >= 0 ? gradient[(base + n) * p.inner] : 0.0f;
      if (known && bad && first == 0 && group == 0)
        atomicMin(p.bad_index, (unsigned long long)((o * p.count + base + n) * p.inner + j) << 32 |
                                   (uint32_t)index[n]);
    }
    DN_UNROLL
    for (int n = 0; n < kLookahead; ++n)
      if (at[n] >= 0) sums[(at[n] << bits) + column] += value[n];
  }
  float* y = static_cast<float*>(p.y) + o * p.extent * p.inner + j;
  for (int m = group; m < places && first + m < p.extent; m += groups)
    y[(first + m) * p.inner] = sums[(m << bits) + column];
}

}  // namespace

void scatter_rows(cudaStream_t stream, const ScatterRowsParams& p) {
  if (p.rows * p.width == 0 && p.count == 0) return;  // else indices are still checked
  const Tiling tiling(p.width, p.rows, 1, p.multiprocessors);
  launch(stream, "scatter_rows", scatter_rows_kernel,
         dim3((unsigned)(tiling.tiles * tiling.ranges)), dim3(kBlock), tiling.shared_bytes(), p,
         tiling.bits, tiling.tiles, (int)tiling.places);
}

void scatter_along(cudaStream_t stream, const AlongParams& p) {
  if (p.outer * p.inner == 0 || (p.extent == 0 && p.count == 0)) return;
  const Tiling tiling(p.inner, p.extent, p.outer, p.multiprocessors);
  launch(stream, "scatter_along", scatter_along_kernel,
         dim3((unsigned)(p.outer * tiling.tiles * tiling.ranges)), dim3(kBlock),
         tiling.shared_bytes(), p, tiling.bits, tiling.tiles, (int)tiling.places, tiling.ranges);
}

}  // namespace dn::cuda
