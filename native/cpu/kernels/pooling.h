// Max and average pooling over three spatial axes, forward and backward, by rows of the result: a call
// computes rows first .. last - 1, each of one plane's innermost axis, and calls share nothing.
// Rules of padding, ties and NaN: deepnative.h.
#pragma once

#include <cstddef>
#include <cstdint>

#include "isa.h"

namespace dn::cpu {

// `block` channels lie side by side at each position of a plane; 1: row-major.
struct PoolingParams {
  int64_t planes = 0, block = 1;
  int64_t in[3], out[3], kernel[3], stride[3], begin[3];  // the innermost axis last
  bool count_padding = false;                             // an average divides by the whole window

  int64_t in_size() const { return in[0] * in[1] * in[2] * block; }
  int64_t out_size() const { return out[0] * out[1] * out[2] * block; }
  int64_t out_rows() const { return planes * out[0] * out[1]; }  // of forward's result
  int64_t in_rows() const { return planes * in[0] * in[1]; }     // of backward's result

  // Taps of window number `at` inside the input: first .. last - 1 of an axis.
  int64_t first_tap(int axis, int64_t at) const {
    const int64_t start = at * stride[axis] - begin[axis];
    return start < 0 ? -start : 0;
  }
  int64_t last_tap(int axis, int64_t at) const {
    const int64_t rest = in[axis] - at * stride[axis] + begin[axis];
    return rest < kernel[axis] ? rest : kernel[axis];
  }
  int64_t counted(int axis, int64_t at) const {
    return count_padding ? kernel[axis] : last_tap(axis, at) - first_tap(axis, at);
  }
  // The windows that cover position `at`: first .. last.
  int64_t first_window(int axis, int64_t at) const {
    const int64_t place = at + begin[axis] - kernel[axis];
    return place < 0 ? 0 : place / stride[axis] + 1;
  }
  int64_t last_window(int axis, int64_t at) const {
    const int64_t last = (at + begin[axis]) / stride[axis];
    return last < out[axis] ? last : out[axis] - 1;
  }
};

// What one call needs besides; the same for both directions.
size_t pooling_scratch_bytes(const PoolingParams& params);

struct PoolingForwardTable {
  // tap: null or as y, one byte or four each.
  void (*max)(const PoolingParams& params, const float* x, float* y, void* tap, int tap_bytes,
              int64_t first, int64_t last, void* scratch);
  void (*average)(const PoolingParams& params, const float* x, float* y, int64_t first,
                  int64_t last, void* scratch);
};

struct PoolingBackwardTable {
  void (*max)(const PoolingParams& params, const float* dy, const void* tap, int tap_bytes,
              float* dx, int64_t first, int64_t last, void* scratch);
  void (*average)(const PoolingParams& params, const float* dy, float* dx, int64_t first,
                  int64_t last, void* scratch);
};

}  // namespace dn::cpu

DN_DECLARE_ISA_TABLES(PoolingForwardTable, pooling_forward)
DN_DECLARE_ISA_TABLES(PoolingBackwardTable, pooling_backward)
