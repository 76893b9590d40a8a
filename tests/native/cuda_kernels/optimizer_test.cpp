#include "cuda/kernels/optimizer.h"

#include <cmath>
#include <memory>

#include "cuda/kernels/layout_change.h"
#include "typed_array.h"

namespace dn::cuda {

namespace {

struct Parameter {
  int64_t numel;
  dn_dtype grad_dtype = DN_DTYPE_F32;
  size_t misalign = 0;
};

// Parameters on the device and their twins in float64.
class Model {
 public:
  explicit Model(const std::vector<Parameter>& parameters) {
    unsigned seed = 1;
    for (const Parameter& p : parameters) {
      const size_t count = (size_t)p.numel;
      const std::vector<float> w = random_floats(count, ++seed);
      weights_.push_back(std::make_unique<TypedArray<float>>(w, p.misalign));
      for (auto& states : states_)
        states.push_back(
            std::make_unique<TypedArray<float>>(std::vector<float>(count, 0), p.misalign));
      const TypedArray<float> raw(random_floats(count, ++seed)), rounded(count);
      grads_.push_back(std::make_unique<TypedArray<float>>(count, p.misalign));
      change_type(nullptr,
                  {raw.data(), grads_.back()->data(), DN_DTYPE_F32, p.grad_dtype, p.numel});
      change_type(nullptr,
                  {grads_.back()->data(), rounded.data(), p.grad_dtype, DN_DTYPE_F32, p.numel});
      const std::vector<float> g = rounded.read();
      w_.emplace_back(w.begin(), w.end());
      g_.emplace_back(g.begin(), g.end());
      for (auto& s : s_) s.emplace_back(count, 0.0);
      tensors_.push_back({weights_.back()->data(), grads_.back()->data(), states_[0].back()->data(),
                          states_[1].back()->data(), p.numel, p.grad_dtype});
    }
  }

  std::vector<OptimizerTensor> tensors(int states) const {
    std::vector<OptimizerTensor> result = tensors_;
    for (OptimizerTensor& t : result) {
      if (states < 1) t.state0 = nullptr;
      if (states < 2) t.state1 = nullptr;
    }
    return result;
  }

  // update(w, g, state0, state1) of each element.
  template <typename Update>
  void reference(const Update& update) {
    for (size_t i = 0; i < w_.size(); ++i)
      for (size_t j = 0; j < w_[i].size(); ++j)
        update(w_[i][j], g_[i][j], s_[0][i][j], s_[1][i][j]);
  }

  void check(int states, double tolerance) const {
    const auto compare = [&](const TypedArray<float>& actual, const std::vector<double>& expected,
                             const char* what) {
      const std::vector<float> values = actual.read();
      for (size_t j = 0; j < values.size(); ++j)
        ASSERT_NEAR(values[j], expected[j], tolerance)
            << what << " " << j << " of " << values.size();
    };
    for (size_t i = 0; i < w_.size(); ++i) {
      compare(*weights_[i], w_[i], "weight");
      for (int s = 0; s < states; ++s) compare(*states_[s][i], s_[s][i], "state");
      (void)grads_[i]->read();
    }
  }

 private:
  using Arrays = std::vector<std::unique_ptr<TypedArray<float>>>;
  Arrays weights_, grads_, states_[2];
  std::vector<std::vector<double>> w_, g_, s_[2];
  std::vector<OptimizerTensor> tensors_;
};

// Odd and empty sizes, several blocks, all gradient types, unaligned memory.
std::vector<Parameter> mixture() {
  return {{1},
          {0},
          {4096},
          {4097, DN_DTYPE_BF16},
          {10007, DN_DTYPE_F16},
          {33, DN_DTYPE_F32, 1},
          {70, DN_DTYPE_BF16, 1},
          {64}};
}

TEST(Optimizer, SgdEqualsFloat64) {
  const TypedArray<float> learning_rate(std::vector<float>{0.1f});
  for (float momentum : {0.0f, 0.9f}) {
    for (bool nesterov : {false, true}) {
      if (nesterov && momentum == 0) continue;
      Model model(mixture());
      const int states = momentum > 0 ? 1 : 0;
      const std::vector<OptimizerTensor> tensors = model.tensors(states);
      for (int step = 0; step < 3; ++step) {
        sgd_update(nullptr, {tensors.data(), (int64_t)tensors.size(), learning_rate.data(),
                             momentum, 0.01f, nesterov});
        model.reference([&](double& w, double g, double& v, double&) {
          g += 0.01f * w;
          v = momentum * v + g;
          w -= (double)0.1f * (nesterov ? g + momentum * v : momentum > 0 ? v : g);
        });
      }
      model.check(states, 4e-6);
    }
  }
}

TEST(Optimizer, AdamEqualsFloat64) {
  const TypedArray<float> learning_rate(std::vector<float>{0.01f});
  for (bool decoupled : {false, true}) {
    Model model(mixture());
    const std::vector<OptimizerTensor> tensors = model.tensors(2);
    const TypedArray<int64_t> step(std::vector<int64_t>{0});
    const TypedArray<float> factors(kAdamFactors);
    AdamParams p;
    p.tensors = tensors.data();
    p.tensor_count = (int64_t)tensors.size();
    p.learning_rate = learning_rate.data();
    p.step = step.data();
    p.factors = factors.data();
    p.weight_decay = 0.02f;
    p.decoupled_weight_decay = decoupled;
    const double beta1 = p.beta1, beta2 = p.beta2, lr = 0.01f, decay = p.weight_decay;
    for (int t = 1; t <= 4; ++t) {
      adam_update(nullptr, p);
      model.reference([&](double& w, double g, double& m, double& v) {
        if (decoupled)
          w -= lr * decay * w;
        else
          g += decay * w;
        m = beta1 * m + (1 - beta1) * g;
        v = beta2 * v + (1 - beta2) * g * g;
        w -= lr / (1 - std::pow(beta1, t)) * m /
             (std::sqrt(v) / std::sqrt(1 - std::pow(beta2, t)) + p.epsilon);
      });
    }
    EXPECT_EQ(step.read()[0], 4);
    (void)factors.read();
    model.check(2, 4e-6);
  }
}

TEST(Optimizer, ManyTensorsTakeSeveralLaunches) {
  const TypedArray<float> learning_rate(std::vector<float>{0.5f});
  Model model(std::vector<Parameter>(197, {37}));
  const std::vector<OptimizerTensor> tensors = model.tensors(0);
  sgd_update(nullptr, {tensors.data(), (int64_t)tensors.size(), learning_rate.data(), 0, 0, false});
  model.reference([](double& w, double g, double&, double&) { w -= 0.5 * g; });
  model.check(0, 1e-6);
}

TEST(Optimizer, FollowsTheLearningRateInDeviceMemory) {
  TypedArray<float> learning_rate(std::vector<float>{0.5f});
  Model model(std::vector<Parameter>{{100}});
  const std::vector<OptimizerTensor> tensors = model.tensors(0);
  for (double rate : {0.5, 0.25}) {
    learning_rate.write({(float)rate});
    sgd_update(nullptr, {tensors.data(), 1, learning_rate.data(), 0, 0, false});
    model.reference([&](double& w, double g, double&, double&) { w -= rate * g; });
  }
  model.check(0, 1e-6);
}

}  // namespace

}  // namespace dn::cuda
