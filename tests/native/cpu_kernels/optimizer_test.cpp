// optimizer against the formulas of PyTorch's documentation in double, for each instruction set.
#include "cpu/kernels/optimizer.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <limits>
#include <random>
#include <vector>

namespace dn::cpu {
namespace {

constexpr float kGuard = 12345.0f;
constexpr int64_t kGuardCount = 32;

struct IsaCase {
  Isa isa;
  const OptimizerTable* table;
};

// Random floats between two guard bands.
struct Guarded {
  std::vector<float> all;
  int64_t numel;

  Guarded(int64_t count, float low, float high, std::mt19937& generator)
      : all(count + 2 * kGuardCount, kGuard), numel(count) {
    std::uniform_real_distribution<float> uniform(low, high);
    for (int64_t i = 0; i < count; ++i) data()[i] = uniform(generator);
  }
  float* data() { return all.data() + kGuardCount; }
  const float* data() const { return all.data() + kGuardCount; }
  bool guards_intact() const {
    for (int64_t i = 0; i < kGuardCount; ++i)
      if (all[i] != kGuard || all[kGuardCount + numel + i] != kGuard) return false;
    return true;
  }
};

// Parameters of odd sizes, small and large, one empty.
struct Model {
  std::vector<Guarded> param, grad, state0, state1;
  std::vector<OptimizerTensor> tensors;

  explicit Model(unsigned seed) {
    std::mt19937 generator(seed);
    const int64_t sizes[] = {1, 17, 0, 30000, 16, 10, 4097, 1000};
    for (int64_t n : sizes) {
      param.emplace_back(n, -1.0f, 1.0f, generator);
      grad.emplace_back(n, -1.0f, 1.0f, generator);
      state0.emplace_back(n, -0.5f, 0.5f, generator);
      state1.emplace_back(n, 0.0f, 0.5f, generator);
    }
    for (size_t i = 0; i < param.size(); ++i)
      tensors.push_back(
          {param[i].data(), grad[i].data(), state0[i].data(), state1[i].data(), param[i].numel});
  }
  bool guards_intact() const {
    for (const auto* list : {&param, &grad, &state0, &state1})
      for (const Guarded& g : *list)
        if (!g.guards_intact()) return false;
    return true;
  }
  bool same_bits(const Model& other) const {
    for (size_t i = 0; i < param.size(); ++i)
      if (std::memcmp(param[i].all.data(), other.param[i].all.data(), param[i].all.size() * 4) ||
          std::memcmp(state0[i].all.data(), other.state0[i].all.data(), state0[i].all.size() * 4) ||
          std::memcmp(state1[i].all.data(), other.state1[i].all.data(), state1[i].all.size() * 4))
        return false;
    return true;
  }
};

class Optimizer : public testing::TestWithParam<IsaCase> {
 protected:
  void SetUp() override {
    if (GetParam().isa > best_isa()) GTEST_SKIP() << "this CPU lacks " << isa_name(GetParam().isa);
  }
  const OptimizerTable& table() const { return *GetParam().table; }
};

INSTANTIATE_TEST_SUITE_P(Isa, Optimizer,
                         testing::Values(IsaCase{Isa::Baseline, &baseline::optimizer_table},
                                         IsaCase{Isa::Avx2, &avx2::optimizer_table},
                                         IsaCase{Isa::Avx512, &avx512::optimizer_table}),
                         [](const auto& info) { return isa_name(info.param.isa); });

// A few roundings of numbers about 1 in size.
void expect_near(double got, double expected, const char* what, size_t tensor, int64_t i) {
  const double bound = 6 * std::numeric_limits<float>::epsilon() * (std::abs(expected) + 1);
  ASSERT_TRUE(std::abs(got - expected) <= bound)
      << what << " of tensor " << tensor << "[" << i << "]: " << got << " != " << expected;
}

struct SgdCase {
  float momentum, weight_decay;
  bool nesterov;
};

TEST_P(Optimizer, SgdFollowsItsFormula) {
  const float learning_rate = 0.1f;
  for (const SgdCase c : {SgdCase{0, 0, false}, SgdCase{0, 0.01f, false}, SgdCase{0.9f, 0, false},
                          SgdCase{0.9f, 5e-4f, false}, SgdCase{0.9f, 5e-4f, true}}) {
    const Model before(3);
    Model one_thread(3);
    for (int threads : {1, 2, 3}) {
      Model model(3);
      const SgdParams p{model.tensors.data(), int64_t(model.tensors.size()),
                        &learning_rate,       c.momentum,
                        c.weight_decay,       c.nesterov};
      table().sgd(p, threads);
      ASSERT_TRUE(model.guards_intact());
      if (threads == 1) one_thread = model;
      ASSERT_TRUE(model.same_bits(one_thread)) << threads << " threads";
      for (size_t t = 0; t < model.param.size(); ++t) {
        for (int64_t i = 0; i < model.param[t].numel; ++i) {
          const double w = before.param[t].data()[i];
          const double g = before.grad[t].data()[i] + double(c.weight_decay) * w;
          double v = before.state0[t].data()[i], step = g;
          if (c.momentum != 0) {
            v = double(c.momentum) * v + g;
            step = c.nesterov ? g + double(c.momentum) * v : v;
          }
          expect_near(model.state0[t].data()[i], v, "velocity", t, i);
          expect_near(model.param[t].data()[i], w - double(learning_rate) * step, "param", t, i);
        }
      }
    }
  }
}

TEST_P(Optimizer, SgdWithoutMomentumNeedsNoVelocity) {
  Model model(4), other(4);
  for (OptimizerTensor& t : model.tensors) t.state0 = t.state1 = nullptr;
  const float learning_rate = 0.5f;
  SgdParams p{model.tensors.data(), int64_t(model.tensors.size()), &learning_rate, 0, 0, false};
  table().sgd(p, 2);
  p.tensors = other.tensors.data();
  table().sgd(p, 2);
  EXPECT_TRUE(model.same_bits(other));
}

TEST_P(Optimizer, AdamFollowsItsFormulaOverSeveralSteps) {
  const float learning_rate = 1e-2f, decay = 0.1f;
  const double beta1 = 0.9, beta2 = 0.99, epsilon = 1e-6;
  for (WeightDecay kind : {WeightDecay::L2, WeightDecay::Decoupled}) {
    Model one_thread(5);
    for (int threads : {1, 2, 3}) {
      Model model(5);
      std::vector<std::vector<double>> w, m, v;
      for (size_t t = 0; t < model.param.size(); ++t) {
        const int64_t n = model.param[t].numel;
        w.emplace_back(model.param[t].data(), model.param[t].data() + n);
        m.emplace_back(n, 0.0);
        v.emplace_back(n, 0.0);
        std::fill_n(model.state0[t].data(), n, 0.0f);
        std::fill_n(model.state1[t].data(), n, 0.0f);
      }
      for (int64_t step = 1; step <= 5; ++step) {
        AdamParams p;
        p.tensors = model.tensors.data(), p.tensor_count = int64_t(model.tensors.size());
        p.learning_rate = &learning_rate, p.step = &step;
        p.beta1 = beta1, p.beta2 = beta2, p.epsilon = epsilon;
        p.weight_decay = decay, p.decay = kind;
        table().adam(p, threads);
        for (size_t t = 0; t < w.size(); ++t) {
          for (size_t i = 0; i < w[t].size(); ++i) {
            double g = model.grad[t].data()[i];
            if (kind == WeightDecay::L2) g += double(decay) * w[t][i];
            if (kind == WeightDecay::Decoupled)
              w[t][i] *= 1 - double(learning_rate) * double(decay);
            m[t][i] = beta1 * m[t][i] + (1 - beta1) * g;
            v[t][i] = beta2 * v[t][i] + (1 - beta2) * g * g;
            w[t][i] -=
                double(learning_rate) / (1 - std::pow(beta1, double(step))) * m[t][i] /
                (std::sqrt(v[t][i]) / std::sqrt(1 - std::pow(beta2, double(step))) + epsilon);
            expect_near(model.state0[t].data()[i], m[t][i], "first moment", t, int64_t(i));
            expect_near(model.state1[t].data()[i], v[t][i], "second moment", t, int64_t(i));
            expect_near(model.param[t].data()[i], w[t][i], "param", t, int64_t(i));
          }
        }
      }
      ASSERT_TRUE(model.guards_intact());
      if (threads == 1) one_thread = model;
      ASSERT_TRUE(model.same_bits(one_thread)) << threads << " threads";
    }
  }
}

TEST_P(Optimizer, NothingToUpdateIsFine) {
  const float learning_rate = 1;
  table().sgd({nullptr, 0, &learning_rate, 0.9f, 0, false}, 2);
}

}  // namespace
}  // namespace dn::cpu
