// The CTC loss and its gradient, against the recursion over probabilities in float64.
#include "cuda/kernels/ctc_loss.h"

#include <cmath>

#include "typed_array.h"

namespace dn::cuda {
namespace {

constexpr unsigned long long kNoFault = ~0ull;
constexpr float kInfinity = std::numeric_limits<float>::infinity();

struct Case {
  int64_t steps, classes, most_labels;
  std::vector<int32_t> input_lengths;
  std::vector<std::vector<int32_t>> targets;
  int32_t blank = 0;
  bool zero_infinity = false;

  int64_t batch() const { return (int64_t)targets.size(); }
};

struct Result {
  std::vector<float> loss, gradient;
  std::vector<unsigned long long> faults;
};

std::vector<float> log_probs(const Case& c) {
  return random_floats((size_t)(c.steps * c.batch() * c.classes), 5, -3.0f, -0.1f);
}

Result run(const Case& c, bool gradient) {
  std::vector<int32_t> padded, target_lengths;
  for (const auto& target : c.targets) {
    target_lengths.push_back((int32_t)target.size());
    padded.insert(padded.end(), target.begin(), target.end());
    padded.resize(target_lengths.size() * (size_t)c.most_labels, -9);  // not read
  }
  const TypedArray<float> x(log_probs(c)), loss((size_t)c.batch()), dx(x.size());
  const TypedArray<int32_t> targets(padded), inputs(c.input_lengths), lengths(target_lengths);
  const TypedArray<unsigned long long> faults(
      std::vector<unsigned long long>{kNoFault, kNoFault, kNoFault});
  const TypedArray<uint8_t> scratch(
      (size_t)ctc_loss_scratch_bytes(c.steps, c.batch(), c.most_labels, gradient));
  CtcLossParams p;
  p.steps = c.steps, p.batch = c.batch(), p.classes = c.classes, p.most_labels = c.most_labels;
  p.blank = c.blank;
  p.zero_infinity = c.zero_infinity;
  p.log_probs = x.data();
  p.targets = targets.data();
  p.input_lengths = inputs.data();
  p.target_lengths = lengths.data();
  p.loss = loss.data();
  p.grad_log_probs = gradient ? dx.data() : nullptr;
  p.scratch = reinterpret_cast<float*>(scratch.data());
  p.bad_input_length = faults.data();
  p.bad_target_length = faults.data() + 1;
  p.bad_label = faults.data() + 2;
  ctc_loss(nullptr, p);
  scratch.read();
  return {loss.read(), dx.read(), faults.read()};
}

// The loss of sample n; subtracts the gradient from dx.
double reference(const Case& c, const std::vector<float>& x, int64_t n, std::vector<double>& dx) {
  std::vector<int32_t> states = {c.blank};
  for (int32_t label : c.targets[(size_t)n]) {
    states.push_back(label);
    states.push_back(c.blank);
  }
  const int64_t steps = c.input_lengths[(size_t)n], count = (int64_t)states.size();
  const auto at = [&](int64_t t, int64_t s) {
    return (size_t)((t * c.batch() + n) * c.classes + states[(size_t)s]);
  };
  const auto skips = [&](int64_t s) {
    return s >= 2 && s < count && states[(size_t)s] != c.blank &&
           states[(size_t)s] != states[(size_t)s - 2];
  };
  const auto row = [&](int64_t t, int64_t s) { return (size_t)(t * (count + 2) + s); };
  std::vector<double> alpha((size_t)(steps * (count + 2))), beta(alpha.size());
  for (int64_t t = 0; t < steps; ++t)
    for (int64_t s = 0; s < count; ++s) {
      double before = s < 2 ? 1 : 0;
      if (t > 0)
        before = alpha[row(t - 1, s)] + (s > 0 ? alpha[row(t - 1, s - 1)] : 0) +
                 (skips(s) ? alpha[row(t - 1, s - 2)] : 0);
      alpha[row(t, s)] = before * std::exp((double)x[at(t, s)]);
    }
  for (int64_t t = steps - 1; t >= 0; --t)
    for (int64_t s = 0; s < count; ++s) {
      const auto after = [&](int64_t next) {
        return next < count ? beta[row(t + 1, next)] * std::exp((double)x[at(t + 1, next)]) : 0;
      };
      beta[row(t, s)] = t == steps - 1
                            ? (s >= count - 2 ? 1 : 0)
                            : after(s) + after(s + 1) + (skips(s + 2) ? after(s + 2) : 0);
    }
  double all = 0;
  for (int64_t s = std::max<int64_t>(0, count - 2); s < count; ++s) all += alpha[row(steps - 1, s)];
  for (int64_t t = 0; all > 0 && t < steps; ++t)
    for (int64_t s = 0; s < count; ++s) dx[at(t, s)] -= alpha[row(t, s)] * beta[row(t, s)] / all;
  return -std::log(all);
}

void check(const Case& c) {
  const std::vector<float> x = log_probs(c);
  const Result found = run(c, true), again = run(c, true), alone = run(c, false);
  std::vector<double> dx(x.size());
  for (int64_t n = 0; n < c.batch(); ++n) {
    double loss = reference(c, x, n, dx);
    if (c.zero_infinity && std::isinf(loss)) loss = 0;
    const float actual = found.loss[(size_t)n];
    if (std::isinf(loss))
      EXPECT_EQ(actual, kInfinity) << "sample " << n;
    else
      EXPECT_NEAR(actual, loss, 2e-6 * (1 + std::fabs(loss))) << "sample " << n;
    EXPECT_EQ(actual, alone.loss[(size_t)n]) << "sample " << n << " without a gradient";
    for (int64_t t = 0; t < c.steps; ++t)
      for (int64_t k = 0; k < c.classes; ++k) {
        const size_t i = (size_t)((t * c.batch() + n) * c.classes + k);
        if (std::isinf(loss))
          ASSERT_EQ(std::isnan(found.gradient[i]), t < c.input_lengths[(size_t)n]) << i;
        else
          ASSERT_NEAR(found.gradient[i], dx[i], 1e-5) << "sample " << n << " step " << t;
      }
  }
  EXPECT_EQ(found.faults, std::vector<unsigned long long>(3, kNoFault));
  EXPECT_EQ(0, std::memcmp(found.gradient.data(), again.gradient.data(), x.size() * sizeof(float)));
}

TEST(CtcLoss, MatchesTheRecursion) {
  check({7, 5, 3, {7}, {{1, 2, 3}}});
  check({9, 4, 5, {9, 4, 7, 1}, {{1, 2, 2, 2, 1}, {3, 3}, {}, {2}}});
  check({6, 5, 3, {6, 5}, {{0, 1, 4}, {4, 0}}, 2});
  check({3, 3, 0, {3}, {{}}});
  check({1, 3, 1, {1}, {{2}}});
}

TEST(CtcLoss, OfMoreStatesThanAWarpHasLanes) {
  std::vector<int32_t> target;
  for (int32_t i = 0; i < 22; ++i) target.push_back(1 + i * 5 % 6);
  check({40, 7, 24, {40, 30}, {target, {1, 1, 2}}});
}

TEST(CtcLoss, OfAnImpossibleTarget) {
  check({3, 4, 3, {3, 3}, {{1, 1, 2}, {1, 2}}});
  check({3, 4, 3, {3, 3}, {{1, 1, 2}, {1, 2}}, 0, true});
}

TEST(CtcLoss, ReportsWhatIsOutsideItsRange) {
  Case c{4, 3, 2, {4, 5, 0}, {{1, 2}, {1}, {}}};
  Result found = run(c, true);
  EXPECT_EQ(found.faults[0], 1ull << 32 | 5u);
  EXPECT_TRUE(std::isnan(found.loss[1]) && std::isnan(found.loss[2]) && found.loss[0] > 0);
  c = {4, 3, 2, {4, 4}, {{1, 2}, {1, 3}}};
  found = run(c, true);
  EXPECT_EQ(found.faults, (std::vector<unsigned long long>{kNoFault, kNoFault, 3ull << 32 | 3u}));
  c.targets = {{0, 1}, {}};
  found = run(c, false);
  EXPECT_EQ(found.faults, (std::vector<unsigned long long>{kNoFault, kNoFault, 0ull}));
}

}  // namespace
}  // namespace dn::cuda
