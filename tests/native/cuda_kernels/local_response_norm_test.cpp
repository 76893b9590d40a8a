// Normalisation across channels against loops in float64.
#include "cuda/kernels/local_response_norm.h"

#include <algorithm>
#include <limits>

#include "number_types.h"

namespace dn::cuda {

namespace {

// Planes and channels last; odd and even windows, larger than all channels, of one; nothing.
const LocalResponseNorm kCases[] = {
    {2, 7, 5, 5, 0.8f, 0.75f, 1.5f}, {9, 20, 1, 4, 0.7f, 0.6f, 1},   {3, 1, 4, 3, 1, 0.75f, 1},
    {2, 3, 6, 9, 0.5f, 1.0f, 2},     {5, 33, 1, 5, 1e-4f, 0.75f, 2}, {2, 4, 3, 1, 1, 0.5f, 1},
    {2, 40, 30, 2, 1, 0.75f, 1},     {0, 4, 3, 3, 1, 0.75f, 1},      {2, 4, 0, 3, 1, 0.75f, 1}};

struct Reference {
  std::vector<double> y, dx;

  Reference(const LocalResponseNorm& p, const std::vector<float>& x, const std::vector<float>& dy)
      : y(x.size()), dx(x.size(), 0.0) {
    for (size_t i = 0; i < x.size(); ++i) {
      const auto [first, last] = window(p, i);
      const size_t step = (size_t)p.inner;
      double sum = 0;
      for (size_t j = first; j <= last; j += step) sum += (double)x[j] * x[j];
      const double share = (double)p.alpha / (double)p.size, s = p.k + share * sum;
      y[i] = x[i] * std::pow(s, -(double)p.beta);
      dx[i] += dy[i] * std::pow(s, -(double)p.beta);
      const double slope = -(double)p.beta * dy[i] * x[i] * std::pow(s, -(double)p.beta - 1);
      for (size_t j = first; j <= last; j += step) dx[j] += slope * 2 * share * x[j];
    }
  }

  // The first and the last element of the window of element i.
  static std::pair<size_t, size_t> window(const LocalResponseNorm& p, size_t i) {
    const int64_t c = (int64_t)i / p.inner % p.channels;
    const int64_t first = std::max<int64_t>(0, c - p.size / 2);
    const int64_t last = std::min(p.channels - 1, c + (p.size - 1) / 2);
    return {i - (size_t)((c - first) * p.inner), i + (size_t)((last - c) * p.inner)};
  }
};

TEST(LocalResponseNorm, IsTheReferences) {
  for (const LocalResponseNorm& p : kCases) {
    SCOPED_TRACE(::testing::Message()
                 << p.size << " of (" << p.outer << ", " << p.channels << ", " << p.inner << ")");
    const auto x = random_floats((size_t)p.numel(), 1), dy = random_floats((size_t)p.numel(), 2);
    const Reference expected(p, x, dy);
    const TypedArray<float> x_device(x, 1), y(x.size(), 1), dy_device(dy), dx(x.size()),
        terms(x.size());
    local_response_norm_forward(nullptr, p, x_device.data(), y.data());
    local_response_norm_backward(nullptr, p, x_device.data(), dy_device.data(), dx.data(),
                                 terms.data());
    const double allowed = tolerance<float>(16 + (double)p.size);
    expect_near("y", y.read(), expected.y, allowed, 1);
    expect_near("dx", dx.read(), expected.dx, allowed, 2);
    // In the memory of dy, the same.
    local_response_norm_backward(nullptr, p, x_device.data(), dy_device.data(), dy_device.data(),
                                 terms.data());
    expect_same_bits("dx", dx.read(), dy_device.read());
  }
}

TEST(LocalResponseNorm, NanReachesItsWindowsOnly) {
  const LocalResponseNorm p{1, 9, 1, 3, 1, 0.75f, 1};
  std::vector<float> x = random_floats(9, 1);
  x[4] = std::numeric_limits<float>::quiet_NaN();
  const TypedArray<float> x_device(x), y(x.size());
  local_response_norm_forward(nullptr, p, x_device.data(), y.data());
  const std::vector<float> result = y.read();
  for (size_t i = 0; i < 9; ++i) EXPECT_EQ(std::isnan(result[i]), i >= 3 && i <= 5) << i;
}

}  // namespace

}  // namespace dn::cuda
