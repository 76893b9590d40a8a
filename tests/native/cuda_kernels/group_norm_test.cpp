// Group normalisation against loops in float64.
#include "cuda/kernels/group_norm.h"

#include <limits>

#include "number_types.h"

namespace dn::cuda {

namespace {

struct Size {
  bool channels_last;
  int64_t outer;
  int channels;
  int64_t inner;
  int groups;
};

// Weights by element, planes and channels last; teams of 32 to 256 threads; groups of two and of three
// splits; no sample.
const Size kSizes[] = {{false, 5, 7, 1, 1},     {false, 2, 300, 1, 1},  {false, 3, 12, 1, 4},
                       {false, 9, 4, 5, 2},     {true, 9, 4, 5, 2},     {false, 2, 6, 150, 3},
                       {true, 2, 6, 150, 3},    {false, 3, 5, 7, 5},    {true, 3, 70, 7, 70},
                       {false, 1, 2, 16400, 1}, {true, 1, 2, 17000, 2}, {false, 1, 17001, 1, 1},
                       {false, 0, 4, 3, 2},     {true, 0, 4, 3, 2}};

template <typename T>
struct Problem {
  GroupNormView view;
  size_t numel, chunks, channels;
  std::vector<float> x, dy, weight, bias;
  float epsilon = 1e-3f;

  explicit Problem(const Size& s, float centre = 1)
      : view{NumberType<T>::kDtype, s.channels_last, s.outer, s.inner, s.channels, s.groups},
        numel((size_t)(s.outer * s.channels * s.inner)),
        chunks((size_t)view.chunks()),
        channels((size_t)s.channels),
        x(rounded<T>(random_floats(numel, 1, centre - 2, centre + 2))),
        dy(rounded<T>(random_floats(numel, 2))),
        weight(random_floats(channels, 3, 0.5f, 2)),
        bias(random_floats(channels, 4, -1, 1)) {}

  size_t channel(size_t i) const {
    return view.channels_last ? i % channels : i / (size_t)view.inner % channels;
  }
  size_t chunk(size_t i) const {
    const size_t sample = i / (channels * (size_t)view.inner);
    return sample * (size_t)view.groups + channel(i) / (size_t)view.width();
  }
};

template <typename T>
struct Statistics {
  std::vector<double> mean, inv_std;
  explicit Statistics(const Problem<T>& p) : mean(p.chunks, 0.0), inv_std(p.chunks, 0.0) {
    const double size = (double)p.view.size();
    for (size_t i = 0; i < p.numel; ++i) mean[p.chunk(i)] += p.x[i] / size;
    for (size_t i = 0; i < p.numel; ++i) {
      const double distance = p.x[i] - mean[p.chunk(i)];
      inv_std[p.chunk(i)] += distance * distance;
    }
    for (double& v : inv_std) v = 1 / std::sqrt(v / size + p.epsilon);
  }
};

std::vector<float> narrowed(const std::vector<double>& values) {
  return {values.begin(), values.end()};
}

template <typename T>
void check_forward(const Problem<T>& p, bool affine) {
  const Statistics<T> s(p);
  const TypedArray<T> x(narrow<T>(p.x), 1), y(p.numel, 1), again(p.numel, 1);
  const TypedArray<float> weight(p.weight), bias(p.bias), mean(p.chunks), inv_std(p.chunks);
  const TypedArray<uint8_t> scratch((size_t)group_norm_scratch_bytes(p.view));
  GroupNormForward call{p.view,
                        x.data(),
                        affine ? weight.data() : nullptr,
                        affine ? bias.data() : nullptr,
                        y.data(),
                        mean.data(),
                        inv_std.data(),
                        scratch.data(),
                        p.epsilon};
  group_norm_forward(nullptr, call);
  call.y = again.data();
  call.mean = call.inv_std = nullptr;
  group_norm_forward(nullptr, call);
  std::vector<double> expected(p.numel);
  for (size_t i = 0; i < p.numel; ++i) {
    expected[i] = (p.x[i] - s.mean[p.chunk(i)]) * s.inv_std[p.chunk(i)];
    if (affine) expected[i] = expected[i] * p.weight[p.channel(i)] + p.bias[p.channel(i)];
  }
  const double terms = (double)p.view.size();
  expect_near("y", widen(y.read()), expected, tolerance<T>(terms));
  expect_near("mean", mean.read(), s.mean, tolerance<float>(terms), 1);
  expect_near("inv_std", inv_std.read(), s.inv_std, tolerance<float>(terms));
  expect_same_bits("y", y.read(), again.read());
}

template <typename T>
void check_backward(const Problem<T>& p, bool affine) {
  const Statistics<T> s(p);
  const TypedArray<T> x(narrow<T>(p.x)), dy(narrow<T>(p.dy)), dx(p.numel);
  const TypedArray<float> weight(p.weight), mean(narrowed(s.mean)), inv_std(narrowed(s.inv_std));
  const TypedArray<float> dweight(p.channels), dbias(p.channels);
  const TypedArray<uint8_t> scratch((size_t)group_norm_scratch_bytes(p.view));
  GroupNormBackward call{p.view,
                         x.data(),
                         affine ? weight.data() : nullptr,
                         mean.data(),
                         inv_std.data(),
                         dy.data(),
                         dx.data(),
                         affine ? dweight.data() : nullptr,
                         affine ? dbias.data() : nullptr,
                         scratch.data()};
  group_norm_backward(nullptr, call);
  std::vector<double> sum(p.chunks, 0.0), product(p.chunks, 0.0), expected(p.numel);
  std::vector<double> weight_sum(p.channels, 0.0), bias_sum(p.channels, 0.0);
  const double size = (double)p.view.size();
  const auto normal = [&](size_t i) {
    return (p.x[i] - s.mean[p.chunk(i)]) * s.inv_std[p.chunk(i)];
  };
  const auto h = [&](size_t i) {
    return affine ? (double)p.dy[i] * p.weight[p.channel(i)] : p.dy[i];
  };
  for (size_t i = 0; i < p.numel; ++i) {
    sum[p.chunk(i)] += h(i) / size;
    product[p.chunk(i)] += h(i) * normal(i) / size;
    weight_sum[p.channel(i)] += p.dy[i] * normal(i);
    bias_sum[p.channel(i)] += p.dy[i];
  }
  for (size_t i = 0; i < p.numel; ++i)
    expected[i] =
        s.inv_std[p.chunk(i)] * (h(i) - sum[p.chunk(i)] - normal(i) * product[p.chunk(i)]);
  expect_near("dx", widen(dx.read()), expected, tolerance<T>(size), 4);
  if (!affine) return;
  const double terms = (double)(p.view.outer * p.view.inner + 1);
  expect_near("dweight", dweight.read(), weight_sum, tolerance<float>(terms), 8 * std::sqrt(terms));
  expect_near("dbias", dbias.read(), bias_sum, tolerance<float>(terms), 8 * std::sqrt(terms));
  // In the memory of dy, twice the same.
  const TypedArray<T> in_place(narrow<T>(p.dy));
  call.dy = call.dx = in_place.data();
  group_norm_backward(nullptr, call);
  expect_same_bits("dx", dx.read(), in_place.read());
}

template <typename T>
struct GroupNormTest : ::testing::Test {};
TYPED_TEST_SUITE(GroupNormTest, NumberTypes);

TYPED_TEST(GroupNormTest, IsTheReferences) {
  for (const Size& size : kSizes) {
    SCOPED_TRACE(::testing::Message()
                 << "(" << size.outer << ", " << size.channels << ", " << size.inner << ") in "
                 << size.groups << (size.channels_last ? ", channels last" : ""));
    const Problem<TypeParam> p(size);
    for (bool affine : {false, true}) {
      check_forward(p, affine);
      check_backward(p, affine);
    }
  }
}

TEST(GroupNorm, FarFromZeroKeepsTheVariance) {
  const Problem<float> p({false, 2, 4, 300, 2}, 10000);
  const Statistics<float> s(p);
  const TypedArray<float> x(p.x), y(p.numel), inv_std(p.chunks);
  group_norm_forward(nullptr, {p.view, x.data(), nullptr, nullptr, y.data(), nullptr,
                               inv_std.data(), nullptr, p.epsilon});
  // The mean of a few is known to half a unit of 10000, 5e-4; a difference of sums would be off by more
  // than the variance.
  expect_near("inv_std", inv_std.read(), s.inv_std, 1e-4);
}

TEST(GroupNorm, NanStaysInItsGroup) {
  Problem<float> p({false, 2, 4, 5, 2});
  p.x[3] = std::numeric_limits<float>::quiet_NaN();
  const TypedArray<float> x(p.x), y(p.numel);
  group_norm_forward(nullptr, {p.view, x.data(), nullptr, nullptr, y.data(), nullptr, nullptr,
                               nullptr, p.epsilon});
  const std::vector<float> result = y.read();
  for (size_t i = 0; i < p.numel; ++i) EXPECT_EQ(std::isnan(result[i]), p.chunk(i) == 0) << i;
}

}  // namespace

}  // namespace dn::cuda
