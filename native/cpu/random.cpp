// Random numbers from Philox 4x32-10; definition: dn_random_attributes.
#include <cmath>
#include <numbers>

#include "cpu/candidates.h"
#include "engine/philox.h"

namespace dn::cpu {

namespace {

struct Draw {
  dn_random_attributes attributes;

  void four(const PhiloxBlock& words, float (&values)[4]) const {
    switch (attributes.distribution) {
      case DN_DISTRIBUTION_UNIFORM:
        for (int i = 0; i < 4; ++i)
          values[i] = attributes.a + philox_uniform(words[i]) * (attributes.b - attributes.a);
        break;
      case DN_DISTRIBUTION_BERNOULLI:
        for (int i = 0; i < 4; ++i)
          values[i] = philox_uniform(words[i]) < attributes.a ? 1.0f : 0.0f;
        break;
      default:
        for (int i = 0; i < 4; i += 2) {
          const float radius = std::sqrt(-2.0f * std::log(1.0f - philox_uniform(words[i])));
          const float angle = 2.0f * std::numbers::pi_v<float> * philox_uniform(words[i + 1]);
          values[i] = attributes.a + attributes.b * radius * std::cos(angle);
          values[i + 1] = attributes.a + attributes.b * radius * std::sin(angle);
        }
    }
  }
};

KernelPlan plan(const CompileView& view, int op) {
  const Operator& operation = view.op(op);
  const Draw draw{operation.attributes<dn_random_attributes>()};
  const int64_t count = view.tensor(operation.output(0)).shape.numel();
  const int threads = device_of(view).threads();
  KernelPlan plan;
  plan.inputs = {row_major_slot(operation.input(0))};
  plan.outputs = {row_major_slot(operation.output(0)), row_major_slot(operation.output(1))};
  plan.kernel = make_kernel([=](const Arguments& a) {
    int64_t* state = static_cast<int64_t*>(a.outputs[1]);
    const uint64_t seed = (uint64_t) static_cast<const int64_t*>(a.inputs[0])[0];
    const uint32_t offset = (uint32_t) static_cast<const int64_t*>(a.inputs[0])[1];
    float* values = out(a, 0);
    parallel(threads, (count + 3) / 4, count * 8, [&](int64_t begin, int64_t end) {
      for (int64_t block = begin; block < end; ++block) {
        float four[4];
        draw.four(philox({(uint32_t)block, (uint32_t)(block >> 32), offset,
                          (uint32_t)draw.attributes.stream},
                         (uint32_t)seed, (uint32_t)(seed >> 32)),
                  four);
        for (int64_t i = 0; i < 4 && block * 4 + i < count; ++i) values[block * 4 + i] = four[i];
      }
    });
    ++state[1];
  });
  return plan;
}

const RegisterOperator random({"own:philox", DN_OPERATOR_RANDOM, 100, nullptr, plan});

}  // namespace

}  // namespace dn::cpu
