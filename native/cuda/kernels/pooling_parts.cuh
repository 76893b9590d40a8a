// How the kernels of pooling.cu walk over positions, taps and windows, and the rule of maxima.
#pragma once

#include <type_traits>

#include "cuda/kernels/index.cuh"
#include "cuda/kernels/pooling.h"
#include "cuda/kernels/vector.cuh"

namespace dn::cuda::pooling {

constexpr int kThreads = 256;
constexpr int64_t kMaxGridY = 65535;

// A spatial position: by axis, and counted row-major.
struct Point {
  int of[3];
  int position;
};

// How a sample's thread index becomes a position and channels.
struct Walk {
  FastDivider channels;  // vectors of channels
  FastDivider extent[3];
  FastDivider stride[3];
  uint32_t count;  // threads of a sample
};

// The offset of kVec channels at a position, in a tensor with that many positions.
__device__ __forceinline__ int64_t element(const PoolingGeometry& g, int64_t positions, int64_t n,
                                           int position, int c) {
  return g.channels_last ? (n * positions + position) * g.channels + c
                         : (n * g.channels + c) * positions + position;
}

// Calls body(n, point, first channel) for what the thread does.
template <int kVec, typename Body>
__device__ __forceinline__ void for_positions(const PoolingGeometry& g, const Walk& walk,
                                              const Body& body) {
  const uint32_t index = blockIdx.x * blockDim.x + threadIdx.x;
  if (index >= walk.count) return;
  uint32_t rest = index, c;
  Point at;
  if (g.channels_last) {
    rest = walk.channels.divide(index);
    c = index - rest * walk.channels.divisor;
  }
  const uint32_t row = walk.extent[2].divide(rest);
  at.of[2] = (int)(rest - row * walk.extent[2].divisor);
  const uint32_t plane = walk.extent[1].divide(row);
  at.of[1] = (int)(row - plane * walk.extent[1].divisor);
  const uint32_t outer = walk.extent[0].divide(plane);
  at.of[0] = (int)(plane - outer * walk.extent[0].divisor);
  if (!g.channels_last) c = outer;
  at.position =
      (int)((at.of[0] * walk.extent[1].divisor + at.of[1]) * walk.extent[2].divisor) + at.of[2];
  for (int64_t n = (int64_t)blockIdx.y * blockDim.y + threadIdx.y; n < g.batch;
       n += (int64_t)gridDim.y * blockDim.y)
    body(n, at, (int)c * kVec);
}

// Calls body(tap, values) for the taps inside the input, ascending: the kVec channels from c on, of
// sample n. Taps of a row of the window are loaded together.
template <int kVec, typename T, typename Body>
__device__ __forceinline__ void for_taps(const PoolingGeometry& g, const T* x, int64_t n, int c,
                                         const int (&start)[3], const Body& body) {
  constexpr int kBatch = 3;
  int first[3], last[3];
  DN_UNROLL for (int i = 0; i < 3; ++i) {
    first[i] = max(0, -start[i]);
    last[i] = min(g.kernel[i], g.in[i] - start[i]);
  }
  const int64_t step = g.channels_last ? g.channels : 1;
  for (int t = first[0]; t < last[0]; ++t)
    for (int r = first[1]; r < last[1]; ++r) {
      const int position =
          ((start[0] + t) * g.in[1] + start[1] + r) * g.in[2] + start[2] + first[2];
      const T* from = x + element(g, g.in_positions(), n, position, c);
      const int tap = (t * g.kernel[1] + r) * g.kernel[2];
      for (int s = first[2]; s < last[2]; s += kBatch, from += kBatch * step) {
        Vector<T, kVec> loaded[kBatch];
        DN_UNROLL for (int i = 0; i < kBatch; ++i) loaded[i] =
            s + i < last[2] ? load_vector<kVec>(from + i * step) : Vector<T, kVec>{};
        DN_UNROLL for (int i = 0; i < kBatch; ++i) {
          if (s + i >= last[2]) continue;
          float value[kVec];
          to_floats(loaded[i], value);
          body(tap + s + i, value);
        }
      }
    }
}

// What an average is divided by.
__device__ __forceinline__ float divisor(const PoolingGeometry& g, const int (&start)[3]) {
  int count = 1;
  DN_UNROLL for (int i = 0; i < 3; ++i) {
    const int inside = min(g.kernel[i], g.in[i] - start[i]) - max(0, -start[i]);
    count *= g.mode == DN_POOLING_AVERAGE_PADDED ? g.kernel[i] : inside;
  }
  return (float)count;
}

// Calls body(window's position, its first tap's coordinates, the point's tap in it) for the windows
// that cover a point of the input, ascending.
template <typename Body>
__device__ __forceinline__ void for_windows(const PoolingGeometry& g, const Walk& walk,
                                            const Point& at, const Body& body) {
  int first[3], last[3];
  DN_UNROLL for (int i = 0; i < 3; ++i) {
    const int place = at.of[i] + g.begin[i];
    first[i] =
        place < g.kernel[i] ? 0 : (int)walk.stride[i].divide((uint32_t)(place - g.kernel[i])) + 1;
    last[i] = min((int)walk.stride[i].divide((uint32_t)place), g.out[i] - 1);
  }
  for (int d = first[0]; d <= last[0]; ++d)
    for (int p = first[1]; p <= last[1]; ++p)
      for (int q = first[2]; q <= last[2]; ++q) {
        const int start[3] = {d * g.stride[0] - g.begin[0], p * g.stride[1] - g.begin[1],
                              q * g.stride[2] - g.begin[2]};
        const int t = at.of[0] - start[0], r = at.of[1] - start[1], s = at.of[2] - start[2];
        body((d * g.out[1] + p) * g.out[2] + q, start, (t * g.kernel[1] + r) * g.kernel[2] + s);
      }
}

// The maximum of kVec channels so far, with its tap. -1: nothing was offered.
template <int kVec>
struct Best {
  float value[kVec];
  int tap[kVec];

  __device__ __forceinline__ Best() {
    DN_UNROLL for (int i = 0; i < kVec; ++i) {
      value[i] = 0;
      tap[i] = -1;
    }
  }

  // Taps come in ascending order: an equal value does not replace, NaN does and stays.
  __device__ __forceinline__ void offer(const float (&other)[kVec], int other_tap) {
    DN_UNROLL for (int i = 0; i < kVec; ++i) {
      const bool wins = tap[i] < 0 || (!(other[i] <= value[i]) && value[i] == value[i]);
      value[i] = wins ? other[i] : value[i];
      tap[i] = wins ? other_tap : tap[i];
    }
  }

  // In any order: of equals, and of NaNs, the lower tap.
  __device__ __forceinline__ void merge(int i, float other, int other_tap) {
    if (other_tap < 0) return;
    const bool nan = value[i] != value[i], other_nan = other != other;
    const bool same = nan ? other_nan : other == value[i];
    const bool wins = tap[i] < 0 || (same ? other_tap < tap[i] : other_nan || other > value[i]);
    if (!wins) return;
    value[i] = other;
    tap[i] = other_tap;
  }

  template <typename T, typename Tap>
  __device__ __forceinline__ void store(const PoolingForward& p, int64_t at) const {
    float result[kVec];
    Vector<Tap, kVec> taps;
    DN_UNROLL for (int i = 0; i < kVec; ++i) {
      result[i] = p.relu && value[i] <= 0 ? 0.0f : value[i];
      taps.at[i] = (Tap)tap[i];
    }
    store_floats(static_cast<T*>(p.y) + at, result);
    if (p.tap) store_vector(static_cast<Tap*>(p.tap) + at, taps);
  }
};

}  // namespace dn::cuda::pooling
