#include "resize.h"

#include <algorithm>

#include "simd.h"
#include "transpose.h"

namespace dn::cpu::DN_ISA {

namespace {

// sum[j] = the sum of weight[i] * row[i][j] over kRows rows, or that added.
template <int kRows, bool kSet>
inline void add_rows(const float* const* row, const float* weight, int64_t width, float* sum) {
  vf factor[kRows];
  for (int i = 0; i < kRows; ++i) factor[i] = broadcast(weight[i]);
  const auto add = [&](int64_t j, auto mask) {
    vf total = factor[0] * load(row[0] + j, mask);
    if (!kSet) total += load(sum + j, mask);
    for (int i = 1; i < kRows; ++i) total = fma(factor[i], load(row[i] + j, mask), total);
    store(sum + j, total, mask);
  };
  const int64_t whole = width / kLanes * kLanes;
  for (int64_t j = 0; j < whole; j += kLanes) add(j, AllLanes{});
  if (whole < width) add(whole, first_lanes((int)(width - whole)));
}

// The weighed rows are collected, four at a time.
class RowSum {
 public:
  RowSum(int64_t width, float* sum) : width_(width), sum_(sum) {}
  void add(const float* row, float weight) {
    row_[count_] = row;
    weight_[count_++] = weight;
    if (count_ == 4) flush();
  }
  void finish() {
    if (count_ > 0) flush();
    if (empty_) std::fill(sum_, sum_ + width_, 0.0f);
  }

 private:
  template <bool kSet>
  void flush_as() {
    switch (count_) {
      case 1:
        return add_rows<1, kSet>(row_, weight_, width_, sum_);
      case 2:
        return add_rows<2, kSet>(row_, weight_, width_, sum_);
      case 3:
        return add_rows<3, kSet>(row_, weight_, width_, sum_);
      default:
        return add_rows<4, kSet>(row_, weight_, width_, sum_);
    }
  }
  void flush() {
    empty_ ? flush_as<true>() : flush_as<false>();
    count_ = 0;
    empty_ = false;
  }

  int64_t width_;
  float* sum_;
  const float* row_[4] = {};
  float weight_[4] = {};
  int count_ = 0;
  bool empty_ = true;
};

typedef float v4 __attribute__((vector_size(16)));

inline v4 load4(const float* p) {
  v4 v;
  std::memcpy(&v, p, sizeof v);
  return v;
}

// y[p] = the sum of four products each: four outputs at a time, transposed and added.
void resize_row_by_quads(const ResizeAxis& axis, const float* row, float* y) {
  typedef int32_t i4 __attribute__((vector_size(16)));
  const int32_t* start = axis.quad_start.data();
  const float* weight = axis.quad_weight.data();
  int64_t p = 0;
  for (; p + 4 <= axis.out; p += 4) {
    v4 product[4];
    for (int i = 0; i < 4; ++i) {
      const v4 weights = load4(weight + 4 * (p + i));
      // What has no weight is not read, be it NaN.
      product[i] = (v4)((i4)(load4(row + start[p + i]) * weights) & (weights != 0.0f));
    }
    const v4 low01 = __builtin_shuffle(product[0], product[1], i4{0, 4, 1, 5});
    const v4 high01 = __builtin_shuffle(product[0], product[1], i4{2, 6, 3, 7});
    const v4 low23 = __builtin_shuffle(product[2], product[3], i4{0, 4, 1, 5});
    const v4 high23 = __builtin_shuffle(product[2], product[3], i4{2, 6, 3, 7});
    const v4 sum01 = low01 + high01, sum23 = low23 + high23;
    const v4 sum = __builtin_shuffle(sum01, sum23, i4{0, 1, 4, 5}) +
                   __builtin_shuffle(sum01, sum23, i4{2, 3, 6, 7});
    std::memcpy(y + p, &sum, sizeof sum);
  }
  for (; p < axis.out; ++p) {
    float sum = 0;
    for (int t = 0; t < 4; ++t)
      if (weight[4 * p + t] != 0) sum += weight[4 * p + t] * row[start[p] + t];
    y[p] = sum;
  }
}

// One output row out of one row of the input's width.
void resize_row(const ResizeAxis& axis, const float* row, float* y, [[maybe_unused]] bool stream) {
  const int64_t out = axis.out;
  if (axis.quads) return resize_row_by_quads(axis, row, y);
  if (axis.pairs || axis.copies) {
    const int32_t *left = axis.left.data(), *right = axis.right.data();
    const float *wl = axis.left_weight.data(), *wr = axis.right_weight.data();
    int64_t p = 0;
#if defined(__AVX512F__)
    stream &= reinterpret_cast<uintptr_t>(y) % sizeof(vf) == 0;
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
        stream ? _mm512_stream_ps(y + p, a) : _mm512_storeu_ps(y + p, a);
        continue;
      }
      const __m512i at_right =
          _mm512_sub_epi32(_mm512_loadu_si512(right + p), _mm512_set1_epi32(base));
      const __m512 b = _mm512_permutex2var_ps(low, at_right, high);
      const __m512 sum =
          _mm512_fmadd_ps(b, _mm512_loadu_ps(wr + p), _mm512_mul_ps(a, _mm512_loadu_ps(wl + p)));
      stream ? _mm512_stream_ps(y + p, sum) : _mm512_storeu_ps(y + p, sum);
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
        RowSum rows_sum(width.in, sum);
        for (int32_t s = 0; s < layers; ++s)
          for (int32_t r = 0; r < rows; ++r)
            rows_sum.add(row_at(s, r), layer_weight[s] * row_weight[r]);
        rows_sum.finish();
        row = sum;
      }
      if (!width.identity) resize_row(width, row, y, params.stream);
    }
  }
#if defined(__AVX512F__)
  if (params.stream) _mm_sfence();
#endif
}

// to[j * kResizeLanes + i] = from[i * count + j], or the other way.
void interleave(const float* from, int64_t count, float* to) {
  int64_t j = 0;
  for (; j + kResizeLanes <= count; j += kResizeLanes)
    transpose16(from + j, count, to + j * kResizeLanes, kResizeLanes, GradMode::Overwrite);
  for (; j < count; ++j)
    for (int64_t i = 0; i < kResizeLanes; ++i) to[j * kResizeLanes + i] = from[i * count + j];
}
void separate(const float* from, int64_t count, float* to) {
  int64_t j = 0;
  for (; j + kResizeLanes <= count; j += kResizeLanes)
    transpose16(from + j * kResizeLanes, kResizeLanes, to + j, count, GradMode::Overwrite);
  for (; j < count; ++j)
    for (int64_t i = 0; i < kResizeLanes; ++i) to[i * count + j] = from[j * kResizeLanes + i];
}

void planes(const ResizeParams& params, const float* x, float* y, float* scratch) {
  const ResizeAxis &depth = params.axis[0], &height = params.axis[1], &width = params.axis[2];
  const int64_t in = depth.in * height.in * width.in, out = depth.out * height.out * width.out;
  const int64_t row_floats = width.in * kResizeLanes;
  float *source = scratch, *target = source + in * kResizeLanes;
  float* sum = target + out * kResizeLanes;
  interleave(x, in, source);
  float* to = target;
  for (int64_t d = 0; d < depth.out; ++d) {
    for (int64_t h = 0; h < height.out; ++h) {
      RowSum rows_sum(row_floats, sum);
      for (int32_t s = 0; s < depth.count[d]; ++s)
        for (int32_t r = 0; r < height.count[h]; ++r)
          rows_sum.add(
              source + ((depth.start[d] + s) * height.in + height.start[h] + r) * row_floats,
              depth.weight[depth.first[d] + s] * height.weight[height.first[h] + r]);
      rows_sum.finish();
      for (int64_t w = 0; w < width.out; ++w, to += kResizeLanes) {
        RowSum elements(kResizeLanes, to);
        for (int32_t t = 0; t < width.count[w]; ++t)
          elements.add(sum + (width.start[w] + t) * kResizeLanes, width.weight[width.first[w] + t]);
        elements.finish();
      }
    }
  }
  separate(target, out, y);
}

}  // namespace

extern const ResizeTable resize_table;
const ResizeTable resize_table{plane, planes};

}  // namespace dn::cpu::DN_ISA
