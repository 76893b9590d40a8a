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
  vf a = broadcast(-kInfinity), b = a, c = a, d = a;
  int64_t i = 0;
  for (; i + 4 * kLanes <= n; i += 4 * kLanes) {
    a = larger(a, load(x + i)), b = larger(b, load(x + i + kLanes));
    c = larger(c, load(x + i + 2 * kLanes)), d = larger(d, load(x + i + 3 * kLanes));
  }
  for (; i + kLanes <= n; i += kLanes) a = larger(a, load(x + i));
  if (i < n) b = larger(b, or_lowest(load(x + i, first_lanes(int(n - i))), int(n - i)));
  float lane[kLanes];
  store(lane, larger(larger(a, b), larger(c, d)));
  float best = lane[0];
  for (int l = 1; l < kLanes; ++l) best = best >= lane[l] || best != best ? best : lane[l];
  return best;
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
  for (int64_t first = 0; first < rows; first += kDepth, x += kDepth * stride) {
    const int64_t depth = std::min(kDepth, rows - first);
    int64_t j = 0;
    for (; j + kLanes <= columns; j += kLanes) {
      vf best = load(total + j);
      for (int64_t r = 0; r < depth; ++r) best = larger(best, load(x + r * stride + j));
      store(total + j, best);
    }
    if (j == columns) continue;
    const LaneMask rest = first_lanes(int(columns - j));
    vf best = load(total + j, rest);
    for (int64_t r = 0; r < depth; ++r) best = larger(best, load(x + r * stride + j, rest));
    store(total + j, best, rest);
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

extern const ReduceTable reduce_table = {sum,         max,    sum_columns,
                                         max_columns, argmax, argmax_columns};

}  // namespace dn::cpu::DN_ISA
