// What the two backward files share. See conv_pool.h.
#pragma once

#include "conv_pool_image.h"

namespace dn::cpu::DN_ISA {

// backward_weight for C <= 4 (conv_pool_planar.cpp).
void conv_pool_backward_weight_planar(const ConvPoolParams& params, const float* dy, const float* y,
                                      const uint8_t* tap, const float* x, float* dw, float* db,
                                      GradMode mode, void* scratch, int threads);

// Offset of output channel k within an image's vectors.
inline int64_t channel_offset(const ConvPoolLayout& layout, int64_t k) {
  return k / 16 * layout.block + k % 16 * layout.channel;
}

// A kernel's R x S taps are handled in rectangles whose sums fit the registers.
constexpr int kMaxRectangle = 7;
struct TapRectangles {
  TapRectangles(int64_t kernel_h, int64_t kernel_w, int limit) : limit_(limit) {
    const int64_t across = (kernel_w + kMaxRectangle - 1) / kMaxRectangle;
    columns = (kernel_w + across - 1) / across;
    int64_t most = limit_ / columns;
    if (most > kMaxRectangle) most = kMaxRectangle;
    const int64_t down = (kernel_h + most - 1) / most;
    rows = (kernel_h + down - 1) / down;
    h_ = kernel_h, w_ = kernel_w;
  }
  // visit(first row, first column, rows, columns)
  template <typename Visit>
  void for_each(Visit visit) const {
    for (int64_t r = 0; r < h_; r += rows)
      for (int64_t s = 0; s < w_; s += columns)
        visit(r, s, h_ - r < rows ? h_ - r : rows, w_ - s < columns ? w_ - s : columns);
  }
  int64_t rows, columns;

 private:
  int limit_;
  int64_t h_, w_;
};

}  // namespace dn::cpu::DN_ISA
