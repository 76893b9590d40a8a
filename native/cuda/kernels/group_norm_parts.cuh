// How the kernels of group normalisation walk a group, and the moments that they merge.
#pragma once

#include "cuda/kernels/group_norm.h"
#include "cuda/kernels/index.cuh"
#include "cuda/kernels/launch.cuh"
#include "cuda/kernels/vector.cuh"

namespace dn::cuda::group_norm {

constexpr int kThreads = 256;
// A group of up to so many values is one block's, or one of several teams of a block; larger ones
// are split among blocks. Constants, so that the sums do not depend on the GPU.
constexpr int64_t kSplitSize = 16384;
constexpr int64_t kMaxSplits = 64;

enum class Order {
  Elements,      // inner = 1: a weight for each element
  Planes,        // (outer, channels, inner)
  ChannelsLast,  // (outer, inner, channels)
};

// Where the values of a group lie.
template <Order kOrder>
struct Walk {
  FastDivider divider;  // by inner, or by width
  int64_t inner;
  int32_t channels, groups, width;
  uint32_t size;

  explicit Walk(const GroupNormView& v)
      : divider(kOrder == Order::Planes ? v.inner : v.width()),
        inner(v.inner),
        channels(v.channels),
        groups(v.groups),
        width(v.width()),
        size((uint32_t)v.size()) {}

  struct Place {
    int64_t at;
    int channel;
  };
  __device__ __forceinline__ Place place(int64_t chunk, uint32_t j) const {
    const int64_t sample = chunk / groups;
    const int first = (int)(chunk - sample * groups) * width;
    if constexpr (kOrder == Order::Elements) return {chunk * width + j, first + (int)j};
    const uint32_t quotient = divider.divide(j);
    if constexpr (kOrder == Order::Planes) return {chunk * size + j, first + (int)quotient};
    const int channel = first + (int)(j - quotient * divider.divisor);
    return {(sample * inner + quotient) * channels + channel, channel};
  }
};

// Blocks of (bx, by) threads: by groups, bx threads each.
inline dim3 team_block(const GroupNormView& v) {
  const int bx = power_of_two(divide_up(v.size(), 4), kThreads);
  return bx < 32 ? dim3(32, kThreads / 32) : dim3(bx, kThreads / bx);
}

inline int splits_of(const GroupNormView& v) {
  const int64_t splits = divide_up(v.size(), kSplitSize);
  return (int)(splits < kMaxSplits ? splits : kMaxSplits);
}

// The values [first, last) of a split.
struct SplitRange {
  uint32_t first, last;
  __device__ SplitRange(uint32_t size, int split, int splits)
      : first((uint32_t)((uint64_t)size * split / splits)),
        last((uint32_t)((uint64_t)size * (split + 1) / splits)) {}
};

// Adds up two numbers over threadIdx.x, for each threadIdx.y; all of its threads get the sums.
__device__ __forceinline__ void team_sum(float& a, float& b) {
  DN_SHARED(float, shared, [2][kThreads]);
  const int me = threadIdx.y * blockDim.x + threadIdx.x;
  __syncthreads();  // an earlier result has been read
  shared[0][me] = a;
  shared[1][me] = b;
  for (int half = blockDim.x / 2; half > 0; half /= 2) {
    __syncthreads();  // the last round's sums are written
    if ((int)threadIdx.x < half) {
      shared[0][me] += shared[0][me + half];
      shared[1][me] += shared[1][me + half];
    }
  }
  __syncthreads();  // the first thread's sums are written
  a = shared[0][threadIdx.y * blockDim.x];
  b = shared[1][threadIdx.y * blockDim.x];
}

// Calls body(TypeTag<T>{}, integral_constant<Order>{}).
template <typename Body>
void with_order(const GroupNormView& v, const Body& body) {
  with_float_type(v.dtype, [&](auto tag) {
    if (v.inner == 1)
      body(tag, std::integral_constant<Order, Order::Elements>{});
    else if (v.channels_last)
      body(tag, std::integral_constant<Order, Order::ChannelsLast>{});
    else
      body(tag, std::integral_constant<Order, Order::Planes>{});
  });
}

// ---- the gradients of the parameters ----

// Splits of the samples (planes) or of the rows, each with a partial sum of every channel.
inline int parameter_splits(const GroupNormView& v) {
  const bool planes = v.inner > 1 && !v.channels_last;
  const int64_t rows = planes ? v.outer : v.outer * v.inner;
  const int64_t splits = divide_up(rows * (planes ? v.inner : 1), 256);
  return (int)(splits < kMaxSplits ? (splits < rows ? splits : rows) : kMaxSplits);
}

}  // namespace dn::cuda::group_norm
