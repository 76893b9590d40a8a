// Softmax and softmax cross-entropy against loops in float64.
#include "cuda/kernels/softmax.h"

#include <algorithm>
#include <limits>

#include "cuda/kernels/softmax_cross_entropy.h"
#include "number_types.h"

namespace dn::cuda {

namespace {

struct Extents {
  int64_t outer, classes, inner;
  int64_t samples() const { return outer * inner; }
  int64_t numel() const { return samples() * classes; }
  int64_t at(int64_t sample, int64_t c) const {
    return (sample / inner * classes + c) * inner + sample % inner;
  }
};

// A warp a row of few and of many classes, a block a row, columns; one class; no sample.
const Extents kExtents[] = {{3, 10, 1},   {5, 1, 1},    {9, 128, 1}, {4, 129, 1},
                            {2, 1024, 1}, {2, 1500, 1}, {2, 5, 6},   {3, 7, 33},
                            {1, 70, 2},   {0, 7, 1},    {3, 7, 0}};

// Probabilities of one sample, in float64.
std::vector<double> probabilities(const Extents& e, const std::vector<float>& x, int64_t sample,
                                  double& log_sum) {
  double largest = -std::numeric_limits<double>::infinity(), sum = 0;
  for (int64_t c = 0; c < e.classes; ++c) {
    const double v = x[(size_t)e.at(sample, c)];
    largest = std::isnan(v) || std::isnan(largest) ? NAN : std::max(largest, v);
  }
  std::vector<double> p;
  for (int64_t c = 0; c < e.classes; ++c) {
    p.push_back(std::exp(x[(size_t)e.at(sample, c)] - largest));
    sum += p.back();
  }
  for (double& v : p) v /= sum;
  log_sum = largest + std::log(sum);
  return p;
}

template <typename T>
void check_softmax(const Extents& e, bool log, const std::vector<float>& values) {
  SCOPED_TRACE(::testing::Message() << "(" << e.outer << ", " << e.classes << ", " << e.inner << ")"
                                    << (log ? " log" : ""));
  const std::vector<float> x = rounded<T>(values);
  const SoftmaxView view{NumberType<T>::kDtype, log, e.outer, e.classes, e.inner};
  const TypedArray<T> x_device(narrow<T>(x)), y(x.size()), again(x.size());
  softmax_forward(nullptr, {view, x_device.data(), y.data()});
  softmax_forward(nullptr, {view, x_device.data(), again.data()});
  std::vector<double> expected(x.size());
  for (int64_t s = 0; s < e.samples(); ++s) {
    double log_sum;
    const std::vector<double> p = probabilities(e, x, s, log_sum);
    for (int64_t c = 0; c < e.classes; ++c)
      expected[(size_t)e.at(s, c)] = log ? x[(size_t)e.at(s, c)] - log_sum : p[(size_t)c];
  }
  expect_near("y", widen(y.read()), expected, tolerance<T>(16 + (double)e.classes), 1);
  expect_same_bits("y", y.read(), again.read());

  const std::vector<float> y_values = widen(y.read());
  const std::vector<float> dy = rounded<T>(random_floats(x.size(), 5));
  const TypedArray<T> dy_device(narrow<T>(dy)), dx(x.size());
  softmax_backward(nullptr, {view, y.data(), dy_device.data(), dx.data()});
  for (int64_t s = 0; s < e.samples(); ++s) {
    double sum = 0;
    for (int64_t c = 0; c < e.classes; ++c) {
      const size_t i = (size_t)e.at(s, c);
      sum += log ? dy[i] : (double)dy[i] * y_values[i];
    }
    for (int64_t c = 0; c < e.classes; ++c) {
      const size_t i = (size_t)e.at(s, c);
      expected[i] = log ? dy[i] - std::exp((double)y_values[i]) * sum : y_values[i] * (dy[i] - sum);
    }
  }
  expect_near("dx", widen(dx.read()), expected, tolerance<T>(16 + (double)e.classes), 1);
}

template <typename T>
class SoftmaxKernels : public ::testing::Test {};
TYPED_TEST_SUITE(SoftmaxKernels, NumberTypes);

TYPED_TEST(SoftmaxKernels, MatchTheFormulas) {
  for (const Extents& e : kExtents)
    for (const bool log : {false, true})
      check_softmax<TypeParam>(e, log, random_floats((size_t)e.numel(), 3, -4, 4));
}

TYPED_TEST(SoftmaxKernels, LargeNumbersStayFinite) {
  for (const Extents& e : {Extents{4, 9, 1}, Extents{2, 1100, 1}, Extents{2, 5, 3}})
    check_softmax<TypeParam>(e, false, random_floats((size_t)e.numel(), 3, -3e4f, 3e4f));
}

TYPED_TEST(SoftmaxKernels, NaNMakesItsSampleNaN) {
  for (const Extents& e : {Extents{3, 9, 1}, Extents{2, 1100, 1}, Extents{2, 5, 3}}) {
    std::vector<float> x = random_floats((size_t)e.numel(), 3);
    x[(size_t)e.at(1, 2)] = NAN;
    x[(size_t)e.at(0, 1)] = -std::numeric_limits<float>::infinity();
    const SoftmaxView view{NumberType<TypeParam>::kDtype, 0, e.outer, e.classes, e.inner};
    const TypedArray<TypeParam> x_device(narrow<TypeParam>(x)), y(x.size());
    softmax_forward(nullptr, {view, x_device.data(), y.data()});
    const std::vector<float> found = widen(y.read());
    for (int64_t s = 0; s < e.samples(); ++s)
      for (int64_t c = 0; c < e.classes; ++c)
        ASSERT_EQ(std::isnan(found[(size_t)e.at(s, c)]), s == 1) << "sample " << s;
    EXPECT_EQ(found[(size_t)e.at(0, 1)], 0.0f);
  }
}

// ---- cross-entropy ----

template <typename T>
struct Entropy {
  const Extents e;
  const std::vector<float> x;
  std::vector<int32_t> labels;
  std::vector<float> weight;
  float scale = 0.25f, smoothing = 0;
  int32_t ignored = -1;  // no label is
  bool weighted, gradient;

  Entropy(const Extents& extents, bool weighted_, bool gradient_)
      : e(extents),
        x(rounded<T>(random_floats((size_t)e.numel(), 11, -4, 4))),
        weight(random_floats((size_t)e.samples(), 12, 0, 2)),
        weighted(weighted_),
        gradient(gradient_) {
    for (int64_t s = 0; s < e.samples(); ++s) labels.push_back((int32_t)(s * 7 % e.classes));
  }

  struct Result {
    float loss;
    std::vector<T> gradient;
    unsigned long long fault;
  };

  Result run() const {
    const TypedArray<T> x_device(narrow<T>(x)), gradient_device(x.size());
    const TypedArray<int32_t> labels_device(labels);
    const TypedArray<float> weight_device(weight), loss(1);
    const TypedArray<unsigned long long> fault(std::vector<unsigned long long>{~0ull});
    const TypedArray<uint8_t> scratch(
        (size_t)softmax_cross_entropy_scratch_bytes(e.outer, e.classes, e.inner));
    SoftmaxCrossEntropy p{};
    p.dtype = NumberType<T>::kDtype;
    p.scale = scale;
    p.label_smoothing = smoothing;
    p.ignore = ignored != -1;
    p.ignore_index = ignored;
    p.outer = e.outer, p.classes = e.classes, p.inner = e.inner;
    p.logits = x_device.data();
    p.labels = labels_device.data();
    p.weight = weighted ? weight_device.data() : nullptr;
    p.loss = loss.data();
    p.grad_logits = gradient ? gradient_device.data() : nullptr;
    p.scratch = scratch.data();
    p.fault = fault.data();
    softmax_cross_entropy(nullptr, p);
    scratch.read();
    return {loss.read()[0], gradient_device.read(), fault.read()[0]};
  }

  void check() const {
    SCOPED_TRACE(::testing::Message() << "(" << e.outer << ", " << e.classes << ", " << e.inner
                                      << ")" << (weighted ? " weighted" : ""));
    const Result found = run(), again = run();
    double loss = 0, magnitude = 0;
    std::vector<double> expected(x.size(), NAN);
    for (int64_t s = 0; s < e.samples(); ++s) {
      double log_sum;
      const std::vector<double> p = probabilities(e, x, s, log_sum);
      const int32_t label = labels[(size_t)s];
      const double factor = scale * (weighted ? weight[(size_t)s] : 1.0);
      magnitude += factor;
      for (int64_t c = 0; c < e.classes; ++c) {
        const size_t at = (size_t)e.at(s, c);
        const double target = (c == label ? 1.0 - smoothing : 0.0) + smoothing / (double)e.classes;
        if (label != ignored) loss += factor * target * (log_sum - x[at]);
        if (gradient) expected[at] = label == ignored ? 0 : factor * (p[(size_t)c] - target);
      }
    }
    EXPECT_EQ(found.fault, ~0ull);
    expect_near("loss", {found.loss}, {loss}, tolerance<float>(16 + (double)e.classes), magnitude);
    expect_near("gradient", widen(found.gradient), expected, tolerance<T>(16 + (double)e.classes),
                scale);
    EXPECT_EQ(found.loss, again.loss);
    expect_same_bits("gradient", found.gradient, again.gradient);
  }
};

TYPED_TEST(SoftmaxKernels, CrossEntropyMatchesTheFormula) {
  for (const Extents& e : kExtents)
    for (const bool weighted : {false, true}) Entropy<TypeParam>(e, weighted, true).check();
  Entropy<TypeParam>({7, 10, 1}, false, false).check();
}

TYPED_TEST(SoftmaxKernels, CrossEntropyOfSmoothedAndIgnoredLabels) {
  for (const Extents& e : {Extents{9, 5, 1}, Extents{3, 1, 1}, Extents{9, 130, 1},
                           Extents{2, 1100, 1}, Extents{3, 5, 7}}) {
    for (const float smoothing : {0.0f, 0.25f, 1.0f}) {
      Entropy<TypeParam> entropy(e, true, true);
      entropy.smoothing = smoothing;
      if (smoothing != 0.25f) {  // outside the classes, which is no fault
        entropy.ignored = 5000;
        entropy.labels[1] = 5000;
      } else {
        entropy.ignored = entropy.labels[0];
      }
      entropy.check();
    }
  }
}

TYPED_TEST(SoftmaxKernels, TheFirstLabelOutsideTheClassesIsReported) {
  for (const Extents& e : {Extents{30, 9, 1}, Extents{30, 1100, 1}, Extents{5, 9, 7}}) {
    Entropy<TypeParam> entropy(e, false, true);
    entropy.labels[28] = 5000;
    entropy.labels[17] = -3;
    const auto found = entropy.run();
    EXPECT_EQ(found.fault, 17ull << 32 | 0xfffffffdull);
    EXPECT_TRUE(std::isnan(found.loss));
    const std::vector<float> gradient = widen(found.gradient);
    for (int64_t s = 0; s < e.samples(); ++s) {
      const bool bad = s == 17 || s == 28;
      for (int64_t c = 0; c < e.classes; ++c) {
        const float g = gradient[(size_t)e.at(s, c)];
        ASSERT_TRUE(bad ? g == 0 : g == g) << "sample " << s << " class " << c << ": " << g;
      }
    }
  }
}

}  // namespace

}  // namespace dn::cuda
