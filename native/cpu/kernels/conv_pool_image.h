// For the conv_pool kernels: walks over pooling windows, and packed, zero-padded copies of one
// image (layout conv_pool_padded_layout).
#pragma once

#include "conv_pool_plan.h"
#include "simd.h"

namespace dn::cpu::DN_ISA {

// A pooling window of the batch: its number and its place. next() costs no division.
struct ConvPoolWindow {
  ConvPoolWindow(const ConvPoolParams& p, int64_t number)
      : index(number), rows_(p.pooled_h()), columns_(p.pooled_w()) {
    image = number / (rows_ * columns_);
    row = number / columns_ % rows_;
    column = number % columns_;
  }
  void next() {
    ++index;
    if (++column < columns_) return;
    column = 0;
    if (++row < rows_) return;
    row = 0;
    ++image;
  }
  int64_t index, image, row, column;

 private:
  int64_t rows_, columns_;
};

inline void clear(float* p, int64_t count) {
  std::memset(p, 0, static_cast<size_t>(count) * sizeof(float));
}

// C <= 4. The copy's border must be zero already.
inline void copy_planes(const ConvPoolParams& p, const float* image, float* copy) {
  const ConvPoolLayout to = conv_pool_padded_layout(p);
  copy += p.pad_top * to.row + p.pad_left;
  for (int64_t c = 0; c < p.channels; ++c)
    for (int64_t h = 0; h < p.height; ++h)
      std::memcpy(copy + c * to.block + h * to.row,
                  image + c * p.x_layout.block + h * p.x_layout.row,
                  static_cast<size_t>(p.width) * sizeof(float));
}

// C % 16 == 0. Calls visit(outside, inside) for each vector of 16 channels of the image `outside`
// (x_layout) and its place in the copy `inside`.
template <typename Outside, typename Inside, typename Visit>
void for_each_vector(const ConvPoolParams& p, Outside* outside, Inside* inside, Visit visit) {
  const ConvPoolLayout to = conv_pool_padded_layout(p);
  const ConvPoolLayout from = p.x_layout;
  inside += p.pad_top * to.row + p.pad_left * to.column;
  for (int64_t cb = 0; cb < p.channels / 16; ++cb)
    for (int64_t h = 0; h < p.height; ++h) {
      Outside* o = outside + cb * from.block + h * from.row;
      Inside* i = inside + cb * to.block + h * to.row;
      for (int64_t w = 0; w < p.width; ++w, o += from.column, i += 16) visit(o, i);
    }
}

// The copy's border must be zero already.
inline void copy_in(const ConvPoolParams& p, const float* image, float* copy) {
  for_each_vector(p, image, copy, [](const float* from, float* to) {
    for (int i = 0; i < 16; i += kLanes) store(to + i, load(from + i));
  });
}

inline void copy_out(const ConvPoolParams& p, const float* copy, float* image, GradMode mode) {
  for_each_vector(p, image, copy, [mode](float* to, const float* from) {
    for (int i = 0; i < 16; i += kLanes) {
      vf v = load(from + i);
      if (mode == GradMode::Accumulate) v += load(to + i);
      store(to + i, v);
    }
  });
}

}  // namespace dn::cpu::DN_ISA
