// Running sums, against a loop in double.
#include "cuda/kernels/cumulative_sum.h"

#include <cmath>

#include "typed_array.h"

namespace dn::cuda {
namespace {

struct Case {
  int64_t outer, extent, inner;
  int multiprocessors;
};

class CumulativeSum : public ::testing::TestWithParam<Case> {};

TEST_P(CumulativeSum, IsThatOfALoop) {
  const Case& c = GetParam();
  const auto numbers = random_floats((size_t)(c.outer * c.extent * c.inner), 4, -1, 2);
  for (const bool exclusive : {false, true}) {
    for (const bool reverse : {false, true}) {
      TypedArray<float> x(numbers), y(numbers.size());
      CumulativeSumParams p;
      p.x = x.data();
      p.y = y.data();
      p.outer = c.outer;
      p.extent = c.extent;
      p.inner = c.inner;
      p.exclusive = exclusive;
      p.reverse = reverse;
      p.multiprocessors = c.multiprocessors;
      TypedArray<double> scratch((size_t)cumulative_sum_scratch_bytes(p) / 8);
      p.scratch = scratch.data();
      cumulative_sum(nullptr, p);
      const auto found = y.read();
      (void)scratch.read();
      for (int64_t line = 0; line < c.outer * c.inner; ++line) {
        double sum = 0;
        for (int64_t i = 0; i < c.extent; ++i) {
          const int64_t at = reverse ? c.extent - 1 - i : i;
          const auto place = (size_t)((line / c.inner * c.extent + at) * c.inner + line % c.inner);
          const double before = sum;
          sum += (double)numbers[place];
          const double expected = exclusive ? before : sum;
          ASSERT_LE(std::abs(found[place] - expected), 0x1p-23 * (std::abs(expected) + 1e-3))
              << "line " << line << ", place " << at << (exclusive ? " exclusive" : "")
              << (reverse ? " reverse" : "");
        }
      }
      cumulative_sum(nullptr, p);
      EXPECT_EQ(y.read(), found);
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Cases, CumulativeSum,
                         ::testing::Values(Case{1, 1, 1, 4}, Case{3, 5, 1, 4}, Case{2, 1023, 1, 4},
                                           Case{1, 2049, 1, 1}, Case{1, 13000, 1, 64},  // parts
                                           Case{2, 9, 3, 4}, Case{2, 8200, 2, 16},
                                           Case{2, 7, 32, 4}, Case{3, 20, 100, 4}, Case{0, 4, 1, 4},
                                           Case{2, 0, 5, 4}));

}  // namespace
}  // namespace dn::cuda
