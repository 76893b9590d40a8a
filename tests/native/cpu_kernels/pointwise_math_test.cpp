// pointwise_math against double precision libm, in units in the last place, for each instruction
// set.
#include "cpu/kernels/pointwise_math.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <limits>
#include <random>
#include <string>
#include <vector>

namespace dn::cpu {
namespace {

constexpr float kInf = std::numeric_limits<float>::infinity();
constexpr float kNaN = std::numeric_limits<float>::quiet_NaN();
constexpr float kMax = std::numeric_limits<float>::max();
constexpr float kDenormal = std::numeric_limits<float>::denorm_min();

struct IsaCase {
  Isa isa;
  const PointwiseTable* table;
};

class PointwiseMath : public testing::TestWithParam<IsaCase> {
 protected:
  void SetUp() override {
    if (GetParam().isa > best_isa()) GTEST_SKIP() << "this CPU lacks " << isa_name(GetParam().isa);
  }
  const PointwiseTable& table() const { return *GetParam().table; }
};

INSTANTIATE_TEST_SUITE_P(Isa, PointwiseMath,
                         testing::Values(IsaCase{Isa::Baseline, &baseline::pointwise_table},
                                         IsaCase{Isa::Avx2, &avx2::pointwise_table},
                                         IsaCase{Isa::Avx512, &avx512::pointwise_table}),
                         [](const auto& info) { return isa_name(info.param.isa); });

// Distance of `got` from the exact value in units of the exact value's last place; infinite where
// only one of them is NaN or infinite, or the sign of a zero is wrong.
double ulps(float got, double exact) {
  const float rounded = static_cast<float>(exact);
  if (std::isnan(got) || std::isnan(rounded))
    return std::isnan(got) && std::isnan(rounded) ? 0.0 : kInf;
  if (got == rounded) return got == 0 && std::signbit(got) != std::signbit(rounded) ? kInf : 0.0;
  if (std::isinf(got)) return kInf;
  if (std::isinf(rounded))
    return (std::ldexp(1.0, 128) - std::abs(double(got))) / std::ldexp(1, 104);
  int exponent;
  std::frexp(exact, &exponent);
  return std::abs(double(got) - exact) / std::ldexp(1.0, std::max(exponent - 24, -149));
}

// Every 4099th float of all bit patterns (negative, denormal, NaN and infinite ones included),
// dense samples of where the functions change, and the special values.
std::vector<float> samples() {
  std::vector<float> values = {
      0.0f,        -0.0f,  kInf,    -kInf,    kNaN,    kMax,    -kMax,           kDenormal,
      -kDenormal,  1.0f,   -1.0f,   0.5f,     -0.5f,   2.0f,    0.625f,          4.0f,
      88.7228394f, 88.73f, -87.33f, -103.97f, -104.0f, -150.0f, 1.17549435e-38f, 1.17549421e-38f};
  for (uint64_t bits = 0; bits < (1ull << 32); bits += 4099) {
    const uint32_t pattern = static_cast<uint32_t>(bits);
    float x;
    std::memcpy(&x, &pattern, sizeof x);
    values.push_back(x);
  }
  for (int i = -400000; i <= 400000; ++i) values.push_back(float(i) * 2.7e-4f);
  for (int i = -200000; i <= 200000; ++i) values.push_back(1.0f + float(i) * 4e-6f);
  return values;
}

struct UnaryCase {
  MathFunction function;
  const char* name;
  double (*exact)(double);
  double bound;
};

const UnaryCase kUnary[] = {
    {MathFunction::Negate, "negate", [](double x) { return -x; }, 0},
    {MathFunction::Abs, "abs", [](double x) { return std::abs(x); }, 0},
    {MathFunction::Square, "square", [](double x) { return x * x; }, 0.501},
    {MathFunction::Reciprocal, "reciprocal", [](double x) { return 1 / x; }, 0.501},
    {MathFunction::Sqrt, "sqrt", [](double x) { return std::sqrt(x); }, 0.501},
    {MathFunction::Rsqrt, "rsqrt", [](double x) { return 1 / std::sqrt(x); }, 4},
    {MathFunction::Exp, "exp", [](double x) { return std::exp(x); }, 2},
    {MathFunction::Expm1, "expm1", [](double x) { return std::expm1(x); }, 4},
    {MathFunction::Log, "log", [](double x) { return std::log(x); }, 2},
    {MathFunction::Log1p, "log1p", [](double x) { return std::log1p(x); }, 4},
    {MathFunction::Tanh, "tanh", [](double x) { return std::tanh(x); }, 4},
    {MathFunction::Sigmoid, "sigmoid", [](double x) { return 1 / (1 + std::exp(-x)); }, 4},
    {MathFunction::Erf, "erf", [](double x) { return std::erf(x); }, 4},
    {MathFunction::Relu, "relu", [](double x) { return x < 0 ? 0.0 : x; }, 0},
    {MathFunction::Floor, "floor", [](double x) { return std::floor(x); }, 0},
    {MathFunction::Sign, "sign", [](double x) { return x > 0   ? 1.0
                                                       : x < 0 ? -1.0
                                                               : x; }, 0},
};

TEST_P(PointwiseMath, UnaryFunctionsStayWithinTheirErrorBound) {
  const std::vector<float> x = samples();
  for (const UnaryCase& c : kUnary) {
    std::vector<float> got(x.size(), kNaN);
    table().apply(c.function, x.data(), got.data(), int64_t(x.size()));
    double worst = 0;
    float worst_at = 0;
    for (size_t i = 0; i < x.size(); ++i) {
      const double error = ulps(got[i], c.exact(x[i]));
      if (!(error <= worst)) worst = error, worst_at = x[i];
    }
    EXPECT_TRUE(worst <= c.bound) << c.name << "(" << testing::PrintToString(worst_at)
                                  << "): " << worst << " ulp";
    RecordProperty(std::string(c.name) + "_ulp", std::to_string(worst));
  }
}

struct BinaryCase {
  BinaryFunction function;
  const char* name;
  double (*exact)(double, double);
  double bound;
};

const BinaryCase kBinary[] = {
    {BinaryFunction::Add, "add", [](double x, double y) { return x + y; }, 0.501},
    {BinaryFunction::Subtract, "subtract", [](double x, double y) { return x - y; }, 0.501},
    {BinaryFunction::Multiply, "multiply", [](double x, double y) { return x * y; }, 0.501},
    {BinaryFunction::Divide, "divide", [](double x, double y) { return x / y; }, 0.501},
    {BinaryFunction::Pow, "pow", [](double x, double y) { return std::pow(x, y); }, 4},
    {BinaryFunction::Min, "min",
     [](double x, double y) { return std::isnan(x) || std::isnan(y) ? kNaN
                                     : x < y                        ? x
                                                                    : y; }, 0},
    {BinaryFunction::Max, "max",
     [](double x, double y) { return std::isnan(x) || std::isnan(y) ? kNaN
                                     : x > y                        ? x
                                                                    : y; }, 0},
    {BinaryFunction::Equal, "equal", [](double x, double y) { return double(x == y); }, 0},
    {BinaryFunction::NotEqual, "not_equal", [](double x, double y) { return double(x != y); }, 0},
    {BinaryFunction::Less, "less", [](double x, double y) { return double(x < y); }, 0},
    {BinaryFunction::LessEqual, "less_equal", [](double x, double y) { return double(x <= y); }, 0},
    {BinaryFunction::Greater, "greater", [](double x, double y) { return double(x > y); }, 0},
    {BinaryFunction::GreaterEqual, "greater_equal",
     [](double x, double y) { return double(x >= y); }, 0},
};

// All pairs of special values, then random pairs.
void fill_pairs(std::vector<float>& x, std::vector<float>& y) {
  const float special[] = {0.0f,       -0.0f,  1.0f,  -1.0f,       0.5f,        -0.5f,
                           2.0f,       -2.0f,  3.0f,  -3.0f,       7.0f,        -7.5f,
                           kInf,       -kInf,  kNaN,  kMax,        -kMax,       kDenormal,
                           -kDenormal, 1e-20f, 1e20f, 16777216.0f, 16777215.0f, 0.99999994f};
  for (float a : special)
    for (float b : special) x.push_back(a), y.push_back(b);
  std::mt19937 generator(7);
  std::uniform_real_distribution<float> exponent(-40, 40), power(-12, 12), uniform(-3, 3);
  for (int i = 0; i < 300000; ++i) {
    x.push_back(std::exp2(exponent(generator)));
    y.push_back(power(generator));
    x.push_back(uniform(generator));
    y.push_back(uniform(generator));
    x.push_back(1.0f + uniform(generator) * 0.01f);  // large powers of numbers near 1
    y.push_back(power(generator) * 700);
    x.push_back(uniform(generator));
    y.push_back(std::floor(power(generator)));
  }
}

TEST_P(PointwiseMath, BinaryFunctionsStayWithinTheirErrorBound) {
  std::vector<float> x, y;
  fill_pairs(x, y);
  for (const BinaryCase& c : kBinary) {
    std::vector<float> got(x.size(), kNaN);
    table().apply_binary(c.function, x.data(), y.data(), got.data(), int64_t(x.size()));
    double worst = 0;
    size_t worst_at = 0;
    for (size_t i = 0; i < x.size(); ++i) {
      double exact = c.exact(x[i], y[i]);
      // Which of two zeros min and max give is not specified.
      if (exact == 0 && got[i] == 0 && c.bound == 0) exact = got[i];
      const double error = ulps(got[i], exact);
      if (!(error <= worst)) worst = error, worst_at = i;
    }
    EXPECT_TRUE(worst <= c.bound) << c.name << "(" << x[worst_at] << ", " << y[worst_at]
                                  << ") = " << got[worst_at] << ": " << worst << " ulp";
  }
}

TEST_P(PointwiseMath, ScalarOperandsGiveTheSameBitsAsArrays) {
  std::vector<float> x, y;
  fill_pairs(x, y);
  x.resize(1000);
  const int64_t n = int64_t(x.size());
  for (const BinaryCase& c : kBinary) {
    for (float s : {0.0f, 1.5f, -2.0f, kInf, kNaN}) {
      const std::vector<float> filled(x.size(), s);
      std::vector<float> array(x.size()), scalar(x.size(), 77.0f);
      table().apply_binary(c.function, x.data(), filled.data(), array.data(), n);
      table().apply_scalar(c.function, x.data(), s, scalar.data(), n);
      EXPECT_EQ(std::memcmp(array.data(), scalar.data(), x.size() * 4), 0) << c.name << " " << s;
      table().apply_binary(c.function, filled.data(), x.data(), array.data(), n);
      table().apply_scalar_left(c.function, s, x.data(), scalar.data(), n);
      EXPECT_EQ(std::memcmp(array.data(), scalar.data(), x.size() * 4), 0) << s << " " << c.name;
    }
  }
}

TEST_P(PointwiseMath, SelectTakesTheFirstWhereConditionIsNotZero) {
  const std::vector<float> condition = {1, 0, -0.0f, kNaN, -3, 0, kDenormal, 0, 1, 0,
                                        2, 0, 1,     0,    1,  0, 1,         0, 1};
  std::vector<float> x, y, out(condition.size(), kNaN);
  for (size_t i = 0; i < condition.size(); ++i) x.push_back(float(i)), y.push_back(-float(i) - 1);
  for (bool x_array : {true, false})
    for (bool y_array : {true, false}) {
      table().select(condition.data(), {x_array ? x.data() : nullptr, 5.5f},
                     {y_array ? y.data() : nullptr, -6.5f}, out.data(), int64_t(out.size()));
      for (size_t i = 0; i < out.size(); ++i)
        EXPECT_EQ(out[i], condition[i] != 0 ? (x_array ? x[i] : 5.5f) : (y_array ? y[i] : -6.5f))
            << i;
    }
}

TEST_P(PointwiseMath, CompareSelectIsTheComparisonThenTheSelect) {
  std::vector<float> a, b, x, y;
  fill_pairs(a, b);
  a.resize(1003);  // all pairs of special values, and no whole vector at the end
  const int64_t n = int64_t(a.size());
  for (int64_t i = 0; i < n; ++i) x.push_back(float(i)), y.push_back(-float(i) - 1);
  for (const BinaryCase& c : kBinary) {
    if (c.function < BinaryFunction::Equal) continue;
    for (int arrays = 0; arrays < 8; ++arrays) {
      const PointwiseOperand right{arrays & 1 ? b.data() : nullptr, -0.5f};
      const PointwiseOperand left_value{arrays & 2 ? x.data() : nullptr, 0.25f};
      const PointwiseOperand right_value{arrays & 4 ? y.data() : nullptr, -0.75f};
      std::vector<float> got(a.size(), kNaN);
      table().compare_select(c.function, a.data(), right, left_value, right_value, got.data(), n);
      for (int64_t i = 0; i < n; ++i) {
        const bool truth = c.exact(a[i], right.array ? b[i] : right.number) != 0;
        const PointwiseOperand& taken = truth ? left_value : right_value;
        ASSERT_EQ(got[i], taken.array ? taken.array[i] : taken.number) << c.name << " " << i;
      }
    }
  }
}

// Every length to 70, in place and not: only the n elements are written.
TEST_P(PointwiseMath, AnyLengthStaysInsideItsArray) {
  for (int64_t n = 0; n <= 70; ++n) {
    std::vector<float> x(n), guarded(n + 64, 123.0f);
    for (int64_t i = 0; i < n; ++i) x[i] = 0.1f * float(i + 1);
    table().apply(MathFunction::Exp, x.data(), guarded.data() + 32, n);
    std::vector<float> in_place = x;
    table().apply(MathFunction::Exp, in_place.data(), in_place.data(), n);
    for (int64_t i = 0; i < n + 64; ++i) {
      if (i >= 32 && i < n + 32) {
        ASSERT_TRUE(ulps(guarded[i], std::exp(double(x[i - 32]))) <= 2) << n << " " << i;
        ASSERT_EQ(guarded[i], in_place[i - 32]);
      } else {
        ASSERT_EQ(guarded[i], 123.0f) << n << " " << i;
      }
    }
  }
}

}  // namespace
}  // namespace dn::cpu
