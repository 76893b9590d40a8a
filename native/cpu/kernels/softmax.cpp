#include "softmax.h"

#include <algorithm>
#include <cmath>

#include "horizontal.h"

namespace dn::cpu::DN_ISA {

namespace {

constexpr int kUnroll = 4;               // vectors under way together
constexpr int64_t kBlock = 64 * kLanes;  // numbers added up in float before they go to double

// The mask of all lanes, of the first `count`, as a condition.
inline vi is_lane(AllLanes, int64_t) {
  return vi{} == 0;
}
inline vi is_lane(const LaneMask&, int64_t count) {
  vi lane;
  for (int i = 0; i < kLanes; ++i) lane[i] = i;
  return lane < int32_t(count);
}

// Calls body(sum's index, offset, mask, lanes of the mask) for [begin, end).
template <typename Body>
inline void for_vectors(int64_t begin, int64_t end, const Body& body) {
  int64_t i = begin;
  for (; i + kUnroll * kLanes <= end; i += kUnroll * kLanes) {
#pragma GCC unroll 4
    for (int u = 0; u < kUnroll; ++u) body(u, i + u * kLanes, AllLanes{}, int64_t{kLanes});
  }
  // Up to three more, each with a sum of its own.
  if (i + kLanes <= end) body(0, i, AllLanes{}, int64_t{kLanes}), i += kLanes;
  if (i + kLanes <= end) body(1, i, AllLanes{}, int64_t{kLanes}), i += kLanes;
  if (i + kLanes <= end) body(2, i, AllLanes{}, int64_t{kLanes}), i += kLanes;
  if (i < end) body(3, i, first_lanes(int(end - i)), end - i);
}

// The sum over [0, n) of the vectors that term(offset, mask, lanes) gives, which are 0 beyond the mask.
template <typename Term>
inline double sum_of(int64_t n, const Term& term) {
  double total = 0;
  for (int64_t begin = 0; begin < n; begin += kBlock) {
    vf sum[kUnroll] = {};
    for_vectors(
        begin, std::min(n, begin + kBlock),
        [&](int u, int64_t i, auto mask, int64_t lanes) { sum[u] += term(i, mask, lanes); });
    total += horizontal_sum((sum[0] + sum[1]) + (sum[2] + sum[3]));
  }
  return total;
}

// NaN does not count: it makes the sum of the exponentials NaN, and so all results.
inline vf larger(vf x, vf y) {
  return choose(x > y, x, y);
}

float maximum_of(const float* x, int64_t n) {
  vf largest[kUnroll];
  for (vf& v : largest) v = broadcast(-kInfinity);
  for_vectors(0, n, [&](int u, int64_t i, auto mask, int64_t lanes) {
    const vf v = choose(is_lane(mask, lanes), load(x + i, mask), broadcast(-kInfinity));
    largest[u] = larger(v, largest[u]);
  });
  const vf all = larger(larger(largest[0], largest[1]), larger(largest[2], largest[3]));
  return combine_lanes(all, larger)[0];
}

// ---- rows ----

void row_exponentials(const float* x, float* e, int64_t classes, float* largest, float* sum) {
  const float top = *largest = maximum_of(x, classes);
  *sum = float(sum_of(classes, [&](int64_t i, auto mask, int64_t lanes) {
    const vf v = exponential(load(x + i, mask) - top);
    if (e) store(e + i, v, mask);
    return choose(is_lane(mask, lanes), v, vf{});
  }));
}

void row_scale(float* e, int64_t classes, float factor, float offset) {
  const vf f = broadcast(factor), o = broadcast(-offset);
  for_vectors(0, classes, [&](int, int64_t i, auto mask, int64_t) {
    store(e + i, fma(load(e + i, mask), f, o), mask);
  });
}

void rows(const float* x, float* y, int64_t rows, int64_t classes, bool log) {
  float largest[kLanes], sum[kLanes] = {};
  for (int64_t i = 0; !log && i < rows; ++i, x += classes, y += classes) {
    row_exponentials(x, y, classes, largest, sum);
    row_scale(y, classes, 1 / *sum, 0);
  }
  // The logarithms of several rows at once; long rows leave the cache until then.
  const int64_t most = std::clamp<int64_t>(4096 / std::max<int64_t>(classes, 1), 1, kLanes);
  for (int64_t first = 0; log && first < rows; first += most) {
    const int64_t count = std::min(most, rows - first);
    for (int64_t i = 0; i < count; ++i)
      row_exponentials(x + i * classes, nullptr, classes, largest + i, sum + i);
    store(sum, logarithm(load(sum)));
    for (int64_t i = 0; i < count; ++i, x += classes, y += classes) {
      const vf top = broadcast(largest[i]), log_sum = broadcast(sum[i]);
      for_vectors(0, classes, [&](int, int64_t j, auto mask, int64_t) {
        store(y + j, (load(x + j, mask) - top) - log_sum, mask);
      });
    }
  }
}

void row_backward(const float* y, const float* dy, float* dx, int64_t classes, bool log) {
  const float sum = float(sum_of(classes, [&](int64_t i, auto mask, int64_t) {
    const vf g = load(dy + i, mask);
    return log ? g : g * load(y + i, mask);
  }));
  for_vectors(0, classes, [&](int, int64_t i, auto mask, int64_t) {
    const vf g = load(dy + i, mask), v = load(y + i, mask);
    store(dx + i, log ? fma(exponential(v), broadcast(-sum), g) : v * (g - sum), mask);
  });
}

// ---- columns: everything of one class, then of the next; sums stay in the first-level cache ----

void columns_exponentials(const float* x, float* e, int64_t classes, int64_t stride, int64_t width,
                          float* largest, float* sum) {
  std::fill_n(largest, width, -kInfinity);
  std::fill_n(sum, width, 0.0f);
  for (int64_t c = 0; c < classes; ++c)
    for_vectors(0, width, [&](int, int64_t i, auto mask, int64_t) {
      store(largest + i, larger(load(x + c * stride + i, mask), load(largest + i, mask)), mask);
    });
  for (int64_t c = 0; c < classes; ++c)
    for_vectors(0, width, [&](int, int64_t i, auto mask, int64_t) {
      const vf v = exponential(load(x + c * stride + i, mask) - load(largest + i, mask));
      if (e) store(e + c * stride + i, v, mask);
      store(sum + i, load(sum + i, mask) + v, mask);
    });
}

void columns_scale(float* e, int64_t classes, int64_t stride, int64_t width, const float* factor,
                   const float* offset) {
  for (int64_t c = 0; c < classes; ++c)
    for_vectors(0, width, [&](int, int64_t i, auto mask, int64_t) {
      float* at = e + c * stride + i;
      store(at, fma(load(at, mask), load(factor + i, mask), -load(offset + i, mask)), mask);
    });
}

void columns(const float* x, float* y, int64_t classes, int64_t stride, int64_t width, bool log) {
  float largest[kSoftmaxColumns], sum[kSoftmaxColumns];
  columns_exponentials(x, log ? nullptr : y, classes, stride, width, largest, sum);
  for_vectors(0, width, [&](int, int64_t i, auto mask, int64_t) {
    const vf s = load(sum + i, mask);
    store(sum + i, log ? logarithm(s) : 1.0f / s, mask);
  });
  for (int64_t c = 0; c < classes; ++c)
    for_vectors(0, width, [&](int, int64_t i, auto mask, int64_t) {
      const int64_t at = c * stride + i;
      const vf s = load(sum + i, mask);
      store(y + at,
            log ? (load(x + at, mask) - load(largest + i, mask)) - s : load(y + at, mask) * s,
            mask);
    });
}

void columns_backward(const float* y, const float* dy, float* dx, int64_t classes, int64_t stride,
                      int64_t width, bool log) {
  float sum[kSoftmaxColumns];
  std::fill_n(sum, width, 0.0f);
  for (int64_t c = 0; c < classes; ++c)
    for_vectors(0, width, [&](int, int64_t i, auto mask, int64_t) {
      const vf g = load(dy + c * stride + i, mask);
      store(sum + i, load(sum + i, mask) + (log ? g : g * load(y + c * stride + i, mask)), mask);
    });
  for (int64_t c = 0; c < classes; ++c)
    for_vectors(0, width, [&](int, int64_t i, auto mask, int64_t) {
      const int64_t at = c * stride + i;
      const vf g = load(dy + at, mask), v = load(y + at, mask), s = load(sum + i, mask);
      store(dx + at, log ? g - exponential(v) * s : v * (g - s), mask);
    });
}

}  // namespace

extern const SoftmaxTable softmax_table = {
    rows,      row_backward, columns, columns_backward, row_exponentials, columns_exponentials,
    row_scale, columns_scale};

}  // namespace dn::cpu::DN_ISA
