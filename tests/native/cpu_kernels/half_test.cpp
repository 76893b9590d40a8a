// The conversions of 16-bit types, on every instruction set, against their definitions.
#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <cstdint>
#include <random>
#include <vector>

#include "cpu/kernels/norm.h"
#include "cpu/kernels/pointwise_math.h"

namespace dn::cpu {
namespace {

struct IsaCase {
  Isa isa;
  const PointwiseTable* math;
  const NormTable<BFloat16>* norm;
};

class Half : public testing::TestWithParam<IsaCase> {
 protected:
  void SetUp() override {
    if (GetParam().isa > best_isa()) GTEST_SKIP() << "this CPU lacks " << isa_name(GetParam().isa);
  }
};

float float16(uint16_t bits) {
  const int exponent = bits >> 10 & 31, fraction = bits & 1023;
  const float sign = bits & 0x8000 ? -1.0f : 1.0f;
  if (exponent == 31) return fraction ? NAN : sign * INFINITY;
  return sign * (exponent ? std::ldexp((float)(1024 + fraction), exponent - 25)
                          : std::ldexp((float)fraction, -24));
}

void expect_same(float actual, float expected, unsigned bits) {
  if (std::isnan(expected))
    EXPECT_TRUE(std::isnan(actual)) << bits;
  else
    EXPECT_EQ(std::bit_cast<uint32_t>(actual), std::bit_cast<uint32_t>(expected)) << bits;
}

TEST_P(Half, AllNumbersAreWidenedExactlyAndComeBack) {
  constexpr int kCount = 65536 - 3;  // no multiple of a vector
  std::vector<uint16_t> bits(kCount), back(kCount);
  for (int i = 0; i < kCount; ++i) bits[(size_t)i] = (uint16_t)i;
  std::vector<float> wide(kCount);
  const PointwiseTable& math = *GetParam().math;
  math.from_bfloat16(bits.data(), wide.data(), kCount);
  math.to_bfloat16(wide.data(), back.data(), kCount);
  for (int i = 0; i < kCount; ++i) {
    expect_same(wide[(size_t)i], std::bit_cast<float>((uint32_t)i << 16), (unsigned)i);
    if (!std::isnan(wide[(size_t)i])) {
      EXPECT_EQ(back[(size_t)i], i);
    }
  }
  math.from_float16(bits.data(), wide.data(), kCount);
  math.to_float16(wide.data(), back.data(), kCount);
  for (int i = 0; i < kCount; ++i) {
    expect_same(wide[(size_t)i], float16((uint16_t)i), (unsigned)i);
    if (!std::isnan(wide[(size_t)i])) {
      EXPECT_EQ(back[(size_t)i], i);
    }
  }
}

// Halfway cases go to the even neighbour, numbers too large to infinity, NaN stays.
TEST_P(Half, NumbersAreRoundedToTheNearest) {
  const PointwiseTable& math = *GetParam().math;
  const std::vector<float> x{1.0f,
                             1.0f + 0x1p-8f,
                             1.0f + 0x1p-8f + 0x1p-20f,
                             1.0f + 3 * 0x1p-8f,
                             -3.4e38f,
                             INFINITY,
                             0.0f,
                             -0.0f,
                             std::bit_cast<float>(0x7f800001u)};
  const std::vector<uint16_t> expected{0x3f80, 0x3f80, 0x3f81, 0x3f82, 0xff80,
                                       0x7f80, 0x0000, 0x8000, 0x7fc0};
  std::vector<uint16_t> out(x.size());
  math.to_bfloat16(x.data(), out.data(), (int64_t)x.size());
  EXPECT_EQ(out, expected);
  const std::vector<float> y{1.0f,     1.0f + 0x1p-11f, 1.0f + 3 * 0x1p-11f, 65520.0f,
                             65519.0f, 0x1p-25f,        3 * 0x1p-26f,        -0x1p-24f};
  const std::vector<uint16_t> halves{0x3c00, 0x3c00, 0x3c02, 0x7c00,
                                     0x7bff, 0x0000, 0x0001, 0x8001};
  out.resize(y.size());
  math.to_float16(y.data(), out.data(), (int64_t)y.size());
  EXPECT_EQ(out, halves);
}

// The channel-lane loops over bfloat16 are those over its widened numbers, rounded.
TEST_P(Half, NormsOfBfloat16AreTheFormulas) {
  constexpr int kWidth = 16, kPositions = 37;
  std::mt19937 random(5);
  std::vector<uint16_t> x(kWidth * kPositions), y(x.size());
  for (uint16_t& bits : x) bits = (uint16_t)(0x3f00 + random() % 256);
  const NormTable<BFloat16>& k = *GetParam().norm;
  const auto* data = reinterpret_cast<const BFloat16*>(x.data());
  NormMoments moments[kNormLanes];
  k.lane_moments(data, {1, kPositions, 0}, kWidth, kWidth, moments);
  float mean[kWidth], scale[kWidth], shift[kWidth];
  for (int c = 0; c < kWidth; ++c) {
    double sum = 0, square = 0;
    for (int i = 0; i < kPositions; ++i)
      sum += std::bit_cast<float>((uint32_t)x[(size_t)(i * kWidth + c)] << 16);
    for (int i = 0; i < kPositions; ++i)
      square += std::pow(
          std::bit_cast<float>((uint32_t)x[(size_t)(i * kWidth + c)] << 16) - sum / kPositions, 2);
    EXPECT_NEAR(moments[c].mean, sum / kPositions, 1e-6);
    EXPECT_NEAR(moments[c].square, square, 1e-5 * square);
    mean[c] = (float)moments[c].mean, scale[c] = 2.0f + (float)c, shift[c] = 0.5f;
  }
  k.lane_affine(data, reinterpret_cast<BFloat16*>(y.data()), {1, kPositions, 0}, kWidth, kWidth,
                {mean, scale, shift}, {});
  for (size_t i = 0; i < x.size(); ++i) {
    const float in = std::bit_cast<float>((uint32_t)x[i] << 16);
    const double exact = ((double)in - mean[i % kWidth]) * scale[i % kWidth] + 0.5;
    EXPECT_NEAR(std::bit_cast<float>((uint32_t)y[i] << 16), exact,
                0x1p-8 * std::fabs(exact) + 1e-6);
  }
}

INSTANTIATE_TEST_SUITE_P(
    Isa, Half,
    testing::Values(IsaCase{Isa::Baseline, &baseline::pointwise_table,
                            &baseline::norm_table_bfloat16},
                    IsaCase{Isa::Avx2, &avx2::pointwise_table, &avx2::norm_table_bfloat16},
                    IsaCase{Isa::Avx512, &avx512::pointwise_table, &avx512::norm_table_bfloat16}),
    [](const auto& info) { return isa_name(info.param.isa); });

}  // namespace
}  // namespace dn::cpu
