// Rows of row-major data in the order in which vectors of windows want them, and the scratch memory of
// the pooling kernels.
#pragma once

#include <algorithm>

#include "pooling.h"

namespace dn::cpu {

// A row is split by phase: position w of the padded row lies in phase w % stride at index w / stride.
// Tap s of the windows q, q + 1, ... is then contiguous: phase s % stride, from index q + s / stride on.
// Phases that no tap reads are left out.
struct PoolingPhases {
  static constexpr int64_t kLanes = 16;  // of the widest instruction set

  int64_t count;
  int64_t reach;   // how far a tap's index is from its window's at most
  int64_t length;  // of a phase, with room for a whole vector at its last index

  explicit PoolingPhases(const PoolingParams& p)
      : count(std::min(p.stride[2], p.kernel[2])), reach((p.kernel[2] - 1) / p.stride[2]) {
    const int64_t indices = std::max(p.out[2], (p.in[2] - 1 + p.begin[2]) / p.stride[2] + 1);
    length = (indices + 2 * reach + 2 * kLanes) / kLanes * kLanes;
  }
};

// Places in scratch memory, one after the other.
class PoolingScratch {
 public:
  explicit PoolingScratch(void* memory) : begin_(static_cast<char*>(memory)), at_(begin_) {}
  template <typename T>
  T* take(int64_t count) {
    constexpr int64_t kLine = 64;
    T* const part = reinterpret_cast<T*>(at_);
    at_ += (count * (int64_t)sizeof(T) + kLine - 1) / kLine * kLine;
    return part;
  }
  size_t bytes() const { return (size_t)(at_ - begin_); }

 private:
  char* begin_;
  char* at_;
};

// The rows that one window reaches, or that reach one row, and their cache.
struct PoolingRows {
  int64_t count = 0;
  const float** base;  // [kernel[0] * kernel[1]] as all of these
  const void** taps;
  int32_t* tap;  // of the row's first column
  float* share;  // average, backward: one by the counted rows of the window

  float* cached;         // [slots][phases.count][phases.length]
  int32_t* cached_taps;  // [slots][phases.length]; one byte each where taps are
  int64_t* cached_row;   // which row a slot holds
  float* result;         // [phases.count][phases.length]

  // By column: of forward's windows, or backward's positions.
  int64_t* offset;  // [kernel[2]]
  int32_t* first;   // [length]
  int32_t* last;    // [length]
  float* counted;   // [length]

  PoolingRows(const PoolingParams& p, PoolingScratch& scratch) {
    const PoolingPhases phases(p);
    const int64_t slots = p.kernel[0] * p.kernel[1], planar = p.block == 1;
    const int64_t columns = std::max({phases.length, p.in[2], p.out[2]});
    base = scratch.take<const float*>(slots);
    taps = scratch.take<const void*>(slots);
    tap = scratch.take<int32_t>(slots);
    share = scratch.take<float>(slots);
    cached = scratch.take<float>(planar * slots * phases.count * phases.length);
    cached_taps = scratch.take<int32_t>(planar * slots * phases.length);
    cached_row = scratch.take<int64_t>(planar * slots);
    result = scratch.take<float>(planar * phases.count * phases.length);
    offset = scratch.take<int64_t>(p.kernel[2]);
    first = scratch.take<int32_t>(columns);
    last = scratch.take<int32_t>(columns);
    counted = scratch.take<float>(columns);
  }
};

}  // namespace dn::cpu
