#include "reduce.h"

#include <algorithm>

#include "vector_math.h"

namespace dn::cpu::DN_ISA {

namespace {

// Numbers that one float of a partial sum takes, and with 4 vectors of them at a time.
constexpr int64_t kDepth = 16;
constexpr int64_t kRun = 4 * kLanes * kDepth;

typedef double vd __attribute__((vector_size(kLanes * sizeof(double))));

inline void add_to(double* total, const vf& sum) {
  vd t;
  std::memcpy(&t, total, sizeof t);
  t += __builtin_convertvector(sum, vd);
  std::memcpy(total, &t, sizeof t);
}

// The larger, NaN before numbers; `best` of two that are equal.
inline vf larger(vf best, vf v) {
  return choose((best >= v) | (best != best), best, v);
}

// Maxima of lanes; what was NaN is kept apart, so that a step waits for one instruction.
struct Largest {
  vf value;
  vi nan{};

  // `value` of two that are equal.
  void meet(vf v) {
    value = maximum(v, value);
    nan |= v != v;
  }
  void meet(vf v, vf w) {
#if defined(__AVX512F__)
    // One comparison tells whether either is NaN.
    nan = (vi)_mm512_mask_set1_epi32((__m512i)nan,
                                     _mm512_cmp_ps_mask((__m512)v, (__m512)w, _CMP_UNORD_Q), -1);
    value = maximum(w, maximum(v, value));
#else
    meet(v);
    meet(w);
#endif
  }
  vf result() const {
    return choose(nan, broadcast(kNan), value);
  }

 private:
  // b unless a > b.
  static vf maximum(vf a, vf b) {
#if defined(__AVX512F__)
    // The unmasked form makes GCC 12 warn about an uninitialised value in its own header.
    return (vf)_mm512_maskz_max_ps((__mmask16)-1, (__m512)a, (__m512)b);
#elif defined(__AVX2__)
    return (vf)_mm256_max_ps((__m256)a, (__m256)b);
#else
    return choose(a > b, a, b);
#endif
  }
};

// As `v`, -infinity in the lanes behind the first `count`.
inline vf or_lowest(vf v, int count) {
  for (int i = count; i < kLanes; ++i) v[i] = -kInfinity;
  return v;
}

// Halves are added while there are some: GCC keeps them in registers.
template <int kCount>
inline float sum_of(const float* lane) {
  if constexpr (kCount == 1) {
    return *lane;
  } else {
    typedef float Half __attribute__((vector_size(kCount / 2 * sizeof(float))));
    Half halves[2];
    std::memcpy(halves, lane, sizeof halves);
    float sums[kCount / 2];
    const Half sum = halves[0] + halves[1];
    std::memcpy(sums, &sum, sizeof sums);
    return sum_of<kCount / 2>(sums);
  }
}
inline float horizontal_sum(const vf& v) {
  float lane[kLanes];
  store(lane, v);
  return sum_of<kLanes>(lane);
}

float sum_run(const float* x, int64_t n) {
  vf a{}, b{}, c{}, d{};
  int64_t i = 0;
  for (; i + 4 * kLanes <= n; i += 4 * kLanes) {
    a += load(x + i), b += load(x + i + kLanes);
    c += load(x + i + 2 * kLanes), d += load(x + i + 3 * kLanes);
  }
  for (; i + kLanes <= n; i += kLanes) a += load(x + i);
  if (i < n) b += load(x + i, first_lanes(int(n - i)));
  const vf total = (a + b) + (c + d);
  return horizontal_sum(total);
}

double sum(const float* x, int64_t n) {
  double total = 0;
  for (int64_t i = 0; i < n; i += kRun) total += (double)sum_run(x + i, std::min(kRun, n - i));
  return total;
}

float max(const float* x, int64_t n) {
  Largest a{broadcast(-kInfinity)}, b = a, c = a, d = a;
  int64_t i = 0;
  for (; i + 8 * kLanes <= n; i += 8 * kLanes) {
    a.meet(load(x + i), load(x + i + 4 * kLanes));
    b.meet(load(x + i + kLanes), load(x + i + 5 * kLanes));
    c.meet(load(x + i + 2 * kLanes), load(x + i + 6 * kLanes));
    d.meet(load(x + i + 3 * kLanes), load(x + i + 7 * kLanes));
  }
  for (; i + kLanes <= n; i += kLanes) a.meet(load(x + i));
  if (i < n) b.meet(or_lowest(load(x + i, first_lanes(int(n - i))), int(n - i)));
  float lane[kLanes];
  store(lane, larger(larger(a.result(), b.result()), larger(c.result(), d.result())));
  float best = lane[0];
  for (int l = 1; l < kLanes; ++l) best = best >= lane[l] || best != best ? best : lane[l];
  return best;
}

void sum_rows(const float* x, int64_t rows, int64_t n, double scale, float* y) {
  for (int64_t i = 0; i < rows; ++i, x += n) y[i] = (float)(sum(x, n) * scale);
}
void max_rows(const float* x, int64_t rows, int64_t n, float* y) {
  for (int64_t i = 0; i < rows; ++i, x += n) y[i] = max(x, n);
}

void sum_columns(const float* x, int64_t rows, int64_t stride, int64_t columns, double* total) {
  for (int64_t first = 0; first < rows; first += kDepth, x += kDepth * stride) {
    const int64_t depth = std::min(kDepth, rows - first);
    int64_t j = 0;
    for (; j + kLanes <= columns; j += kLanes) {
      vf sum{};
      for (int64_t r = 0; r < depth; ++r) sum += load(x + r * stride + j);
      add_to(total + j, sum);
    }
    if (j == columns) continue;
    const LaneMask rest = first_lanes(int(columns - j));
    vf sum{};
    for (int64_t r = 0; r < depth; ++r) sum += load(x + r * stride + j, rest);
    for (int l = 0; l < columns - j; ++l) total[j + l] += (double)sum[l];
  }
}

void max_columns(const float* x, int64_t rows, int64_t stride, int64_t columns, float* total) {
  constexpr int64_t kRows = 8;  // a walk through few rows at a time is what the prefetchers follow
  for (int64_t first = 0; first < rows; first += kRows, x += kRows * stride) {
    const int64_t depth = std::min(kRows, rows - first);
    const auto walk = [&](int64_t j, auto mask) {
      Largest a{load(total + j, mask)};
      a.nan = a.value != a.value;
      const float* from = x + j;
      if (depth == kRows) {
        Largest b{load(from, mask)};
        b.nan = b.value != b.value;
        a.meet(load(from + stride, mask), load(from + 2 * stride, mask));
        b.meet(load(from + 3 * stride, mask), load(from + 4 * stride, mask));
        a.meet(load(from + 5 * stride, mask), load(from + 6 * stride, mask));
        b.meet(load(from + 7 * stride, mask), b.value);
        a.nan |= b.nan;
        a.meet(b.value);
      } else {
        for (int64_t r = 0; r < depth; ++r) a.meet(load(from + r * stride, mask));
      }
      store(total + j, a.result(), mask);
    };
    int64_t j = 0;
    for (; j + kLanes <= columns; j += kLanes) walk(j, AllLanes{});
    if (j < columns) walk(j, first_lanes(int(columns - j)));
  }
}

// The best so far of each lane, and where it was.
struct Best {
  vf value;
  vi index;

  void meet(vf v, vi at) {
    const vi stays = (value >= v) | (value != value);
    value = choose(stays, value, v);
    index = stays ? index : at;
  }
};

int32_t argmax(const float* x, int64_t n) {
  vi at;
  for (int l = 0; l < kLanes; ++l) at[l] = l;
  int64_t i = 0;
  int32_t index = 0;
  float value = x[0];
  const auto meet = [&](float v, int32_t where) {
    const bool nan = v != v, best_nan = value != value;
    const bool first = where < index;
    if (best_nan ? nan && first : nan || v > value || (v == value && first))
      value = v, index = where;
  };
  if (n >= kLanes) {
    Best best{load(x), at};
    for (i = kLanes; i + kLanes <= n; i += kLanes) {
      at += kLanes;
      best.meet(load(x + i), at);
    }
    for (int l = 0; l < kLanes; ++l) meet(best.value[l], best.index[l]);
  }
  for (; i < n; ++i) meet(x[i], (int32_t)i);
  return index;
}

void argmax_columns(const float* x, int64_t rows, int64_t stride, int64_t columns, int32_t* index) {
  const auto walk = [&](int64_t j, auto mask, int count) {
    Best best{load(x + j, mask), vi{}};
    for (int64_t r = 1; r < rows; ++r) best.meet(load(x + r * stride + j, mask), vi{} + (int32_t)r);
    for (int l = 0; l < count; ++l) index[j + l] = best.index[l];
  };
  int64_t j = 0;
  for (; j + kLanes <= columns; j += kLanes) walk(j, AllLanes{}, kLanes);
  if (j < columns) walk(j, first_lanes(int(columns - j)), int(columns - j));
}

}  // namespace

extern const ReduceTable reduce_table = {sum,         max,         sum_rows, max_rows,
                                         sum_columns, max_columns, argmax,   argmax_columns};

}  // namespace dn::cpu::DN_ISA
