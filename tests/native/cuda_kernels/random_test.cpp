#include "cuda/kernels/random.h"

#include <cmath>
#include <numbers>

#include "engine/philox.h"
#include "typed_array.h"

namespace dn::cuda {

namespace {

struct Drawn {
  std::vector<float> values;
  std::vector<int64_t> state;
};

Drawn draw(RandomParams p, std::vector<int64_t> state, int64_t count, size_t misalign = 0) {
  const TypedArray<int64_t> device_state(state);
  const TypedArray<float> values((size_t)count, misalign);
  const TypedArray<unsigned> finished(std::vector<unsigned>{0});
  p.state = device_state.data();
  p.values = values.data();
  p.count = count;
  p.finished = finished.data();
  random(nullptr, p);
  EXPECT_EQ(finished.read()[0], 0u);
  return {values.read(), device_state.read()};
}

// The words of the definition (dn_random_attributes) by the host's generator.
uint32_t word(int64_t seed, int64_t offset, int32_t stream, int64_t element) {
  const uint64_t block = (uint64_t)element / 4;
  return philox({(uint32_t)block, (uint32_t)(block >> 32), (uint32_t)offset, (uint32_t)stream},
                (uint32_t)seed, (uint32_t)((uint64_t)seed >> 32))[(size_t)(element % 4)];
}

TEST(Random, UniformAndBernoulliEqualTheDefinitionToTheBit) {
  const int64_t seed = 0x123456789abcdefLL, offset = 41;
  for (int64_t count : {1, 2, 3, 4, 5, 1023, 1024, 1025, 4099}) {
    for (size_t misalign : {0, 1}) {
      const Drawn uniform =
          draw({.distribution = DN_DISTRIBUTION_UNIFORM, .a = -0.3f, .b = 1.7f, .stream = 3},
               {seed, offset}, count, misalign);
      const Drawn mask = draw({.distribution = DN_DISTRIBUTION_BERNOULLI, .a = 0.35f, .stream = 7},
                              {seed, offset}, count, misalign);
      for (int64_t i = 0; i < count; ++i) {
        const volatile float part = philox_uniform(word(seed, offset, 3, i)) * (1.7f - -0.3f);
        ASSERT_EQ(uniform.values[(size_t)i], -0.3f + part) << "element " << i << " of " << count;
        ASSERT_EQ(mask.values[(size_t)i],
                  philox_uniform(word(seed, offset, 7, i)) < 0.35f ? 1.0f : 0.0f)
            << "element " << i << " of " << count;
      }
      EXPECT_EQ(uniform.state, (std::vector<int64_t>{seed, offset + 1}));
      EXPECT_EQ(mask.state, (std::vector<int64_t>{seed, offset + 1}));
    }
  }
}

TEST(Random, NormalFollowsTheDefinition) {
  const Drawn normal =
      draw({.distribution = DN_DISTRIBUTION_NORMAL, .a = 2, .b = 0.5f, .stream = 1}, {-5, 9}, 2001);
  for (int64_t i = 0; i < 2001; ++i) {
    const int64_t pair = i / 2 * 2;
    const double u = philox_uniform(word(-5, 9, 1, pair)),
                 v = philox_uniform(word(-5, 9, 1, pair + 1));
    const double angle = 2 * std::numbers::pi * v;
    const double expected =
        2 + 0.5 * std::sqrt(-2 * std::log(1 - u)) * (i % 2 ? std::sin(angle) : std::cos(angle));
    ASSERT_NEAR(normal.values[(size_t)i], expected, 4e-6) << "element " << i;
  }
}

TEST(Random, StateAdvancesEachTime) {
  const TypedArray<int64_t> state(std::vector<int64_t>{77, 0});
  const TypedArray<unsigned> finished(std::vector<unsigned>{0});
  const TypedArray<float> values(5000), none(0);
  RandomParams p{.state = state.data(),
                 .values = values.data(),
                 .count = 5000,
                 .distribution = DN_DISTRIBUTION_UNIFORM,
                 .finished = finished.data()};
  std::vector<float> before;
  for (int64_t run = 0; run < 3; ++run) {
    random(nullptr, p);
    const std::vector<float> now = values.read();
    EXPECT_NE(now, before);
    EXPECT_EQ(now[4999], philox_uniform(word(77, run, 0, 4999)));
    before = now;
  }
  p.values = none.data();
  p.count = 0;
  random(nullptr, p);
  EXPECT_EQ(state.read(), (std::vector<int64_t>{77, 4}));
}

}  // namespace

}  // namespace dn::cuda
