// Zero-padded copies of one image, for the conv_pool kernels: layout conv_pool_padded_layout.
#pragma once

#include "conv_pool_plan.h"
#include "simd.h"

namespace dn::cpu::DN_ISA {

inline void clear(float* p, int64_t count) {
  std::memset(p, 0, static_cast<size_t>(count) * sizeof(float));
}

// Calls visit(outside, inside, floats) for each contiguous piece of the image `outside` (x_layout)
// and its place in the padded copy `inside`.
template <typename Outside, typename Inside, typename Visit>
void for_each_piece(const ConvPoolParams& p, Outside* outside, Inside* inside, Visit visit) {
  const ConvPoolLayout to = conv_pool_padded_layout(p);
  const ConvPoolLayout& from = p.x_layout;
  const int64_t blocks = p.planar() ? p.channels : p.channels / 16;
  for (int64_t b = 0; b < blocks; ++b)
    for (int64_t h = 0; h < p.height; ++h) {
      Outside* row = outside + b * from.block + h * from.row;
      Inside* padded = inside + b * to.block + (h + p.pad_top) * to.row + p.pad_left * to.column;
      if (from.column == to.column) {
        visit(row, padded, p.width * to.column);
      } else {
        for (int64_t i = 0; i < p.width; ++i)
          visit(row + i * from.column, padded + i * to.column, to.column);
      }
    }
}

// The border of `padded` must be zero already.
inline void copy_inside(const ConvPoolParams& p, const float* image, float* padded) {
  for_each_piece(p, image, padded, [](const float* from, float* to, int64_t count) {
    std::memcpy(to, from, static_cast<size_t>(count) * sizeof(float));
  });
}

inline void copy_outside(const ConvPoolParams& p, const float* padded, float* image) {
  for_each_piece(p, image, padded, [](float* to, const float* from, int64_t count) {
    std::memcpy(to, from, static_cast<size_t>(count) * sizeof(float));
  });
}

}  // namespace dn::cpu::DN_ISA
