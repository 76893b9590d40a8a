// What the wrappers of device.cuh and CUDA's own intrinsics must do, from the text of the PTX
// manual and from the definitions of the number formats. The simulator's arithmetic is not used
// here.
#include "conformance.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <random>
#include <vector>

#include "device_buffer.h"

namespace dn::cuda::conformance {
namespace {

uint32_t float_bits(float v) {
  uint32_t bits;
  std::memcpy(&bits, &v, sizeof bits);
  return bits;
}
float bits_float(uint32_t bits) {
  float v;
  std::memcpy(&v, &bits, sizeof v);
  return v;
}

// ---- Shuffles: the pseudo-code of shfl.sync, with the operand c that CUDA makes of `width`.

int source_lane(Shuffle kind, int width, int lane, int b) {
  int segment_mask = 32 - width;
  int clamp = kind == Shuffle::Up ? 0 : 31;
  int max_lane = (lane & segment_mask) | (clamp & ~segment_mask);
  int min_lane = lane & segment_mask;
  int j = 0;
  bool valid = false;
  switch (kind) {
    case Shuffle::Up:
      j = lane - b;
      valid = j >= max_lane;
      break;
    case Shuffle::Down:
      j = lane + b;
      valid = j <= max_lane;
      break;
    case Shuffle::Xor:
      j = lane ^ b;
      valid = j <= max_lane;
      break;
    case Shuffle::Index:
      j = min_lane | (b & ~segment_mask);
      valid = j <= max_lane;
      break;
  }
  return valid ? j : lane;
}

class ShuffleTest : public ::testing::TestWithParam<std::tuple<Shuffle, int>> {};

TEST_P(ShuffleTest, ReadsTheLaneThatPtxNames) {
  auto [kind, width] = GetParam();
  std::vector<uint32_t> values(32);
  std::vector<double> wide(32);
  for (int i = 0; i < 32; i++) {
    values[i] = 1000u + 7u * i;
    wide[i] = 0.1 + i;
  }
  DeviceBuffer<uint32_t> in(values), out(32 * 32);
  DeviceBuffer<double> wide_in(wide), wide_out(32 * 32);
  shuffle_all(nullptr, kind, width, in.data(), out.data());
  shuffle_all(nullptr, kind, width, wide_in.data(), wide_out.data());
  auto result = out.read();
  auto wide_result = wide_out.read();
  for (int operand = 0; operand < 32; operand++) {
    for (int lane = 0; lane < 32; lane++) {
      int source = source_lane(kind, width, lane, operand);
      EXPECT_EQ(result[operand * 32 + lane], values[source])
          << "operand " << operand << ", lane " << lane;
      EXPECT_EQ(wide_result[operand * 32 + lane], wide[source]);
    }
  }
}

INSTANTIATE_TEST_SUITE_P(All, ShuffleTest,
                         ::testing::Combine(::testing::Values(Shuffle::Index, Shuffle::Up,
                                                              Shuffle::Down, Shuffle::Xor),
                                            ::testing::Values(1, 2, 4, 8, 16, 32)));

TEST(VoteTest, CountsTheLanesOfTheMask) {
  std::mt19937 random(3);
  for (uint32_t mask : {0xffffffffu, 0x0000ffffu, 0xf0f0f0f0u, 0x80000001u, 0x00000010u}) {
    for (int round = 0; round < 4; round++) {
      std::vector<int> predicate(32);
      for (int& p : predicate) {
        p = round == 0 ? 0 : round == 1 ? 5 : static_cast<int>(random() % 2) * 256;
      }
      DeviceBuffer<int> in(predicate);
      DeviceBuffer<uint32_t> out(std::vector<uint32_t>(96, 77));
      vote(nullptr, mask, in.data(), out.data());
      auto result = out.read();
      uint32_t ballot = 0;
      for (int lane = 0; lane < 32; lane++) {
        if ((mask >> lane & 1) && predicate[lane]) ballot |= 1u << lane;
      }
      for (int lane = 0; lane < 32; lane++) {
        bool votes = mask >> lane & 1;
        EXPECT_EQ(result[lane], votes ? ballot : 77u);
        EXPECT_EQ(result[32 + lane], votes ? uint32_t{ballot != 0} : 77u);
        EXPECT_EQ(result[64 + lane], votes ? uint32_t{ballot == mask} : 77u);
      }
    }
  }
}

TEST(WarpReduceTest, SumsAndMaximaOfSegments) {
  std::vector<float> values(32);
  for (int i = 0; i < 32; i++) values[i] = static_cast<float>((i * 37) % 64 - 40);
  for (int width : {8, 16, 32}) {
    DeviceBuffer<float> in(values), out(64);
    warp_reduce(nullptr, width, in.data(), out.data());
    auto result = out.read();
    for (int lane = 0; lane < 32; lane++) {
      int begin = lane / width * width;
      float sum = 0, maximum = -INFINITY;
      for (int i = begin; i < begin + width; i++) {
        sum += values[i];
        maximum = std::max(maximum, values[i]);
      }
      EXPECT_EQ(result[lane], sum);
      EXPECT_EQ(result[32 + lane], maximum);
    }
  }
}

TEST(WarpReduceTest, MaximumKeepsNaN) {
  for (int at : {0, 13, 31}) {
    std::vector<float> values(32, 1.0f);
    values[at] = NAN;
    DeviceBuffer<float> in(values), out(64);
    warp_reduce(nullptr, 32, in.data(), out.data());
    auto result = out.read();
    for (int lane = 0; lane < 32; lane++) EXPECT_TRUE(std::isnan(result[32 + lane]));
  }
}

// ---- Matrix products. The fragments are filled element by element, with the manual's formulas for
// the row and column of element i of lane l.

struct Place {
  int row, column;
};

// .m16n8k16, 16-bit: A has 8 elements a lane, B 4; two to a register, the even one in the low half.
Place a_place_k16(int lane, int i) {
  int group = lane >> 2, in_group = lane % 4;
  bool upper = (0 <= i && i < 2) || (4 <= i && i < 6);
  return {upper ? group : group + 8, in_group * 2 + (i & 1) + (i < 4 ? 0 : 8)};
}
Place b_place_k16(int lane, int i) {
  int group = lane >> 2, in_group = lane % 4;
  return {in_group * 2 + (i & 1) + (i < 2 ? 0 : 8), group};
}
// .m16n8k8, tf32: A has 4 elements a lane, B 2; one to a register.
Place a_place_k8(int lane, int i) {
  int group = lane >> 2, in_group = lane % 4;
  return {i == 0 || i == 2 ? group : group + 8, i == 0 || i == 1 ? in_group : in_group + 4};
}
Place b_place_k8(int lane, int i) {
  int group = lane >> 2, in_group = lane % 4;
  return {i == 0 ? in_group : in_group + 4, group};
}
// Accumulators of both.
Place d_place(int lane, int i) {
  int group = lane >> 2, in_group = lane % 4;
  return {i < 2 ? group : group + 8, in_group * 2 + (i & 1)};
}

// The code of a small integer: both formats hold them without rounding.
uint16_t integer_code(Mma kind, int value) {
  if (kind == Mma::Bf16) return static_cast<uint16_t>(float_bits(static_cast<float>(value)) >> 16);
  if (value == 0) return 0;
  int exponent = 0;
  while (std::abs(value) >> (exponent + 1)) exponent++;
  int mantissa = (std::abs(value) << (10 - exponent)) & 1023;
  return static_cast<uint16_t>((value < 0 ? 0x8000 : 0) | (exponent + 15) << 10 | mantissa);
}

class MmaTest : public ::testing::TestWithParam<Mma> {};

TEST_P(MmaTest, MultipliesMatrices) {
  Mma kind = GetParam();
  int depth = kind == Mma::Tf32 ? 8 : 16;
  std::mt19937 random(11);
  auto small = [&] { return static_cast<int>(random() % 33) - 16; };
  for (int round = 0; round < 8; round++) {
    std::vector<std::vector<int>> a(16, std::vector<int>(depth)), b(depth, std::vector<int>(8)),
        c(16, std::vector<int>(8));
    for (auto* matrix : {&a, &b, &c}) {
      for (auto& row : *matrix) {
        for (int& v : row) v = small();
      }
    }
    std::vector<uint32_t> fragment_a(128), fragment_b(64);
    std::vector<float> accumulator(128);
    for (int lane = 0; lane < 32; lane++) {
      if (kind == Mma::Tf32) {
        for (int i = 0; i < 4; i++) {
          auto [row, k] = a_place_k8(lane, i);
          fragment_a[lane * 4 + i] = float_bits(static_cast<float>(a[row][k]));
        }
        for (int i = 0; i < 2; i++) {
          auto [k, column] = b_place_k8(lane, i);
          fragment_b[lane * 2 + i] = float_bits(static_cast<float>(b[k][column]));
        }
      } else {
        for (int i = 0; i < 8; i++) {
          auto [row, k] = a_place_k16(lane, i);
          fragment_a[lane * 4 + i / 2] |= uint32_t{integer_code(kind, a[row][k])} << (i % 2 * 16);
        }
        for (int i = 0; i < 4; i++) {
          auto [k, column] = b_place_k16(lane, i);
          fragment_b[lane * 2 + i / 2] |= uint32_t{integer_code(kind, b[k][column])}
                                          << (i % 2 * 16);
        }
      }
      for (int i = 0; i < 4; i++) {
        auto [row, column] = d_place(lane, i);
        accumulator[lane * 4 + i] = static_cast<float>(c[row][column]);
      }
    }
    DeviceBuffer<uint32_t> in_a(fragment_a), in_b(fragment_b);
    DeviceBuffer<float> d(accumulator);
    mma(nullptr, kind, in_a.data(), in_b.data(), d.data());
    auto result = d.read();
    for (int lane = 0; lane < 32; lane++) {
      for (int i = 0; i < 4; i++) {
        auto [row, column] = d_place(lane, i);
        int expected = c[row][column];
        for (int k = 0; k < depth; k++) expected += a[row][k] * b[k][column];
        EXPECT_EQ(result[lane * 4 + i], static_cast<float>(expected))
            << "row " << row << ", column " << column;
      }
    }
  }
}

INSTANTIATE_TEST_SUITE_P(All, MmaTest, ::testing::Values(Mma::Bf16, Mma::F16, Mma::Tf32));

// ---- ldmatrix: thread l of the result holds elements 2*(l%4) and 2*(l%4)+1 of row l/4 of each
// matrix, or with .trans of the transposed matrix; row addresses of matrix m come from lanes 8m...

class LdmatrixTest : public ::testing::TestWithParam<std::tuple<int, bool>> {};

TEST_P(LdmatrixTest, GathersRows) {
  auto [matrices, transposed] = GetParam();
  std::vector<uint16_t> rows(512);
  for (int i = 0; i < 512; i++) rows[i] = static_cast<uint16_t>(i * 97 + 5);
  std::vector<int> row(64);
  for (int i = 0; i < 64; i++) row[i] = i;
  std::shuffle(row.begin(), row.end(), std::mt19937(5));
  row.resize(32);
  DeviceBuffer<uint16_t> in(rows);
  DeviceBuffer<int> addresses(row);
  DeviceBuffer<uint32_t> out(32 * matrices);
  ldmatrix(nullptr, matrices, transposed, in.data(), addresses.data(), out.data());
  auto result = out.read();
  for (int lane = 0; lane < 32; lane++) {
    for (int m = 0; m < matrices; m++) {
      auto element = [&](int r, int c) {
        if (transposed) std::swap(r, c);
        return uint32_t{rows[row[m * 8 + r] * 8 + c]};
      };
      uint32_t expected = element(lane / 4, lane % 4 * 2) | element(lane / 4, lane % 4 * 2 + 1)
                                                                << 16;
      EXPECT_EQ(result[lane * matrices + m], expected) << "lane " << lane << ", matrix " << m;
    }
  }
}

INSTANTIATE_TEST_SUITE_P(All, LdmatrixTest,
                         ::testing::Combine(::testing::Values(2, 4), ::testing::Bool()));

// ---- Asynchronous copies.

class CopyAsyncTest : public ::testing::TestWithParam<int> {};

TEST_P(CopyAsyncTest, CopiesOrFillsWithZeros) {
  int bytes = GetParam();
  std::vector<uint8_t> values(64 * bytes);
  for (size_t i = 0; i < values.size(); i++) values[i] = static_cast<uint8_t>(i % 251 + 1);
  std::vector<int> predicate(64);
  for (int i = 0; i < 64; i++) predicate[i] = i % 3 != 0;
  DeviceBuffer<uint8_t> in(values), out(values.size());
  DeviceBuffer<int> copies(predicate);
  copy_async(nullptr, bytes, in.data(), copies.data(), out.data());
  auto result = out.read();
  for (size_t i = 0; i < values.size(); i++) {
    EXPECT_EQ(result[i], predicate[i / bytes] ? values[i] : 0) << "byte " << i;
  }
}

INSTANTIATE_TEST_SUITE_P(All, CopyAsyncTest, ::testing::Values(4, 16));

TEST(CopyAsyncTest, GroupsArriveInOrder) {
  std::vector<uint32_t> values(128);
  for (uint32_t i = 0; i < 128; i++) values[i] = i * i + 1;
  DeviceBuffer<uint32_t> in(values), out(128);
  copy_async_groups(nullptr, in.data(), out.data());
  EXPECT_EQ(out.read(), values);
}

// ---- Number formats, from their definition: sign, exponent, mantissa.

double value_of(bool bf16, uint16_t code) {
  int mantissa_bits = bf16 ? 7 : 10;
  int bias = bf16 ? 127 : 15;
  int exponent = (code & 0x7fff) >> mantissa_bits;
  int mantissa = code & ((1 << mantissa_bits) - 1);
  double magnitude;
  if (exponent == (bf16 ? 255 : 31)) {
    magnitude = mantissa ? NAN : INFINITY;
  } else if (exponent == 0) {
    magnitude = std::ldexp(mantissa, 1 - bias - mantissa_bits);
  } else {
    magnitude = std::ldexp(mantissa + (1 << mantissa_bits), exponent - bias - mantissa_bits);
  }
  return code & 0x8000 ? -magnitude : magnitude;
}

// The code of the nearest value, by search: of two equally near the even one. Infinity counts as
// the value that the next exponent would hold.
uint16_t nearest_code(bool bf16, float v) {
  int infinity = bf16 ? 0x7f80 : 0x7c00;
  auto value = [&](int code) {
    if (code < infinity) return value_of(bf16, static_cast<uint16_t>(code));
    return std::ldexp(1.0, bf16 ? 128 : 16);
  };
  double magnitude = std::fabs(static_cast<double>(v));
  int low = 0, high = infinity;
  while (low < high) {  // the first code that is not below
    int middle = (low + high) / 2;
    if (value(middle) < magnitude) {
      low = middle + 1;
    } else {
      high = middle;
    }
  }
  int code = low;
  if (code > 0 && !std::isinf(v)) {
    double above = value(code) - magnitude, below = magnitude - value(code - 1);
    if (below < above || (below == above && code % 2)) code--;
  }
  return static_cast<uint16_t>(code | (std::signbit(v) ? 0x8000 : 0));
}

class FormatTest : public ::testing::TestWithParam<bool> {
 protected:
  // Every code's value, the midpoints between neighbours, and what lies just beside those.
  std::vector<float> interesting() const {
    std::vector<float> values;
    for (int code = 0; code < 65536; code++) {
      double here = value_of(GetParam(), static_cast<uint16_t>(code));
      if (std::isnan(here)) continue;
      values.push_back(static_cast<float>(here));
      double next = value_of(GetParam(), static_cast<uint16_t>(code + 1));
      if (std::isinf(here) || !std::isfinite(next)) continue;
      auto middle = static_cast<float>((here + next) / 2);
      values.push_back(middle);
      values.push_back(std::nextafter(middle, -INFINITY));
      values.push_back(std::nextafter(middle, INFINITY));
    }
    double largest = value_of(GetParam(), GetParam() ? 0x7f7f : 0x7bff);
    double half_step = (largest - value_of(GetParam(), GetParam() ? 0x7f7e : 0x7bfe)) / 2;
    auto limit = static_cast<float>(largest + half_step);  // a tie, which goes to infinity
    for (float sign : {1.0f, -1.0f}) {
      for (float v : {limit, std::nextafter(limit, 0.0f), std::nextafter(limit, INFINITY),
                      std::numeric_limits<float>::max(), std::numeric_limits<float>::min(),
                      std::numeric_limits<float>::denorm_min(), INFINITY}) {
        values.push_back(sign * v);
      }
    }
    return values;
  }
};

TEST_P(FormatTest, EveryCodeDecodes) {
  DeviceBuffer<float> out(65536);
  decode(nullptr, GetParam(), out.data());
  auto result = out.read();
  for (int code = 0; code < 65536; code++) {
    double expected = value_of(GetParam(), static_cast<uint16_t>(code));
    if (std::isnan(expected)) {
      EXPECT_TRUE(std::isnan(result[code])) << std::hex << code;
    } else {
      EXPECT_EQ(float_bits(result[code]), float_bits(static_cast<float>(expected)))
          << std::hex << code;
    }
  }
}

TEST_P(FormatTest, EveryValueAndEveryTieEncodes) {
  std::vector<float> values = interesting();
  DeviceBuffer<float> in(values);
  DeviceBuffer<uint16_t> out(values.size());
  encode(nullptr, GetParam(), in.data(), static_cast<int>(values.size()), out.data());
  auto result = out.read();
  int wrong = 0;
  for (size_t i = 0; i < values.size() && wrong < 10; i++) {
    uint16_t expected = nearest_code(GetParam(), values[i]);
    EXPECT_EQ(result[i], expected) << "of " << values[i] << " = " << std::hexfloat << values[i];
    wrong += result[i] != expected;
  }
}

TEST_P(FormatTest, NaNStaysNaN) {
  std::vector<float> values;
  for (uint32_t bits : {0x7f800001u, 0x7fc00000u, 0xffc00000u, 0x7fffffffu, 0xff800001u}) {
    values.push_back(bits_float(bits));
  }
  DeviceBuffer<float> in(values);
  DeviceBuffer<uint16_t> out(values.size());
  encode(nullptr, GetParam(), in.data(), static_cast<int>(values.size()), out.data());
  for (uint16_t code : out.read()) EXPECT_TRUE(std::isnan(value_of(GetParam(), code)));
}

INSTANTIATE_TEST_SUITE_P(Bf16AndF16, FormatTest, ::testing::Values(true, false));

// TF32 keeps 10 bits of the mantissa; rna: to the nearest, ties away from zero.
TEST(Tf32Test, RoundsTiesAwayFromZero) {
  std::vector<float> values = {0.0f, -0.0f, 1.0f, -3.0f, 65504.0f, 1e-30f, INFINITY, -INFINITY};
  for (uint32_t low : {0x0fffu, 0x1000u, 0x1001u, 0x1fffu, 0x0001u}) {
    for (uint32_t high : {0x3f800000u, 0x3f802000u, 0xbf804000u, 0x40ffe000u}) {
      values.push_back(bits_float(high | low));
    }
  }
  DeviceBuffer<float> in(values);
  DeviceBuffer<uint32_t> out(values.size());
  round_to_tf32(nullptr, in.data(), static_cast<int>(values.size()), out.data());
  auto result = out.read();
  for (size_t i = 0; i < values.size(); i++) {
    float expected = values[i];
    if (std::isfinite(expected) && expected != 0) {
      int exponent = std::ilogb(expected);
      double unit = std::ldexp(1.0, exponent - 10);
      expected = static_cast<float>(std::round(expected / unit) * unit);  // halves away from zero
    }
    // The 13 lowest bits of the result are not defined.
    EXPECT_EQ(result[i] & 0xffffe000u, float_bits(expected)) << values[i];
  }
}

// ---- Integers.

TEST(BitsTest, AgreeWithTheirDefinitions) {
  std::vector<uint32_t> x = {0, 1, 0x80000000u, 0xffffffffu, 0x00ff00ffu, 0xd2511f53u, 0xcd9e8d57u};
  std::vector<uint32_t> y = {5, 0xffffffffu, 2, 0xffffffffu, 0x12345678u, 0x9e3779b9u, 0xbb67ae85u};
  std::mt19937 random(2);
  for (int i = 0; i < 300; i++) {
    x.push_back(static_cast<uint32_t>(random()) >> (i % 32));
    y.push_back(static_cast<uint32_t>(random()));
  }
  DeviceBuffer<uint32_t> in_x(x), in_y(y), out(x.size() * kBitResults);
  bits(nullptr, in_x.data(), in_y.data(), static_cast<int>(x.size()), out.data());
  auto result = out.read();
  for (size_t i = 0; i < x.size(); i++) {
    uint32_t reversed = 0, ones = 0, leading = 32, first = 0;
    for (uint32_t b = 0; b < 32; b++) {
      if (!(x[i] >> b & 1)) continue;
      reversed |= 0x80000000u >> b;
      ones++;
      leading = 31 - b;
      if (!first) first = b + 1;
    }
    const uint32_t* got = &result[i * kBitResults];
    EXPECT_EQ(got[0], static_cast<uint32_t>(uint64_t{x[i]} * y[i] >> 32));
    EXPECT_EQ(got[1], reversed);
    EXPECT_EQ(got[2], ones);
    EXPECT_EQ(got[3], leading);
    EXPECT_EQ(got[4], first);
    // Bytes 0, 4, 1, 5 of y:x, from the lowest up: the low bytes of both, in turn.
    EXPECT_EQ(got[5], (x[i] & 0xffu) | (y[i] & 0xffu) << 8 | (x[i] >> 8 & 0xffu) << 16 |
                          (y[i] >> 8 & 0xffu) << 24);
  }
}

int32_t saturated(double v) {
  if (std::isnan(v)) return 0;
  return static_cast<int32_t>(std::min(2147483647.0, std::max(-2147483648.0, v)));
}

TEST(IntegersTest, RoundAsNamedAndSaturate) {
  std::vector<float> values = {0.5f, 1.5f, 2.5f,  -0.5f,  -1.5f, -2.5f,     0.49f, -0.51f,  1e9f,
                               3e9f, 5e9f, -3e9f, -5e20f, NAN,   -INFINITY, 7.0f,  INFINITY};
  DeviceBuffer<float> in(values);
  DeviceBuffer<uint32_t> out(values.size() * kIntResults);
  to_integers(nullptr, in.data(), static_cast<int>(values.size()), out.data());
  auto result = out.read();
  for (size_t i = 0; i < values.size(); i++) {
    double v = values[i];
    double nearest = std::floor(v);
    if (v - nearest > 0.5 || (v - nearest == 0.5 && std::fmod(nearest, 2) != 0)) nearest++;
    if (std::isinf(v)) nearest = v;
    const uint32_t* got = &result[i * kIntResults];
    EXPECT_EQ(static_cast<int32_t>(got[0]), saturated(nearest)) << v;
    EXPECT_EQ(static_cast<int32_t>(got[1]), saturated(std::floor(v))) << v;
    EXPECT_EQ(static_cast<int32_t>(got[2]), saturated(std::ceil(v))) << v;
    EXPECT_EQ(static_cast<int32_t>(got[3]), saturated(std::trunc(v))) << v;
    uint32_t expected = !(v > 0)            ? 0u
                        : v >= 4294967295.0 ? 0xffffffffu
                                            : static_cast<uint32_t>(std::trunc(v));
    EXPECT_EQ(got[4], expected) << v;
  }
}

TEST(AtomicsTest, NoneIsLost) {
  std::vector<int> values(5000);
  std::mt19937 random(9);
  for (int& v : values) v = static_cast<int>(random() % 2000) - 1000;
  DeviceBuffer<int> in(values), out(std::vector<int>{0, -100000, 100000});
  atomics(nullptr, in.data(), static_cast<int>(values.size()), out.data());
  int sum = 0;
  for (int v : values) sum += v;
  EXPECT_EQ(out.read(), (std::vector<int>{sum, *std::max_element(values.begin(), values.end()),
                                          *std::min_element(values.begin(), values.end())}));
}

}  // namespace
}  // namespace dn::cuda::conformance
