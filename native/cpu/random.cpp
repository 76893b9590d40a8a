// Random numbers from Philox 4x32-10; definition: dn_random_attributes.
#include "cpu/kernels/random.h"

#include <algorithm>

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
        fail(DN_INTERNAL, "normal numbers are made many at a time");
    }
  }
};

// Blocks begin .. end-1 of normal numbers: words are gathered, then made into numbers in vectors.
template <typename Words>
void draw_normal(const dn_random_attributes& attributes, const Words& words, int64_t begin,
                 int64_t end, int64_t count, float* values) {
  constexpr int64_t kBlocks = 64;
  uint32_t u[2 * kBlocks], v[2 * kBlocks];
  float numbers[4 * kBlocks];
  for (int64_t first = begin; first < end; first += kBlocks) {
    const int64_t blocks = std::min(kBlocks, end - first);
    for (int64_t i = 0; i < blocks; ++i) {
      const PhiloxBlock four = words(first + i);
      u[2 * i] = four[0], v[2 * i] = four[1], u[2 * i + 1] = four[2], v[2 * i + 1] = four[3];
    }
    DN_SELECT_ISA(random_table).normal(u, v, attributes.a, attributes.b, numbers, 2 * blocks);
    std::copy(numbers, numbers + std::min(4 * blocks, count - 4 * first), values + 4 * first);
  }
}

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
    const auto words = [&](int64_t block) {
      return philox(
          {(uint32_t)block, (uint32_t)(block >> 32), offset, (uint32_t)draw.attributes.stream},
          (uint32_t)seed, (uint32_t)(seed >> 32));
    };
    parallel(threads, (count + 3) / 4, count * 8, [&](int64_t begin, int64_t end) {
      if (draw.attributes.distribution == DN_DISTRIBUTION_NORMAL) {
        draw_normal(draw.attributes, words, begin, end, count, values);
        return;
      }
      for (int64_t block = begin; block < end; ++block) {
        float four[4];
        draw.four(words(block), four);
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
