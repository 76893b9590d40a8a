// The k best of a line, against a stable sort.
#include "cuda/kernels/top_k.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "typed_array.h"

namespace dn::cuda {
namespace {

struct Case {
  int64_t outer, extent, inner;
  int k;
  float step;  // numbers are multiples of it: ties where it is not 0
};

// NaN is larger than all; -0 equals 0.
bool is_larger(float a, float b) {
  return std::isnan(a) ? !std::isnan(b) : a > b;
}

void check(const TopKParams& shape, const std::vector<float>& numbers) {
  for (const bool largest : {true, false}) {
    const auto count = (size_t)(shape.outer * shape.k * shape.inner);
    TypedArray<float> x(numbers), values(count);
    TypedArray<int32_t> indices(count);
    TopKParams p = shape;
    p.x = x.data();
    p.values = values.data();
    p.indices = indices.data();
    p.largest = largest;
    TypedArray<uint64_t> scratch((size_t)top_k_scratch_bytes(p) / 8);
    p.scratch = scratch.data();
    top_k(nullptr, p);
    const auto found = values.read();
    const auto places = indices.read();
    (void)scratch.read();
    for (int64_t line = 0; line < p.outer * p.inner; ++line) {
      const auto at = [&](int64_t i, int64_t extent) {
        return (size_t)((line / p.inner * extent + i) * p.inner + line % p.inner);
      };
      std::vector<int32_t> order((size_t)p.extent);
      std::iota(order.begin(), order.end(), 0);
      std::ranges::stable_sort(order, [&](int32_t a, int32_t b) {
        const float u = numbers[at(a, p.extent)], v = numbers[at(b, p.extent)];
        return largest ? is_larger(u, v) : is_larger(v, u);
      });
      for (int64_t n = 0; n < p.k; ++n) {
        ASSERT_EQ(places[at(n, p.k)], order[(size_t)n]) << "line " << line << ", rank " << n;
        const float value = numbers[at(order[(size_t)n], p.extent)];
        ASSERT_EQ(std::memcmp(&found[at(n, p.k)], &value, sizeof value), 0);
      }
    }
  }
}

class TopK : public ::testing::TestWithParam<Case> {};

TEST_P(TopK, IsTheHeadOfAStableSort) {
  const Case& c = GetParam();
  auto numbers = random_floats((size_t)(c.outer * c.extent * c.inner), 6);
  if (c.step > 0)
    for (float& number : numbers) number = std::round(number / c.step) * c.step;
  TopKParams p;
  p.outer = c.outer;
  p.extent = c.extent;
  p.inner = c.inner;
  p.k = c.k;
  p.multiprocessors = 2;
  check(p, numbers);
}

INSTANTIATE_TEST_SUITE_P(Cases, TopK,
                         ::testing::Values(Case{1, 1, 1, 1, 0}, Case{3, 10, 1, 4, 0.5f},
                                           Case{2, 100, 3, 100, 0.1f}, Case{2, 129, 1, 5, 0},
                                           Case{2, 1500, 1, 700, 0.01f}, Case{1, 3000, 2, 2, 1},
                                           Case{3, 6000, 1, 5000, 0.001f},  // sorted in scratch
                                           Case{1, 100000, 1, 7, 0.01f}, Case{0, 4, 1, 2, 0}));

TEST(TopKOrder, OfSpecialNumbers) {
  TopKParams p;
  p.extent = 12;
  p.k = 12;
  check(p, {0.0f, -0.0f, NAN, 1, -INFINITY, INFINITY, -NAN, 0.0f, -1, 1e-40f, -1e-40f, 1});
  p.extent = 200;
  p.k = 130;
  check(p, std::vector<float>(200, NAN));
}

}  // namespace
}  // namespace dn::cuda
