#include "resize.h"

#include <algorithm>

#include "simd.h"

namespace dn::cpu::DN_ISA {

namespace {

// sum[j] = or += weight * row[j].
inline void add_row(const float* row, float weight, bool set, int64_t width, float* sum) {
  const vf factor = broadcast(weight);
  int64_t j = 0;
  if (set) {
    for (; j + kLanes <= width; j += kLanes) store(sum + j, factor * load(row + j));
    for (; j < width; ++j) sum[j] = weight * row[j];
  } else {
    for (; j + kLanes <= width; j += kLanes)
      store(sum + j, fma(factor, load(row + j), load(sum + j)));
    for (; j < width; ++j) sum[j] += weight * row[j];
  }
}

inline void add_two(const float* a, float weight_a, const float* b, float weight_b, int64_t width,
                    float* sum) {
  const vf wa = broadcast(weight_a), wb = broadcast(weight_b);
  int64_t j = 0;
  for (; j + kLanes <= width; j += kLanes) store(sum + j, fma(wb, load(b + j), wa * load(a + j)));
  for (; j < width; ++j) sum[j] = weight_a * a[j] + weight_b * b[j];
}

// One output row out of one row of the input's width.
void resize_row(const ResizeAxis& axis, const float* row, float* y) {
  const int64_t out = axis.out;
  if (axis.pairs || axis.copies) {
    const int32_t *left = axis.left.data(), *right = axis.right.data();
    const float *wl = axis.left_weight.data(), *wr = axis.right_weight.data();
    int64_t p = 0;
#if defined(__AVX512F__)
    // Sixteen outputs mostly read from 32 neighbours: a table in two registers, which is several
    // times cheaper than a gather.
    for (; p + kLanes <= out; p += kLanes) {
      const int32_t base = left[p];
      if (right[p + kLanes - 1] - base >= 32) break;
      const __m512i at = _mm512_sub_epi32(_mm512_loadu_si512(left + p), _mm512_set1_epi32(base));
      const __mmask16 in_low = (__mmask16)((1u << std::min<int64_t>(16, axis.in - base)) - 1);
      const int64_t rest = std::clamp<int64_t>(axis.in - base - 16, 0, 16);
      const __mmask16 in_high = (__mmask16)((1u << rest) - 1);
      const __m512 low = _mm512_maskz_loadu_ps(in_low, row + base);
      const __m512 high = _mm512_maskz_loadu_ps(in_high, row + base + 16);
      const __m512 a = _mm512_permutex2var_ps(low, at, high);
      if (axis.copies) {
        _mm512_storeu_ps(y + p, a);
        continue;
      }
      const __m512i at_right =
          _mm512_sub_epi32(_mm512_loadu_si512(right + p), _mm512_set1_epi32(base));
      const __m512 b = _mm512_permutex2var_ps(low, at_right, high);
      _mm512_storeu_ps(y + p, _mm512_fmadd_ps(b, _mm512_loadu_ps(wr + p),
                                              _mm512_mul_ps(a, _mm512_loadu_ps(wl + p))));
    }
#endif
    if (axis.copies)
      for (; p < out; ++p) y[p] = row[left[p]];
    else
      for (; p < out; ++p) y[p] = row[left[p]] * wl[p] + row[right[p]] * wr[p];
    return;
  }
  for (int64_t p = 0; p < out; ++p) {
    const float* from = row + axis.start[p];
    const float* weight = axis.weight.data() + axis.first[p];
    float sum = 0;
    for (int32_t t = 0; t < axis.count[p]; ++t) sum += weight[t] * from[t];
    y[p] = sum;
  }
}

void plane(const ResizeParams& params, const float* x, float* y, float* scratch) {
  const ResizeAxis &depth = params.axis[0], &height = params.axis[1], &width = params.axis[2];
  for (int64_t d = 0; d < depth.out; ++d) {
    for (int64_t h = 0; h < height.out; ++h, y += width.out) {
      const int32_t layers = depth.count[d], rows = height.count[h];
      const float* layer_weight = depth.weight.data() + depth.first[d];
      const float* row_weight = height.weight.data() + height.first[h];
      const auto row_at = [&](int32_t s, int32_t r) {
        return x + ((depth.start[d] + s) * height.in + height.start[h] + r) * width.in;
      };
      // The rows that it reads, weighed; straight to the output where the width stays.
      const float* row;
      if (layers == 1 && rows == 1 && layer_weight[0] * row_weight[0] == 1.0f) {
        row = row_at(0, 0);
        if (width.identity) std::copy(row, row + width.in, y);
      } else {
        float* sum = width.identity ? y : scratch;
        if (layers == 1 && rows == 2) {
          add_two(row_at(0, 0), layer_weight[0] * row_weight[0], row_at(0, 1),
                  layer_weight[0] * row_weight[1], width.in, sum);
        } else {
          if (layers * rows == 0) std::fill(sum, sum + width.in, 0.0f);
          for (int32_t s = 0; s < layers; ++s)
            for (int32_t r = 0; r < rows; ++r)
              add_row(row_at(s, r), layer_weight[s] * row_weight[r], s + r == 0, width.in, sum);
        }
        row = sum;
      }
      if (!width.identity) resize_row(width, row, y);
    }
  }
}

}  // namespace

extern const ResizeTable resize_table;
const ResizeTable resize_table{plane};

}  // namespace dn::cpu::DN_ISA
