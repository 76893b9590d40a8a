// top_k: the k largest or smallest elements along an axis, in order; definition: DN_OPERATOR_TOP_K.
// Math      values[o, n, j] = x[o, indices[o, n, j], j], n = 0 .. k-1 from the best on; equal ones: the lowest
//           index first, also where -0 meets 0; NaN is larger than all numbers.
// Tensors   x (outer, extent, inner) | values, indices (outer, k, inner) | k > 4096: entries in scratch.
// Grid      one block = one line after the other; block 32 (short lines) or 256. The k-th key is found digit
//           by digit from histograms of 8 bits, then those above it and the first ones equal to it
//           are taken, and a bitonic network sorts them: in shared memory, above 4096 of them in scratch
//           with the short strides in shared memory.
// Cost      bytes = 4 * extent * 5 passes a line, of which four come from a cache, + 8 k; ops = a key and a
//           count an element and pass, k log2(k)^2 / 4 comparisons.
// Floor     bytes / DRAM bandwidth. Example 5 of 1000 in 256 rows: the launch.
// Deterministic: yes: counters are whole numbers, entries that arrive in any order are all different and
//           sorted.
// Why so    a full sort would move every element log2(extent)^2 / 2 times to keep a few of them.
#include "cuda/kernels/compact.cuh"
#include "cuda/kernels/index.cuh"
#include "cuda/kernels/launch.cuh"
#include "cuda/kernels/top_k.h"

namespace dn::cuda {

namespace {

constexpr int kTile = 4096;  // entries sorted in shared memory: 32 KB
constexpr int kShortLine = 128;
constexpr int kItems = 4;

// Whole numbers in the order of the floats; the best is the largest.
__device__ __forceinline__ uint32_t key_of(float value, bool largest) {
  const uint32_t bits = __float_as_uint(value);
  uint32_t key = bits >> 31 ? ~bits : bits | 0x80000000u;
  if (value == 0.0f) key = 0x80000000u;
  if (value != value) key = 0xffffffffu;
  return largest ? key : ~key;
}

__device__ __forceinline__ uint64_t entry_of(uint32_t key, int64_t place) {
  return (uint64_t)key << 32 | (uint32_t) ~(uint32_t)place;
}

// One step of the network over `count` entries; `first` is the place of entries[0] in the whole.
__device__ __forceinline__ void exchange(uint64_t* entries, int64_t count, int64_t first,
                                         int64_t size, int64_t stride) {
  for (int64_t t = threadIdx.x; t < count / 2; t += blockDim.x) {
    const int64_t i = 2 * t - (t & (stride - 1)), j = i + stride;
    const uint64_t a = entries[i], b = entries[j];
    const bool descending = ((first + i) & size) == 0;
    if (descending ? a < b : a > b) {
      entries[i] = b;
      entries[j] = a;
    }
  }
  __syncthreads();  // the step is done
}

// Descending; count is a power of two. `list` is `tile` itself where everything fits in it.
__device__ __forceinline__ void sort_entries(uint64_t* list, int64_t count, uint64_t* tile) {
  if (count <= kTile) {
    for (int64_t size = 2; size <= count; size *= 2)
      for (int64_t stride = size / 2; stride > 0; stride /= 2)
        exchange(list, count, 0, size, stride);
    return;
  }
  for (int64_t size = kTile; size <= count; size *= 2) {
    for (int64_t stride = size / 2; stride >= kTile; stride /= 2)
      exchange(list, count, 0, size, stride);
    for (int64_t first = 0; first < count; first += kTile) {
      for (int i = (int)threadIdx.x; i < kTile; i += (int)blockDim.x) tile[i] = list[first + i];
      __syncthreads();  // the tile is loaded
      if (size == kTile) {
        for (int64_t small = 2; small <= kTile; small *= 2)
          for (int64_t stride = small / 2; stride > 0; stride /= 2)
            exchange(tile, kTile, first, small, stride);
      } else {
        for (int64_t stride = kTile / 2; stride > 0; stride /= 2)
          exchange(tile, kTile, first, size, stride);
      }
      for (int i = (int)threadIdx.x; i < kTile; i += (int)blockDim.x) list[first + i] = tile[i];
      __syncthreads();  // and stored
    }
  }
}

template <int kBlock>
__global__ void __launch_bounds__(kBlock) top_k_kernel(const TopKParams p, int64_t padded) {
  using Numbering = Compaction<kBlock, kItems>;
  DN_DYN_SHARED(uint64_t, tile);
  DN_SHARED(int, histogram, [256]);
  DN_SHARED(int, counts, [32 * Numbering::kPerLane + 1]);
  DN_SHARED(int, found, [3]);  // digit, how many of it are wanted, entries above the k-th key
  uint64_t* list = padded <= kTile ? tile : static_cast<uint64_t*>(p.scratch) + blockIdx.x * padded;
  const int lane = (int)threadIdx.x;
  for (int64_t line = blockIdx.x; line < p.outer * p.inner; line += gridDim.x) {
    const float* x = p.x + line / p.inner * p.extent * p.inner + line % p.inner;

    // The k-th key, from its highest digit on.
    uint32_t threshold = 0;
    int wanted = p.k;
    for (int shift = 24; shift >= 0; shift -= 8) {
      for (int bin = lane; bin < 256; bin += kBlock) histogram[bin] = 0;
      __syncthreads();  // empty
      for (int64_t i = lane; i < p.extent; i += kBlock) {
        const uint32_t key = key_of(x[i * p.inner], p.largest);
        if (shift == 24 || key >> (shift + 8) == threshold)
          atomicAdd(&histogram[key >> shift & 255], 1);
      }
      __syncthreads();  // counted
      if (lane < 32) {
        int own = 0;  // of eight digits, from the highest down
        for (int i = 0; i < 8; ++i) own += histogram[255 - lane * 8 - i];
        int above = own;
        DN_UNROLL
        for (int step = 1; step < 32; step *= 2) {
          const int other = __shfl_up_sync(kFullMask, above, step);
          if (lane >= step) above += other;
        }
        above -= own;
        if (above < wanted && above + own >= wanted) {
          int digit = 255 - lane * 8;
          while (above + histogram[digit] < wanted) above += histogram[digit--];
          found[0] = digit;
          found[1] = wanted - above;
        }
      }
      __syncthreads();  // found
      threshold = threshold << 8 | (uint32_t)found[0];
      wanted = found[1];
    }

    // Those above it, in any order, and the first ones equal to it.
    if (lane == 0) found[2] = 0;
    for (int64_t n = p.k + lane; n < padded; n += kBlock) list[n] = 0;
    __syncthreads();
    int equal = 0;
    for (int64_t base = 0; base < p.extent; base += kBlock * kItems) {
      bool chosen[kItems];
      int place[kItems];
      DN_UNROLL
      for (int s = 0; s < kItems; ++s) {
        const int64_t i = base + s * kBlock + lane;
        const uint32_t key = i < p.extent ? key_of(x[i * p.inner], p.largest) : 0;
        chosen[s] = i < p.extent && key == threshold;
        if (i < p.extent && key > threshold) list[atomicAdd(&found[2], 1)] = entry_of(key, i);
      }
      if (equal >= wanted) continue;  // the same in all threads
      const int total = Numbering::number(chosen, place, counts);
      DN_UNROLL
      for (int s = 0; s < kItems; ++s)
        if (chosen[s] && equal + place[s] < wanted)
          list[p.k - wanted + equal + place[s]] = entry_of(threshold, base + s * kBlock + lane);
      equal += total;
      __syncthreads();  // the counts are read
    }
    __syncthreads();  // the list is complete
    sort_entries(list, padded, tile);
    for (int64_t n = lane; n < p.k; n += kBlock) {
      const int64_t place = (uint32_t) ~(uint32_t)list[n];
      const int64_t to = (line / p.inner * p.k + n) * p.inner + line % p.inner;
      p.indices[to] = (int32_t)place;
      p.values[to] = x[place * p.inner];
    }
    __syncthreads();  // the list is read
  }
}

int64_t padded_of(const TopKParams& p) {
  int64_t padded = 1;
  while (padded < p.k) padded *= 2;
  return padded;
}

// As many as run at a time where each needs its part of the scratch.
int64_t blocks_of(const TopKParams& p) {
  const int64_t lines = p.outer * p.inner,
                most = padded_of(p) > kTile ? 2 * (int64_t)p.multiprocessors : kMaxNarrowIndex;
  return lines < most ? lines : most;
}

template <int kBlock>
void launch_top_k(cudaStream_t stream, const TopKParams& p) {
  const int64_t padded = padded_of(p);
  launch(stream, "top_k", top_k_kernel<kBlock>, dim3((unsigned)blocks_of(p)), dim3(kBlock),
         (size_t)(padded < kTile ? padded : kTile) * sizeof(uint64_t), p, padded);
}

}  // namespace

int64_t top_k_scratch_bytes(const TopKParams& p) {
  const int64_t padded = padded_of(p);
  return padded > kTile ? blocks_of(p) * padded * (int64_t)sizeof(uint64_t) : 0;
}

void top_k(cudaStream_t stream, const TopKParams& p) {
  if (p.extent <= kShortLine)
    launch_top_k<32>(stream, p);
  else
    launch_top_k<256>(stream, p);
}

}  // namespace dn::cuda
