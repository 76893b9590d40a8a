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
  const float* from[kRows];  // not reloaded after each store
  for (int i = 0; i < kRows; ++i) factor[i] = broadcast(weight[i]), from[i] = row[i];
  const auto add = [&](int64_t j, auto mask) {
    vf total = factor[0] * load(from[0] + j, mask);
    if (!kSet) total += load(sum + j, mask);
    for (int i = 1; i < kRows; ++i) total = fma(factor[i], load(from[i] + j, mask), total);
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

#if defined(__AVX512F__)
// `repeats` equal rows, out of a row that 64 floats more are readable behind. Sixteen outputs out of
// a table in two registers are several times cheaper than a gather.
template <int kTaps, bool kNarrow, bool kStream>
void resize_row_by_taps(const ResizeAxis& axis, const float* row, float* y, int64_t repeats) {
  constexpr int kTapLanes = ResizeAxis::kTapLanes;
  const int64_t out = axis.out;
  const int32_t* offset = axis.tap_offset.data();
  const float* weight = axis.tap_weight.data();
  const uint16_t* mask = axis.tap_mask.data();
  const int32_t* base = axis.tap_base.data();
  for (int64_t p = 0; p < out; p += kTapLanes) {
    const float* from = row + *base++;
    __m512i at = _mm512_loadu_si512(offset + p);
    const __m512 narrow = _mm512_loadu_ps(from);
    __m512 sum;
    for (int t = 0; t < kTaps; ++t, ++from, weight += kTapLanes, ++mask) {
      __m512 picked;
      if (kNarrow) {
        if (t > 0) at = _mm512_add_epi32(at, _mm512_set1_epi32(1));
        picked = _mm512_maskz_permutexvar_ps(*mask, at, narrow);
      } else {
        picked = _mm512_maskz_permutex2var_ps(*mask, _mm512_loadu_ps(from), at,
                                              _mm512_loadu_ps(from + kTapLanes));
      }
      const __m512 factor = _mm512_loadu_ps(weight);  // 0 outside the mask
      sum = t == 0 ? picked * factor : _mm512_fmadd_ps(picked, factor, sum);
    }
    const __mmask16 lanes = (__mmask16)((1u << std::min<int64_t>(out - p, kTapLanes)) - 1);
    float* to = y + p;
    for (int64_t i = 0; i < repeats; ++i, to += out) {
      if (kStream)
        _mm512_stream_ps(to, sum);
      else
        _mm512_mask_storeu_ps(to, lanes, sum);
    }
  }
}

template <int kTaps, bool kStream>
void resize_row_by_taps(const ResizeAxis& axis, const float* row, float* y, int64_t repeats) {
  if (axis.narrow_taps)
    resize_row_by_taps<kTaps, true, kStream>(axis, row, y, repeats);
  else
    resize_row_by_taps<kTaps, false, kStream>(axis, row, y, repeats);
}

template <bool kStream>
void resize_row_by_taps(const ResizeAxis& axis, const float* row, float* y, int64_t repeats) {
  switch (axis.taps) {
    case 1:
      return resize_row_by_taps<1, kStream>(axis, row, y, repeats);
    case 2:
      return resize_row_by_taps<2, kStream>(axis, row, y, repeats);
    default:
      return resize_row_by_taps<ResizeAxis::kMostTaps, kStream>(axis, row, y, repeats);
  }
}
#endif

constexpr bool kHasTaps = kLanes == ResizeAxis::kTapLanes;

// `repeats` equal output rows out of one row of the input's width, with 64 floats behind if by taps.
void resize_row(const ResizeAxis& axis, const float* row, float* y, int64_t repeats,
                [[maybe_unused]] bool stream) {
  const int64_t out = axis.out;
#if defined(__AVX512F__)
  if (axis.taps > 0) {
    const bool whole = reinterpret_cast<uintptr_t>(y) % sizeof(vf) == 0 && out % kLanes == 0;
    return stream && whole ? resize_row_by_taps<true>(axis, row, y, repeats)
                           : resize_row_by_taps<false>(axis, row, y, repeats);
  }
#endif
  if (axis.quads) {
    resize_row_by_quads(axis, row, y);
  } else if (axis.copies) {
    for (int64_t p = 0; p < out; ++p) y[p] = row[axis.left[p]];
  } else if (axis.pairs) {
    const int32_t *left = axis.left.data(), *right = axis.right.data();
    const float *wl = axis.left_weight.data(), *wr = axis.right_weight.data();
    for (int64_t p = 0; p < out; ++p) y[p] = row[left[p]] * wl[p] + row[right[p]] * wr[p];
  } else {
    for (int64_t p = 0; p < out; ++p) {
      const float* from = row + axis.start[p];
      const float* weight = axis.weight.data() + axis.first[p];
      float sum = 0;
      for (int32_t t = 0; t < axis.count[p]; ++t) sum += weight[t] * from[t];
      y[p] = sum;
    }
  }
  for (int64_t i = 1; i < repeats; ++i) std::copy(y, y + out, y + i * out);
}

void plane(const ResizeParams& params, const float* x, float* y, float* scratch) {
  const ResizeAxis &depth = params.axis[0], &height = params.axis[1], &width = params.axis[2];
  const bool by_taps = kHasTaps && width.taps > 0 && !width.identity;
  // Rows of several streams at a time are more than the hardware's prefetchers follow.
  constexpr int64_t kAhead = 2048;  // floats
  const float* fetched = x + kAhead;
  for (int64_t d = 0; d < depth.out; ++d) {
    for (int64_t h = 0, repeats; h < height.out; h += repeats, y += repeats * width.out) {
      const int32_t layers = depth.count[d], rows = height.count[h];
      repeats = 1;
      if (height.copies)
        while (h + repeats < height.out && height.start[h + repeats] == height.start[h]) ++repeats;
      const float* layer_weight = depth.weight.data() + depth.first[d];
      const float* row_weight = height.weight.data() + height.first[h];
      const auto row_at = [&](int32_t s, int32_t r) {
        return x + ((depth.start[d] + s) * height.in + height.start[h] + r) * width.in;
      };
      for (const float* needed = row_at(layers - 1, rows) + kAhead; fetched < needed; fetched += 16)
        __builtin_prefetch(fetched);
      // The rows that it reads, weighed; straight to the output where the width stays.
      const float* row;
      if (layers == 1 && rows == 1 && layer_weight[0] * row_weight[0] == 1.0f && !by_taps) {
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
      if (!width.identity)
        resize_row(width, row, y, repeats, params.stream);
      else
        for (int64_t i = 1; i < repeats; ++i) std::copy(y, y + width.out, y + i * width.out);
    }
  }
#if defined(__AVX512F__)
  if (params.stream) _mm_sfence();
#endif
}

// Calls body(j) for blocks of kResizeLanes that cover [0, count), the last one overlapping; or
// rest(j) for each of fewer.
template <typename Body, typename Rest>
inline void for_blocks(int64_t count, const Body& body, const Rest& rest) {
  int64_t j = 0;
  for (; j + kResizeLanes <= count; j += kResizeLanes) body(j);
  if (j < count && count >= kResizeLanes)
    body(count - kResizeLanes);
  else
    for (; j < count; ++j) rest(j);
}

// to[j * kResizeLanes + i] = from[i * count + j], or the other way.
void interleave(const float* from, int64_t count, float* to) {
  for_blocks(
      count,
      [&](int64_t j) {
        transpose16(from + j, count, to + j * kResizeLanes, kResizeLanes, GradMode::Overwrite);
      },
      [&](int64_t j) {
        for (int64_t i = 0; i < kResizeLanes; ++i) to[j * kResizeLanes + i] = from[i * count + j];
      });
}
void separate(const float* from, int64_t count, float* to) {
  for_blocks(
      count,
      [&](int64_t j) {
        transpose16(from + j * kResizeLanes, kResizeLanes, to + j, count, GradMode::Overwrite);
      },
      [&](int64_t j) {
        for (int64_t i = 0; i < kResizeLanes; ++i) to[i * count + j] = from[j * kResizeLanes + i];
      });
}

// One output row of interleaved planes.
void resize_interleaved_row(const ResizeAxis& axis, const float* row, float* y) {
  const int32_t *start = axis.start.data(), *count = axis.count.data();
  const float* weight = axis.weight.data();
  for (int64_t p = 0; p < axis.out; ++p, y += kResizeLanes) {
    constexpr int kVectors = kResizeLanes / kLanes;
    const float* from = row + start[p] * kResizeLanes;
    vf sum[kVectors] = {};
    if (count[p] > 0)
      for (int v = 0; v < kVectors; ++v) sum[v] = broadcast(weight[0]) * load(from + v * kLanes);
    for (int32_t t = 1; t < count[p]; ++t)
      for (int v = 0; v < kVectors; ++v)
        sum[v] = fma(broadcast(weight[t]), load(from + t * kResizeLanes + v * kLanes), sum[v]);
    for (int v = 0; v < kVectors; ++v) store(y + v * kLanes, sum[v]);
    weight += count[p];
  }
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
      resize_interleaved_row(width, sum, to);
      to += width.out * kResizeLanes;
    }
  }
  separate(target, out, y);
}

}  // namespace

extern const ResizeTable resize_table;
const ResizeTable resize_table{plane, planes};

}  // namespace dn::cpu::DN_ISA
