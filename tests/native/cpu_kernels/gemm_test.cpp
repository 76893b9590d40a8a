// gemm against a naive product in double, for each instruction set.
#include "cpu/kernels/gemm.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <cstring>
#include <limits>
#include <memory>
#include <new>
#include <ostream>
#include <random>
#include <string>
#include <vector>

namespace dn::cpu {
namespace {

constexpr float kGuard = 12345.0f;
constexpr float kNaN = std::numeric_limits<float>::quiet_NaN();
constexpr int64_t kGuardCount = 64;
constexpr Transpose kNo = Transpose::No, kYes = Transpose::Yes;

// On cache lines, as the engine's tensors.
template <typename T>
struct LineAllocator {
  using value_type = T;
  T* allocate(size_t n) {
    return static_cast<T*>(::operator new(n * sizeof(T), std::align_val_t(64)));
  }
  void deallocate(T* p, size_t) { ::operator delete(p, std::align_val_t(64)); }
  bool operator==(const LineAllocator&) const { return true; }
};
using Lines = std::vector<float, LineAllocator<float>>;

struct IsaCase {
  Isa isa;
  const GemmTable* table;
};

struct Case {
  int64_t rows, columns, depth;
  Transpose transpose_a = kNo, transpose_b = kNo;
  int64_t batch = 1;
  int64_t padding = 0;  // added to each leading dimension
  GradMode mode = GradMode::Overwrite;
  bool bias = false, scale = false, sums = false;
  Epilogue epilogue = Epilogue::Identity;

  friend std::ostream& operator<<(std::ostream& out, const Case& c) {
    return out << c.rows << "x" << c.columns << "x" << c.depth << " "
               << (c.transpose_a == kYes ? 'T' : 'N') << (c.transpose_b == kYes ? 'T' : 'N')
               << " batch " << c.batch << " padding " << c.padding << " mode " << int(c.mode)
               << " bias " << c.bias << " scale " << c.scale << " sums " << c.sums << " epilogue "
               << int(c.epilogue);
  }
};

// The buffers of one case; outputs lie between guard bands and start as NaN when overwritten.
struct Problem {
  Case c;
  std::vector<float> a, b, bias, activation, sums, sums_start;
  Lines out, out_start;
  float scale = 0.37f;
  GemmParams p;

  Problem(const Case& problem, unsigned seed) : c(problem) {
    std::mt19937 generator(seed);
    std::uniform_real_distribution<float> uniform(-1, 1);
    const auto fill = [&](std::vector<float>& v, int64_t count) {
      v.resize(count);
      for (float& x : v) x = uniform(generator);
    };
    p.rows = c.rows, p.columns = c.columns, p.depth = c.depth, p.batch = c.batch;
    p.transpose_a = c.transpose_a, p.transpose_b = c.transpose_b;
    p.lda = (c.transpose_a == kYes ? c.rows : c.depth) + c.padding;
    p.ldb = (c.transpose_b == kYes ? c.depth : c.columns) + c.padding;
    p.ldc = c.columns + c.padding;
    p.a_batch_stride = (c.transpose_a == kYes ? c.depth : c.rows) * p.lda;
    p.b_batch_stride = (c.transpose_b == kYes ? c.columns : c.depth) * p.ldb;
    p.c_batch_stride = c.rows * p.ldc;
    fill(a, c.batch * p.a_batch_stride);
    fill(b, c.batch * p.b_batch_stride);
    fill(bias, c.columns);
    fill(activation, c.batch * p.c_batch_stride);
    out.assign(c.batch * p.c_batch_stride + 2 * kGuardCount, kGuard);
    sums.assign(c.columns + 2 * kGuardCount, kGuard);
    for (int64_t i = 0; i < c.columns; ++i)
      sums[kGuardCount + i] = c.mode == GradMode::Accumulate ? uniform(generator) : kNaN;
    for (int64_t item = 0; item < c.batch; ++item)
      for (int64_t i = 0; i < c.rows; ++i)
        for (int64_t j = 0; j < c.columns; ++j)
          out[kGuardCount + item * p.c_batch_stride + i * p.ldc + j] =
              c.mode == GradMode::Accumulate ? uniform(generator) : kNaN;
    out_start = out;
    sums_start = sums;
    p.a = a.data(), p.b = b.data(), p.c = out.data() + kGuardCount;
    p.mode = c.mode, p.epilogue = c.epilogue;
    if (c.bias) p.bias = bias.data();
    if (c.scale) p.scale = &scale;
    if (c.sums) p.b_sums = sums.data() + kGuardCount;
    if (c.epilogue == Epilogue::ReluBackward) p.activation = activation.data();
  }

  void run(const GemmTable& table, int threads) {
    out = out_start;
    sums = sums_start;
    const int64_t bytes = table.scratch_bytes(p, threads);
    // Exactly the size asked for: AddressSanitizer sees a write past it.
    const std::unique_ptr<void, decltype(&std::free)> scratch(
        bytes > 0 ? std::aligned_alloc(64, size_t(bytes)) : nullptr, &std::free);
    p.scratch = scratch.get();
    table.run(p, threads);
  }

  double a_at(int64_t item, int64_t i, int64_t k) const {
    return a[item * p.a_batch_stride + (c.transpose_a == kYes ? k * p.lda + i : i * p.lda + k)];
  }
  double b_at(int64_t item, int64_t k, int64_t j) const {
    return b[item * p.b_batch_stride + (c.transpose_b == kYes ? j * p.ldb + k : k * p.ldb + j)];
  }

  void check() const {
    Lines untouched = out;
    for (int64_t item = 0; item < c.batch; ++item) {
      for (int64_t i = 0; i < c.rows; ++i) {
        for (int64_t j = 0; j < c.columns; ++j) {
          const int64_t at = item * p.c_batch_stride + i * p.ldc + j;
          double sum = 0, peak = 0;
          for (int64_t k = 0; k < c.depth; ++k) {
            sum += a_at(item, i, k) * b_at(item, k, j);
            peak = std::max(peak, std::abs(sum));
          }
          if (c.scale) sum *= scale;
          if (c.mode == GradMode::Accumulate) sum += out_start[kGuardCount + at];
          if (c.bias) sum += bias[j];
          if (c.epilogue == Epilogue::Relu) sum = std::max(sum, 0.0);
          if (c.epilogue == Epilogue::Sigmoid) sum = 1 / (1 + std::exp(-sum));
          if (c.epilogue == Epilogue::Tanh) sum = std::tanh(sum);
          if (c.epilogue == Epilogue::ReluBackward && activation[at] <= 0) sum = 0;
          // `depth` roundings of a sum up to `peak` as a random walk, about 5 of its standard
          // deviations; 4 covers bias, C and epilogue.
          const double bound =
              std::numeric_limits<float>::epsilon() * (1.5 * std::sqrt(double(c.depth)) * peak + 4);
          ASSERT_TRUE(std::abs(out[kGuardCount + at] - sum) <= bound)
              << c << ": item " << item << " (" << i << ", " << j << "): " << out[kGuardCount + at]
              << " != " << sum;
          untouched[kGuardCount + at] = out_start[kGuardCount + at];
        }
      }
    }
    ASSERT_EQ(std::memcmp(untouched.data(), out_start.data(), out.size() * 4), 0)
        << c << ": wrote outside C";
    for (int64_t j = 0; j < int64_t(sums.size()); ++j) {
      const int64_t column = j - kGuardCount;
      if (!c.sums || column < 0 || column >= c.columns) {
        ASSERT_EQ(std::memcmp(&sums[j], &sums_start[j], 4), 0) << c << ": wrote outside the sums";
        continue;
      }
      double sum = c.mode == GradMode::Accumulate ? sums_start[j] : 0;
      for (int64_t k = 0; k < c.depth; ++k) sum += b_at(0, k, column);
      ASSERT_TRUE(std::abs(sums[j] - sum) <= 1e-6 * (double(c.depth) / 2 + 4))
          << c << ": sum " << j;
    }
  }
};

class Gemm : public testing::TestWithParam<IsaCase> {
 protected:
  void SetUp() override {
    if (GetParam().isa > best_isa()) GTEST_SKIP() << "this CPU lacks " << isa_name(GetParam().isa);
  }
  // Correct, the same bits with 1, 2 and 3 threads and when run again.
  void expect_correct(const Case& c) {
    SCOPED_TRACE(testing::PrintToString(c));
    Problem problem(c, unsigned(c.rows * 31 + c.columns * 7 + c.depth));
    problem.run(*GetParam().table, 1);
    problem.check();
    const Lines out = problem.out;
    const std::vector<float> sums = problem.sums;
    for (int threads : {1, 2, 3}) {
      problem.run(*GetParam().table, threads);
      ASSERT_EQ(std::memcmp(problem.out.data(), out.data(), out.size() * 4), 0) << threads;
      ASSERT_EQ(std::memcmp(problem.sums.data(), sums.data(), sums.size() * 4), 0) << threads;
    }
  }
};

INSTANTIATE_TEST_SUITE_P(Isa, Gemm,
                         testing::Values(IsaCase{Isa::Baseline, &baseline::gemm_table},
                                         IsaCase{Isa::Avx2, &avx2::gemm_table},
                                         IsaCase{Isa::Avx512, &avx512::gemm_table}),
                         [](const auto& info) { return isa_name(info.param.isa); });

TEST_P(Gemm, LayersOfFullyConnectedNets) {
  for (const Case c :
       {Case{100, 300, 784}, Case{100, 100, 300}, Case{100, 10, 100}, Case{100, 200, 256},
        Case{100, 10, 200}, Case{784, 300, 100, kYes}, Case{300, 100, 100, kYes},
        Case{100, 10, 100, kYes}, Case{256, 200, 100, kYes}, Case{100, 300, 100, kNo, kYes},
        Case{100, 100, 10, kNo, kYes}, Case{100, 256, 200, kNo, kYes}})
    expect_correct(c);
}

TEST_P(Gemm, EverySmallWidthAndHeight) {
  for (int64_t columns = 1; columns <= 70; ++columns)
    for (int64_t rows : {1, 2, 3, 5, 8, 13, 17, 31})
      for (Transpose b : {kNo, kYes}) expect_correct({rows, columns, 19, kNo, b});
  for (int64_t rows = 1; rows <= 70; ++rows)
    for (Transpose a : {kNo, kYes}) expect_correct({rows, 37, 11, a, kNo});
}

TEST_P(Gemm, RandomShapesAndOptions) {
  std::mt19937 generator(11);
  const auto pick = [&](int64_t low, int64_t high) {
    return std::uniform_int_distribution<int64_t>(low, high)(generator);
  };
  for (int i = 0; i < 150; ++i) {
    Case c{pick(1, 120), pick(1, 200), pick(1, 150)};
    c.transpose_a = pick(0, 1) ? kYes : kNo;
    c.transpose_b = pick(0, 1) ? kYes : kNo;
    c.batch = pick(0, 3) == 0 ? pick(2, 5) : 1;
    c.padding = pick(0, 1) ? pick(1, 20) : 0;
    c.mode = pick(0, 1) ? GradMode::Accumulate : GradMode::Overwrite;
    c.bias = pick(0, 1), c.scale = pick(0, 1), c.sums = c.batch == 1 && pick(0, 1);
    c.epilogue = Epilogue(pick(0, 4));
    expect_correct(c);
  }
}

TEST_P(Gemm, DepthInSeveralBlocks) {
  for (Transpose a : {kNo, kYes})
    for (Transpose b : {kNo, kYes})
      for (GradMode mode : {GradMode::Overwrite, GradMode::Accumulate}) {
        Case c{100, 70, 2100, a, b};
        c.mode = mode, c.bias = c.scale = c.sums = true, c.epilogue = Epilogue::Relu;
        expect_correct(c);
        c.rows = 7, c.padding = 500;  // a leading dimension for which B is packed
        expect_correct(c);
      }
}

// A transposed A of these sizes is packed.
TEST_P(Gemm, TransposedLargeA) {
  for (Transpose b : {kNo, kYes})
    for (GradMode mode : {GradMode::Overwrite, GradMode::Accumulate}) {
      Case c{131, 297, 1030, kYes, b};
      c.mode = mode, c.bias = c.scale = c.sums = true, c.epilogue = Epilogue::Tanh;
      expect_correct(c);
      c.rows = 300, c.columns = 257, c.depth = 150, c.epilogue = Epilogue::ReluBackward;
      c.padding = 7;
      expect_correct(c);
    }
}

TEST_P(Gemm, RowsOfBLargePowersOfTwoApart) {
  Case c{50, 1024, 140};
  c.bias = c.sums = true;
  expect_correct(c);
}

// Larger than the caches: B, of which some rows are read side by side; C, which is streamed.
TEST_P(Gemm, LargeBFewRows) {
  Case c{7, 1037, 8101};
  c.bias = c.scale = c.sums = true, c.epilogue = Epilogue::Relu;
  expect_correct(c);
}
TEST_P(Gemm, LargeC) {
  for (Transpose a : {kNo, kYes}) {
    Case c{4106, 2064, 3, a};
    c.sums = true;
    expect_correct(c);
  }
  Case padded{2100, 4081, 2};
  padded.padding = 3, padded.mode = GradMode::Accumulate, padded.sums = true;
  expect_correct(padded);
}

TEST_P(Gemm, EmptyAndZeroDepth) {
  for (const Case c : {Case{0, 5, 3}, Case{5, 0, 3}, Case{5, 7, 0}, Case{5, 7, 3, kNo, kNo, 0}}) {
    expect_correct(c);
    Case with = c;
    with.bias = true, with.mode = GradMode::Accumulate, with.epilogue = Epilogue::Relu;
    with.transpose_b = kYes;
    expect_correct(with);
  }
}

TEST_P(Gemm, ReluKeepsNaNAndInfinityTravels) {
  Problem problem({20, 40, 30}, 1);
  problem.p.epilogue = Epilogue::Relu;
  problem.a[3 * problem.p.lda + 5] = kNaN;
  for (int64_t k = 0; k < 30; ++k) problem.b[k * problem.p.ldb + 2] = 1.0f;
  problem.a[4 * problem.p.lda + 6] = std::numeric_limits<float>::infinity();
  problem.a[5 * problem.p.lda + 6] = -std::numeric_limits<float>::infinity();
  problem.run(*GetParam().table, 2);
  for (int64_t j = 0; j < 40; ++j) EXPECT_TRUE(std::isnan(problem.p.c[3 * problem.p.ldc + j])) << j;
  EXPECT_EQ(problem.p.c[4 * problem.p.ldc + 2], std::numeric_limits<float>::infinity());
  EXPECT_EQ(problem.p.c[5 * problem.p.ldc + 2], 0.0f);
}

}  // namespace
}  // namespace dn::cpu
