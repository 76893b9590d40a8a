// Pooling against loops over windows and taps, for each instruction set, whole and in parts.
#include "cpu/kernels/pooling.h"

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

struct Case {
  const char* name;
  int64_t planes, in[3], kernel[3], stride[3], begin[3], end[3];
};

const Case kCases[] = {
    {"2 x 2", 3, {1, 6, 40}, {1, 2, 2}, {1, 2, 2}, {}, {}},
    {"a rest is left out", 2, {1, 7, 5}, {1, 2, 2}, {1, 2, 2}, {}, {}},
    {"3 / 2", 2, {1, 13, 55}, {1, 3, 3}, {1, 2, 2}, {}, {}},
    {"3 / 2, padded", 2, {1, 12, 70}, {1, 3, 3}, {1, 2, 2}, {0, 1, 1}, {0, 1, 1}},
    {"3 / 1, padded", 2, {1, 9, 67}, {1, 3, 3}, {1, 1, 1}, {0, 1, 1}, {0, 1, 1}},
    {"uneven", 1, {1, 6, 9}, {1, 2, 5}, {1, 1, 2}, {0, 1, 3}, {0, 0, 2}},
    {"even begin, odd width", 1, {1, 5, 33}, {1, 3, 4}, {1, 2, 2}, {0, 0, 2}, {0, 0, 1}},
    {"stride above the kernel", 2, {1, 7, 37}, {1, 1, 2}, {1, 3, 3}, {}, {}},
    {"stride above the input", 2, {1, 1, 3}, {1, 1, 2}, {1, 9, 9}, {0, 0, 1}, {}},
    {"stride 3", 2, {1, 9, 100}, {1, 3, 5}, {1, 3, 3}, {0, 2, 2}, {0, 1, 1}},
    {"one axis", 2, {1, 1, 11}, {1, 1, 3}, {1, 1, 2}, {0, 0, 1}, {0, 0, 1}},
    {"three axes", 2, {4, 6, 5}, {2, 3, 2}, {2, 2, 1}, {1, 0, 1}, {0, 1, 0}},
    {"one element", 3, {1, 1, 1}, {1, 1, 1}, {1, 1, 1}, {}, {}},
    {"more than 256 taps", 1, {1, 20, 20}, {1, 17, 17}, {1, 3, 3}, {}, {}},
    {"whole plane", 5, {1, 5, 7}, {1, 5, 7}, {1, 1, 1}, {}, {}},
    {"whole large plane", 2, {2, 9, 11}, {2, 9, 11}, {1, 1, 1}, {}, {}},
    {"no plane", 0, {1, 4, 4}, {1, 2, 2}, {1, 2, 2}, {}, {}},
};

PoolingParams params_of(const Case& c, int64_t block, bool count_padding) {
  PoolingParams p;
  p.planes = c.planes;
  p.block = block;
  p.count_padding = count_padding;
  for (int i = 0; i < 3; ++i) {
    p.in[i] = c.in[i], p.kernel[i] = c.kernel[i], p.stride[i] = c.stride[i],
    p.begin[i] = c.begin[i];
    p.out[i] = (c.in[i] + c.begin[i] + c.end[i] - c.kernel[i]) / c.stride[i] + 1;
  }
  return p;
}

// Calls body(element of y, tap, element of x) for every tap inside, taps ascending.
template <typename Body>
void for_all_taps(const PoolingParams& p, const Body& body) {
  int64_t y = 0;
  for (int64_t n = 0; n < p.planes; ++n)
    for (int64_t o = 0; o < p.out[0] * p.out[1] * p.out[2]; ++o)
      for (int64_t c = 0; c < p.block; ++c, ++y)
        for (int64_t tap = 0; tap < p.kernel[0] * p.kernel[1] * p.kernel[2]; ++tap) {
          const int64_t at[3] = {o / p.out[2] / p.out[1], o / p.out[2] % p.out[1], o % p.out[2]};
          const int64_t of[3] = {tap / p.kernel[2] / p.kernel[1], tap / p.kernel[2] % p.kernel[1],
                                 tap % p.kernel[2]};
          int64_t position = n;
          bool inside = true;
          for (int i = 0; i < 3; ++i) {
            const int64_t place = at[i] * p.stride[i] - p.begin[i] + of[i];
            inside = inside && place >= 0 && place < p.in[i];
            position = position * p.in[i] + place;
          }
          if (inside) body((size_t)y, tap, (size_t)(position * p.block + c));
        }
}

// Numbers between two guard bands.
template <typename T>
struct Guarded {
  std::vector<T> all;
  int64_t count;

  explicit Guarded(int64_t elements)
      : all(elements + 2 * kGuardCount, (T)kGuard), count(elements) {}
  T* data() { return all.data() + kGuardCount; }
  T operator[](size_t i) const { return all[kGuardCount + i]; }
  bool intact() const {
    for (int64_t i = 0; i < kGuardCount; ++i)
      if (all[i] != (T)kGuard || all[kGuardCount + count + i] != (T)kGuard) return false;
    return true;
  }
};

// Few different values, so that there are ties; a NaN and infinities here and there.
std::vector<float> numbers(size_t count, bool special, unsigned seed) {
  std::mt19937 random(seed);
  std::uniform_real_distribution<float> uniform(-3, 3);
  std::vector<float> values(count);
  for (size_t i = 0; i < count; ++i) {
    values[i] = uniform(random);
    if (!special) continue;
    values[i] = std::round(values[i]);
    if (i % 41 == 17) values[i] = NAN;
    if (i % 53 > 48) values[i] = -std::numeric_limits<float>::infinity();
    if (i % 97 == 33) values[i] = std::numeric_limits<float>::infinity();
  }
  return values;
}

bool same(float a, float b) {
  return a == b || (std::isnan(a) && std::isnan(b));
}

class PoolingKernelTest : public ::testing::TestWithParam<Isa> {
 protected:
  void SetUp() override {
    if (GetParam() > best_isa()) GTEST_SKIP() << "this CPU lacks " << isa_name(GetParam());
  }
  const PoolingForwardTable& forward() const {
    return GetParam() == Isa::Avx512 ? avx512::pooling_forward
           : GetParam() == Isa::Avx2 ? avx2::pooling_forward
                                     : baseline::pooling_forward;
  }
  const PoolingBackwardTable& backward() const {
    return GetParam() == Isa::Avx512 ? avx512::pooling_backward
           : GetParam() == Isa::Avx2 ? avx2::pooling_backward
                                     : baseline::pooling_backward;
  }

  // Rows in two calls, as two threads would do them. The scratch memory holds NaN before.
  template <typename Call>
  void in_parts(const PoolingParams& p, int64_t rows, const Call& call) {
    const size_t bytes = pooling_scratch_bytes(p);
    for (const int64_t part : {0, 1}) {
      std::vector<float> memory(bytes / 4 + 64 + kGuardCount, NAN);
      auto address = (reinterpret_cast<uintptr_t>(memory.data()) + 63) / 64 * 64;
      float* const end = reinterpret_cast<float*>(address + bytes);
      std::fill(end, memory.data() + memory.size(), kGuard);
      call(rows * 2 / 3 * part, part ? rows : rows * 2 / 3, reinterpret_cast<void*>(address));
      for (float* i = end; i < memory.data() + memory.size(); ++i) ASSERT_EQ(*i, kGuard);
    }
  }

  template <typename Tap>
  void check_max(const PoolingParams& p) {
    const int64_t in = p.planes * p.in_size(), out = p.planes * p.out_size();
    const std::vector<float> x = numbers((size_t)in, true, 2), dy = numbers((size_t)out, false, 3);
    Guarded<float> y(out), alone(out), dx(in);
    Guarded<Tap> tap(out);
    in_parts(p, p.out_rows(), [&](int64_t first, int64_t last, void* scratch) {
      forward().max(p, x.data(), y.data(), tap.data(), sizeof(Tap), first, last, scratch);
      forward().max(p, x.data(), alone.data(), nullptr, sizeof(Tap), first, last, scratch);
    });
    std::vector<float> best((size_t)out);
    std::vector<int64_t> winner((size_t)out, -1);
    for_all_taps(p, [&](size_t to, int64_t t, size_t from) {
      if (winner[to] >= 0 && !(!(x[from] <= best[to]) && !std::isnan(best[to]))) return;
      best[to] = x[from];
      winner[to] = t;
    });
    for (size_t i = 0; i < (size_t)out; ++i) {
      ASSERT_TRUE(same(y[i], best[i])) << "y " << i << ": " << y[i] << ", expected " << best[i];
      ASSERT_TRUE(same(alone[i], best[i])) << "y without taps " << i;
      ASSERT_EQ((int64_t)tap[i], winner[i]) << "tap " << i;
    }

    // Some taps that name nothing: outside the window, or in the padding.
    const int64_t window = p.kernel[0] * p.kernel[1] * p.kernel[2];
    for (int64_t i = 0; i < out; ++i)
      if (i % 7 == 3) tap.data()[i] = (Tap)(i % (window + 3));
    in_parts(p, p.in_rows(), [&](int64_t first, int64_t last, void* scratch) {
      backward().max(p, dy.data(), tap.data(), sizeof(Tap), dx.data(), first, last, scratch);
    });
    std::vector<double> gradient((size_t)in, 0.0);
    for_all_taps(p, [&](size_t from, int64_t t, size_t to) {
      if ((int64_t)tap[from] == t) gradient[to] += dy[from];
    });
    for (size_t i = 0; i < (size_t)in; ++i) ASSERT_NEAR(dx[i], gradient[i], 2e-5) << "dx " << i;
    EXPECT_TRUE(y.intact() && alone.intact() && tap.intact() && dx.intact());
  }

  void check_average(const PoolingParams& p) {
    const int64_t in = p.planes * p.in_size(), out = p.planes * p.out_size();
    const std::vector<float> x = numbers((size_t)in, false, 4), dy = numbers((size_t)out, false, 5);
    Guarded<float> y(out), dx(in);
    in_parts(p, p.out_rows(), [&](int64_t first, int64_t last, void* scratch) {
      forward().average(p, x.data(), y.data(), first, last, scratch);
    });
    in_parts(p, p.in_rows(), [&](int64_t first, int64_t last, void* scratch) {
      backward().average(p, dy.data(), dx.data(), first, last, scratch);
    });
    std::vector<double> expected((size_t)out, 0.0), gradient((size_t)in, 0.0),
        count((size_t)out, 0.0);
    for_all_taps(p, [&](size_t to, int64_t, size_t from) {
      expected[to] += x[from];
      count[to] += 1;
    });
    if (p.count_padding)
      count.assign((size_t)out, (double)(p.kernel[0] * p.kernel[1] * p.kernel[2]));
    for_all_taps(p,
                 [&](size_t from, int64_t, size_t to) { gradient[to] += dy[from] / count[from]; });
    for (size_t i = 0; i < (size_t)out; ++i)
      ASSERT_NEAR(y[i], expected[i] / count[i], 2e-6) << "y " << i;
    for (size_t i = 0; i < (size_t)in; ++i) ASSERT_NEAR(dx[i], gradient[i], 1e-5) << "dx " << i;
    EXPECT_TRUE(y.intact() && dx.intact());
  }
};

TEST_P(PoolingKernelTest, EveryWindowInEveryLayout) {
  for (const Case& c : kCases)
    for (const int64_t block : {1, 8, 16, 19}) {
      SCOPED_TRACE(::testing::Message() << c.name << ", " << block << " channels side by side");
      if (c.kernel[0] * c.kernel[1] * c.kernel[2] <= 256)
        check_max<uint8_t>(params_of(c, block, false));
      else
        check_max<int32_t>(params_of(c, block, false));
      for (const bool count_padding : {false, true})
        check_average(params_of(c, block, count_padding));
      if (HasFatalFailure()) return;
    }
}

INSTANTIATE_TEST_SUITE_P(Isas, PoolingKernelTest,
                         ::testing::Values(Isa::Baseline, Isa::Avx2, Isa::Avx512),
                         [](const auto& info) { return isa_name(info.param); });

}  // namespace
}  // namespace dn::cpu
