// What the two backward files share. See conv_pool.h.
#pragma once

#include "conv_pool_image.h"

namespace dn::cpu::DN_ISA {

// backward_weight for C <= 4 (conv_pool_planar.cpp).
void conv_pool_backward_weight_planar(const ConvPoolParams& params, const float* dy, const float* y,
                                      const uint8_t* tap, const float* x, float* dw, float* db,
                                      GradMode mode, void* scratch, int threads);

// Reads the gradients of 16 output channels of one window.
class WindowReader {
 public:
  // A tap is `row` floats further for each row of the window, `column` for each column.
  WindowReader(const ConvPoolParams& p, int64_t row, int64_t column)
      : layout(p.y_layout), few_taps_(p.pool_h * p.pool_w <= 16) {
    for (int64_t t = 0; t < p.pool_h * p.pool_w; ++t)
      where_of_tap_[t] = static_cast<int32_t>(t / p.pool_w * row + t % p.pool_w * column);
  }

  // values: the gradients, zero where y is given and not > 0. where: distance of the winner.
  void read(const float* dy, const float* y, const uint8_t* taps, float* values,
            int32_t* where) const {
#if defined(__AVX512F__)
    // maskz: the unmasked intrinsics read an undefined register (GCC bug 105593).
    if (layout.channel == 1 && few_taps_) {
      const __m512i t = _mm512_maskz_cvtepu8_epi32(
          0xffff, _mm_loadu_si128(reinterpret_cast<const __m128i*>(taps)));
      const __mmask16 live =
          y ? _mm512_cmp_ps_mask(_mm512_loadu_ps(y), _mm512_setzero_ps(), _CMP_GT_OQ) : 0xffff;
      _mm512_storeu_ps(values, _mm512_maskz_loadu_ps(live, dy));
      _mm512_storeu_si512(
          where, _mm512_maskz_permutexvar_epi32(0xffff, t, _mm512_loadu_si512(where_of_tap_)));
      return;
    }
#endif
    for (int i = 0; i < 16; ++i) values[i] = dy[i * layout.channel];
    for (int i = 0; y && i < 16; ++i) values[i] = y[i * layout.channel] > 0.0f ? values[i] : 0.0f;
    for (int i = 0; i < 16; ++i) where[i] = where_of_tap_[taps[i]];
  }

  const ConvPoolLayout layout;

 private:
  bool few_taps_;
  int32_t where_of_tap_[256] = {};
};

// A kernel's R x S taps are handled in rectangles whose vectors fit the registers.
constexpr int kMaxRectangle = 7;
class TapRectangles {
 public:
  TapRectangles(int64_t kernel_h, int64_t kernel_w, int64_t most_taps)
      : h_(kernel_h), w_(kernel_w) {
    const int64_t across = (w_ + kMaxRectangle - 1) / kMaxRectangle;
    columns_ = (w_ + across - 1) / across;
    const int64_t most =
        most_taps / columns_ < kMaxRectangle ? most_taps / columns_ : kMaxRectangle;
    const int64_t down = (h_ + most - 1) / most;
    rows_ = (h_ + down - 1) / down;
  }
  // visit(first row, first column, rows, columns)
  template <typename Visit>
  void for_each(Visit visit) const {
    for (int64_t r = 0; r < h_; r += rows_)
      for (int64_t s = 0; s < w_; s += columns_)
        visit(r, s, h_ - r < rows_ ? h_ - r : rows_, w_ - s < columns_ ? w_ - s : columns_);
  }

 private:
  int64_t h_, w_, rows_, columns_;
};

// Index of a rectangle in a table of kMaxRectangle * kMaxRectangle functions.
inline size_t rectangle_index(int64_t rows, int64_t columns) {
  return static_cast<size_t>((rows - 1) * kMaxRectangle + columns - 1);
}

}  // namespace dn::cpu::DN_ISA
