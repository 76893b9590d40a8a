// Every way to run an expression against float64, and against each other.
#include "cuda/kernels/pointwise.h"

#include <algorithm>
#include <cmath>
#include <memory>
#include <numeric>

#include "cuda/expression.h"
#include "cuda/expression_match.h"
#include "cuda/kernels/layout_change.h"
#include "engine/types.h"
#include "typed_array.h"

namespace dn::cuda {

namespace {

using Expression = std::vector<dn_instruction>;

double opcode_value(const dn_instruction& e, const std::vector<double>& v) {
  const auto a = [&] { return v[(size_t)e.a]; };
  const auto b = [&] { return v[(size_t)e.b]; };
  switch (e.opcode) {
    case DN_OPCODE_ADD:
      return a() + b();
    case DN_OPCODE_SUB:
      return a() - b();
    case DN_OPCODE_MUL:
      return a() * b();
    case DN_OPCODE_DIV:
      return a() / b();
    case DN_OPCODE_MIN:
      return std::isnan(a()) || std::isnan(b()) ? NAN : std::min(a(), b());
    case DN_OPCODE_MAX:
      return std::isnan(a()) || std::isnan(b()) ? NAN : std::max(a(), b());
    case DN_OPCODE_POW:
      return std::pow(a(), b());
    case DN_OPCODE_LT:
      return a() < b();
    case DN_OPCODE_LE:
      return a() <= b();
    case DN_OPCODE_GT:
      return a() > b();
    case DN_OPCODE_GE:
      return a() >= b();
    case DN_OPCODE_EQ:
      return a() == b();
    case DN_OPCODE_NE:
      return a() != b();
    case DN_OPCODE_SELECT:
      return a() != 0 ? b() : v[(size_t)e.c];
    case DN_OPCODE_NEG:
      return -a();
    case DN_OPCODE_ABS:
      return std::abs(a());
    case DN_OPCODE_SQRT:
      return std::sqrt(a());
    case DN_OPCODE_RSQRT:
      return 1 / std::sqrt(a());
    case DN_OPCODE_EXP:
      return std::exp(a());
    case DN_OPCODE_EXPM1:
      return std::expm1(a());
    case DN_OPCODE_LOG:
      return std::log(a());
    case DN_OPCODE_LOG1P:
      return std::log1p(a());
    case DN_OPCODE_TANH:
      return std::tanh(a());
    case DN_OPCODE_SIGMOID:
      return 1 / (1 + std::exp(-a()));
    case DN_OPCODE_ERF:
      return std::erf(a());
    default:
      return std::floor(a());
  }
}

// The outputs of one element.
std::vector<double> reference(const Expression& expression, const std::vector<double>& inputs) {
  std::vector<double> values(expression.size()), outputs;
  for (size_t i = 0; i < expression.size(); ++i) {
    const dn_instruction& e = expression[i];
    if (e.opcode == DN_OPCODE_INPUT) {
      values[i] = inputs[(size_t)e.a];
    } else if (e.opcode == DN_OPCODE_CONSTANT) {
      values[i] = e.value;
    } else if (e.opcode == DN_OPCODE_OUTPUT) {
      outputs.resize(std::max(outputs.size(), (size_t)e.b + 1));
      outputs[(size_t)e.b] = values[(size_t)e.a];
    } else {
      values[i] = opcode_value(e, values);
    }
  }
  return outputs;
}

// An operand in some type: `shape` is aligned at the last axis of the outputs' as in NumPy, and its
// elements lie in the order of memory that `permuted` axes give (outermost first; empty:
// row-major).
struct Operand {
  std::vector<int64_t> shape = {};
  dn_dtype dtype = DN_DTYPE_F32;
  std::vector<int> permuted = {};
  size_t misalign = 0;
};

// ProgramWithWideIndex: what 2^31 elements and more need.
enum class Way { Function, Program, ProgramWithWideIndex, Wide };

class Problem {
 public:
  Problem(std::vector<int64_t> dims, std::vector<Operand> inputs, std::vector<dn_dtype> outputs,
          unsigned seed = 1, float low = -2, float high = 2, bool whole = false)
      : dims_(std::move(dims)), operands_(std::move(inputs)), outputs_(std::move(outputs)) {
    for (int64_t dim : dims_) numel_ *= dim;
    for (const Operand& operand : operands_) {
      int64_t count = 1;
      for (int64_t dim : operand.shape) count *= dim;
      // Rounded to the type before anything is computed from them.
      std::vector<float> numbers = random_floats((size_t)count, seed++, low, high);
      if (whole) std::ranges::transform(numbers, numbers.begin(), floorf);
      const TypedArray<float> raw(numbers);
      auto data = std::make_unique<TypedArray<double>>((size_t)count + 1, operand.misalign);
      const TypedArray<float> back((size_t)count);
      change_type(nullptr, {raw.data(), data->data(), DN_DTYPE_F32, operand.dtype, count});
      change_type(nullptr, {data->data(), back.data(), operand.dtype, DN_DTYPE_F32, count});
      values_.push_back(back.read());
      strides_.push_back(strides_of(operand));
      data_.push_back(std::move(data));
    }
  }

  // The outputs as floats.
  std::vector<std::vector<float>> run(Way way, const Expression& expression) const {
    std::vector<std::unique_ptr<TypedArray<double>>> results;
    PointwiseParams p;
    p.rank = (int)dims_.size();
    std::copy(dims_.begin(), dims_.end(), p.dims);
    p.input_count = (int)operands_.size();
    p.output_count = (int)outputs_.size();
    std::vector<PointwiseInput> inputs;
    for (size_t i = 0; i < operands_.size(); ++i) {
      inputs.push_back(
          make_pointwise_input(p.rank, p.dims, strides_[i].data(), operands_[i].dtype));
      inputs.back().data = data_[i]->data();
    }
    for (size_t i = 0; i < outputs_.size(); ++i)
      results.push_back(std::make_unique<TypedArray<double>>((size_t)numel_));
    if (way == Way::Wide) {
      run_wide(p, expression, inputs, results);
    } else {
      std::copy(inputs.begin(), inputs.end(), p.inputs);
      for (size_t i = 0; i < outputs_.size(); ++i) p.outputs[i] = {results[i]->data(), outputs_[i]};
      if (way != Way::Function) {
        const auto program = compile_expression(expression);
        EXPECT_TRUE(program) << "the expression needs too many registers";
        if (program) pointwise_program(nullptr, {p, *program, way == Way::ProgramWithWideIndex});
      } else {
        run_function(p, expression, inputs);
      }
    }
    std::vector<std::vector<float>> floats;
    for (size_t i = 0; i < outputs_.size(); ++i) {
      const TypedArray<float> as_float((size_t)numel_);
      change_type(nullptr,
                  {results[i]->data(), as_float.data(), outputs_[i], DN_DTYPE_F32, numel_});
      (void)results[i]->read();  // the guard bands
      floats.push_back(as_float.read());
    }
    return floats;
  }

  // Runs twice and compares with float64, as far as the output's type goes.
  void check(Way way, const Expression& expression, double tolerance = 4e-6) const {
    const auto first = run(way, expression), second = run(way, expression);
    for (size_t output = 0; output < outputs_.size(); ++output) {
      // The same bits, NaN included.
      if (numel_ == 0) continue;
      EXPECT_EQ(std::memcmp(first[output].data(), second[output].data(), (size_t)numel_ * 4), 0);
      const double epsilon = outputs_[output] == DN_DTYPE_BF16  ? 0x1p-8
                             : outputs_[output] == DN_DTYPE_F16 ? 0x1p-11
                                                                : tolerance;
      for (int64_t i = 0; i < numel_; ++i) {
        const double expected = at(expression, i)[output], actual = first[output][(size_t)i];
        const double allowed = epsilon * std::max(1.0, std::abs(expected));
        if (std::isfinite(expected) ? std::abs(actual - expected) <= allowed
            : std::isnan(expected)  ? std::isnan(actual)
                                    : actual == expected)
          continue;
        ADD_FAILURE() << "way " << (int)way << ", output " << output << ", element " << i << " of "
                      << numel_ << " is " << actual << ", expected " << expected;
        return;
      }
    }
  }

  int64_t numel() const { return numel_; }

 private:
  // Along the outputs' axes; 0 where it is repeated.
  std::vector<int64_t> strides_of(const Operand& operand) const {
    const int rank = (int)dims_.size(), own_rank = (int)operand.shape.size();
    std::vector<int> order = operand.permuted;
    if (order.empty()) {
      order.resize(operand.shape.size());
      std::iota(order.begin(), order.end(), 0);
    }
    std::vector<int64_t> own(operand.shape.size()), strides(dims_.size(), 0);
    int64_t stride = 1;
    for (int i = own_rank - 1; i >= 0; --i) {
      own[(size_t)order[(size_t)i]] = stride;
      stride *= operand.shape[(size_t)order[(size_t)i]];
    }
    for (int i = 0; i < own_rank; ++i)
      if (operand.shape[(size_t)i] != 1) strides[(size_t)(i + rank - own_rank)] = own[(size_t)i];
    return strides;
  }

  std::vector<double> at(const Expression& expression, int64_t index) const {
    std::vector<double> inputs;
    for (size_t i = 0; i < operands_.size(); ++i) {
      int64_t rest = index, offset = 0;
      for (size_t axis = dims_.size(); axis-- > 0;) {
        offset += rest % dims_[axis] * strides_[i][axis];
        rest /= dims_[axis];
      }
      inputs.push_back(values_[i][(size_t)offset]);
    }
    return reference(expression, inputs);
  }

  void run_function(const PointwiseParams& operands, const Expression& expression,
                    const std::vector<PointwiseInput>& inputs) const {
    const FunctionMatch match = match_function(expression);
    PointwiseFunctionParams p;
    p.operands = operands;
    p.function = match.function;
    p.operands.input_count = (int)match.inputs.size();
    for (size_t i = 0; i < match.inputs.size(); ++i)
      p.operands.inputs[i] = inputs[(size_t)match.inputs[i]];
    std::copy(match.constants.begin(), match.constants.end(), p.constants);
    EXPECT_TRUE(can_run_pointwise_function(p));
    if (can_run_pointwise_function(p)) pointwise_function(nullptr, p);
  }

  // Slots are not shared here: as many as there are instructions.
  void run_wide(const PointwiseParams& operands, const Expression& expression,
                const std::vector<PointwiseInput>& inputs,
                const std::vector<std::unique_ptr<TypedArray<double>>>& results) const {
    std::vector<WideStep> steps;
    for (size_t i = 0; i < expression.size(); ++i) {
      const dn_instruction& e = expression[i];
      steps.push_back({e.opcode, (int32_t)i, e.a, e.b, e.c, e.value});
    }
    const TypedArray<WideStep> device_steps(steps);
    const TypedArray<PointwiseInput> device_inputs(inputs);
    const TypedArray<float> values(steps.size() * kWideThreads);
    WidePointwiseParams p;
    p.rank = operands.rank;
    std::copy_n(operands.dims, DN_MAX_RANK, p.dims);
    p.steps = device_steps.data();
    p.inputs = device_inputs.data();
    p.values = values.data();
    p.step_count = (int)steps.size();
    p.slot_count = (int)steps.size();
    for (size_t i = 0; i < inputs.size(); ++i) p.input_data[i] = inputs[i].data;
    for (size_t i = 0; i < results.size(); ++i) {
      p.output_data[i] = results[i]->data();
      p.output_dtypes[i] = outputs_[i];
    }
    pointwise_wide(nullptr, p);
    expect_ok(cudaDeviceSynchronize());
  }

  std::vector<int64_t> dims_;
  std::vector<Operand> operands_;
  std::vector<dn_dtype> outputs_;
  int64_t numel_ = 1;
  std::vector<std::unique_ptr<TypedArray<double>>> data_;  // large enough for any type
  std::vector<std::vector<float>> values_;
  std::vector<std::vector<int64_t>> strides_;
};

// ---- compiled expressions ----

class CompiledExpression : public testing::TestWithParam<FunctionPattern> {};

TEST_P(CompiledExpression, EqualsFloat64AndTheInterpreter) {
  const FunctionPattern& pattern = GetParam();
  const float constants[] = {0.375f, -1.25f};
  const Expression expression =
      expression_of(pattern.pattern, std::span(constants).first((size_t)pattern.constants));
  const FunctionMatch match = match_function(expression);
  ASSERT_EQ(match.function, pattern.function) << pattern.name;
  EXPECT_EQ((int)match.constants.size(), pattern.constants);
  const bool positive = pattern.name == "Sqrt" || pattern.name == "Log";
  for (dn_dtype type : {DN_DTYPE_F32, DN_DTYPE_BF16, DN_DTYPE_F16}) {
    for (size_t misalign : {0, 1}) {
      for (int64_t count : {1000, 1003}) {
        const Problem run(
            {count}, std::vector<Operand>((size_t)pattern.inputs, {{count}, type, {}, misalign}),
            {type}, 7, positive ? 0.01f : -3.0f, 3.0f);
        run.check(Way::Function, expression);
        run.check(Way::Program, expression);
      }
    }
  }
}

INSTANTIATE_TEST_SUITE_P(All, CompiledExpression,
                         testing::ValuesIn(function_patterns().begin(), function_patterns().end()),
                         [](const auto& info) { return std::string(info.param.name); });

TEST(PointwiseFunction, BroadcastsVectorsAndNumbers) {
  const Expression affine = expression_of("add mul x y z", {});
  // Channels innermost, rows, a number, channels in the middle; packs fit or do not.
  for (int64_t channels : {16, 8, 3}) {
    const Problem inner({6, 5, channels}, {{{6, 5, channels}}, {{channels}}, {{1, channels}}},
                        {DN_DTYPE_F32});
    inner.check(Way::Function, affine);
    inner.check(Way::Program, affine);
    const Problem middle({2, channels, 16},
                         {{{2, channels, 16}}, {{channels, 1}}, {{1, channels, 1}}},
                         {DN_DTYPE_F32});
    middle.check(Way::Function, affine);
    middle.check(Way::Wide, affine);
    const Problem rows({channels, 7}, {{{channels, 7}}, {{channels, 1}}, {{}}}, {DN_DTYPE_F32});
    rows.check(Way::Function, affine);
    const Problem half(
        {6, channels},
        {{{6, channels}, DN_DTYPE_BF16}, {{channels}, DN_DTYPE_BF16}, {{1}, DN_DTYPE_BF16}},
        {DN_DTYPE_BF16});
    half.check(Way::Function, affine);
  }
}

TEST(PointwiseFunction, NormalisesBytes) {
  for (const char* pattern : {"mul sub x y z", "div sub x y z", "add mul x y z"})
    for (dn_dtype type : {DN_DTYPE_F32, DN_DTYPE_BF16, DN_DTYPE_F16})
      for (int64_t width : {16, 5})
        Problem({2, 3, width}, {{{2, 3, width}, DN_DTYPE_U8}, {{3, 1}, type}, {{3, 1}, type}},
                {type}, 3, 0, 4)
            .check(Way::Function, expression_of(pattern, {}));
}

TEST(PointwiseFunction, MatchesSumsEitherWayRound) {
  // (1 - y * y) * x, the constant second where the pattern has it first: not the same, no match.
  const Expression gradient = {{DN_OPCODE_INPUT, 0, 0, 0, 0}, {DN_OPCODE_INPUT, 1, 0, 0, 0},
                               {DN_OPCODE_MUL, 0, 0, 0, 0},   {DN_OPCODE_CONSTANT, 0, 0, 0, 1},
                               {DN_OPCODE_SUB, 3, 2, 0, 0},   {DN_OPCODE_MUL, 4, 1, 0, 0},
                               {DN_OPCODE_OUTPUT, 5, 0, 0, 0}};
  const FunctionMatch match = match_function(gradient);
  EXPECT_EQ(match.function, PointwiseFunction::TanhGradient);
  EXPECT_EQ(match.inputs, (std::vector<int>{1, 0}));
  Expression other = gradient;
  std::swap(other[4].a, other[4].b);
  EXPECT_EQ(match_function(other).function, PointwiseFunction::None);
  other = gradient;
  other[3].value = 2;
  EXPECT_EQ(match_function(other).function, PointwiseFunction::None);
  other = gradient;
  other[5] = {DN_OPCODE_MUL, 4, 0, 0, 0};  // the same input everywhere is no gradient of two
  EXPECT_EQ(match_function(other).function, PointwiseFunction::TanhGradient);
  EXPECT_EQ(match_function(other).inputs, (std::vector<int>{0, 0}));
}

TEST(PointwiseFunction, NanAndInfinityFollowTheRules) {
  const float inf = INFINITY;
  const TypedArray<float> x(std::vector<float>{NAN, -inf, inf, -0.0f, -1, 2, NAN, 1});
  const TypedArray<float> y(std::vector<float>{1, NAN, NAN, 0, -1, 3, NAN, -1});
  const auto run = [&](const char* pattern) {
    const TypedArray<float> out(8);
    const FunctionMatch match = match_function(expression_of(pattern, {}));
    PointwiseFunctionParams p;
    p.function = match.function;
    p.operands.rank = 1;
    p.operands.dims[0] = 8;
    p.operands.input_count = (int)match.inputs.size();
    p.operands.output_count = 1;
    p.operands.inputs[0].data = x.data();
    p.operands.inputs[1].data = y.data();
    p.operands.outputs[0].data = out.data();
    pointwise_function(nullptr, p);
    return out.read();
  };
  const auto nans = [](const std::vector<float>& values) {
    std::string text;
    for (float value : values) text += std::isnan(value) ? 'n' : '.';
    return text;
  };
  EXPECT_EQ(nans(run("max x 0")), "n.....n.");
  EXPECT_EQ(run("max x 0")[1], 0.0f);
  EXPECT_EQ(run("max x 0")[2], inf);
  EXPECT_EQ(nans(run("max x y")), "nnn...n.");
  EXPECT_EQ(nans(run("min x y")), "nnn...n.");
  EXPECT_EQ(run("ne x y"), (std::vector<float>{1, 1, 1, 0, 0, 1, 1, 1}));
  EXPECT_EQ(nans(run("mul x gt y 0")), "nnn...n.");  // infinity times 0
  EXPECT_EQ(run("sigmoid x")[1], 0.0f);
  EXPECT_EQ(run("sigmoid x")[2], 1.0f);
}

// ---- the interpreters ----

// Every opcode, values used again, a deep right side, several outputs.
Expression everything() {
  Expression e;
  const auto add = [&](int32_t opcode, int a = 0, int b = 0, int c = 0, float value = 0) {
    e.push_back({opcode, a, b, c, value});
    return (int)e.size() - 1;
  };
  const int x = add(DN_OPCODE_INPUT, 0), y = add(DN_OPCODE_INPUT, 1), z = add(DN_OPCODE_INPUT, 2);
  const int half = add(DN_OPCODE_CONSTANT, 0, 0, 0, 0.5f);
  const int size = add(DN_OPCODE_ABS, x);
  const int positive = add(DN_OPCODE_ADD, size, half);
  int total = add(DN_OPCODE_SQRT, positive);
  for (int32_t opcode : {DN_OPCODE_RSQRT, DN_OPCODE_LOG, DN_OPCODE_LOG1P})
    total = add(DN_OPCODE_ADD, total, add(opcode, positive));
  for (int32_t opcode : {DN_OPCODE_NEG, DN_OPCODE_EXP, DN_OPCODE_EXPM1, DN_OPCODE_TANH,
                         DN_OPCODE_SIGMOID, DN_OPCODE_ERF})
    total = add(DN_OPCODE_SUB, add(opcode, y), total);
  const int power = add(DN_OPCODE_POW, positive, z);
  int counts = add(DN_OPCODE_FLOOR, add(DN_OPCODE_MUL, z, half));
  for (int32_t opcode :
       {DN_OPCODE_LT, DN_OPCODE_LE, DN_OPCODE_GT, DN_OPCODE_GE, DN_OPCODE_EQ, DN_OPCODE_NE})
    counts = add(DN_OPCODE_ADD, add(opcode, x, y), counts);
  const int smaller = add(DN_OPCODE_MIN, x, z), larger = add(DN_OPCODE_MAX, y, z);
  const int chosen = add(DN_OPCODE_SELECT, add(DN_OPCODE_GT, z, half), smaller,
                         add(DN_OPCODE_DIV, larger, positive));
  add(DN_OPCODE_OUTPUT, total, 1);
  add(DN_OPCODE_OUTPUT, add(DN_OPCODE_ADD, chosen, add(DN_OPCODE_MUL, power, total)), 0);
  add(DN_OPCODE_OUTPUT, counts, 2);
  return e;
}

TEST(PointwiseProgram, EveryOpcodeAndSeveralOutputs) {
  for (int64_t count : {1, 3, 4, 517, 2048}) {
    const Problem run({count}, {{{count}}, {{count}}, {{count}}},
                      {DN_DTYPE_F32, DN_DTYPE_F32, DN_DTYPE_I32}, 11);
    run.check(Way::Program, everything(), 2e-5);
    run.check(Way::Wide, everything(), 2e-5);
  }
}

TEST(PointwiseProgram, AnyRankAndBroadcasting) {
  const Expression sum = expression_of("add add x y z", {});
  for (Way way : {Way::Program, Way::ProgramWithWideIndex, Way::Wide}) {
    Problem({}, {{{}}, {{}}, {{}}}, {DN_DTYPE_F32}).check(way, sum);
    Problem({3, 1, 5}, {{{3, 1, 5}}, {{5}}, {{3, 1, 1}}}, {DN_DTYPE_F32}).check(way, sum);
    Problem({2, 3, 4, 5}, {{{2, 1, 4, 1}}, {{3, 1, 5}}, {{4, 5}}}, {DN_DTYPE_F32}).check(way, sum);
    Problem({2, 3, 2, 3, 2, 1, 2, 3}, {{{2, 1, 2, 1, 2, 1, 2, 1}}, {{3, 1, 3, 1, 1, 1, 3}}, {{1}}},
            {DN_DTYPE_F32})
        .check(way, sum);
    // Another order of memory.
    Problem({4, 6, 7},
            {{{4, 6, 7}, DN_DTYPE_F32, {2, 0, 1}}, {{6, 7}, DN_DTYPE_F32, {1, 0}}, {{7}}},
            {DN_DTYPE_F32})
        .check(way, sum);
    Problem({0}, {{{0}}, {{1}}, {{}}}, {DN_DTYPE_F32}).check(way, sum);
    Problem({4, 0, 3}, {{{4, 0, 3}}, {{4, 1, 1}}, {{3}}}, {DN_DTYPE_F32}).check(way, sum);
  }
}

TEST(PointwiseProgram, EveryTypeInAndOut) {
  const std::vector<dn_dtype> types{DN_DTYPE_F32, DN_DTYPE_F64, DN_DTYPE_F16, DN_DTYPE_BF16,
                                    DN_DTYPE_U8,  DN_DTYPE_I32, DN_DTYPE_I64};
  const Expression sum = expression_of("add x y", {});
  for (dn_dtype in : types) {
    for (dn_dtype out : types) {
      // Whole numbers below 200: exact in every type.
      for (int64_t count : {64, 37}) {
        const Problem run({count}, {{{count}, in}, {{}, in}}, {out}, 5, 0, 100, true);
        run.check(Way::Program, sum, 0);
        run.check(Way::Wide, sum, 0);
      }
    }
  }
}

TEST(PointwiseProgram, WorksWithoutInputs) {
  const Expression fill = {{DN_OPCODE_CONSTANT, 0, 0, 0, 2.5f}, {DN_OPCODE_OUTPUT, 0, 0, 0, 0}};
  for (Way way : {Way::Program, Way::Wide}) Problem({5, 3}, {}, {DN_DTYPE_BF16}).check(way, fill);
}

TEST(PointwiseProgram, OutputMayOverwriteAnInput) {
  const std::vector<float> values = random_floats(1027, 3);
  const TypedArray<float> x(values);
  PointwiseProgramParams p;
  p.operands.rank = 1;
  p.operands.dims[0] = 1027;
  p.operands.input_count = p.operands.output_count = 1;
  p.operands.inputs[0].data = x.data();
  p.operands.outputs[0].data = x.data();
  p.program = *compile_expression(expression_of("add mul x x x", {}));
  pointwise_program(nullptr, p);
  const std::vector<float> result = x.read();
  for (size_t i = 0; i < values.size(); ++i)
    EXPECT_NEAR(result[i], values[i] * values[i] + values[i], 1e-5);
}

TEST(PointwiseProgram, RandomExpressionsAgree) {
  std::mt19937 engine(17);
  const auto below = [&](int n) { return (int)(engine() % (unsigned)n); };
  const int32_t unary[] = {DN_OPCODE_NEG, DN_OPCODE_ABS, DN_OPCODE_TANH, DN_OPCODE_SIGMOID};
  const int32_t binary[] = {DN_OPCODE_ADD, DN_OPCODE_SUB, DN_OPCODE_MUL,
                            DN_OPCODE_MAX, DN_OPCODE_MIN, DN_OPCODE_GT};
  int short_enough = 0;
  for (int round = 0; round < 150; ++round) {
    Expression e;
    for (int i = 0; i < 3; ++i) e.push_back({DN_OPCODE_INPUT, i, 0, 0, 0});
    e.push_back({DN_OPCODE_CONSTANT, 0, 0, 0, 0.75f});
    const int steps = 1 + below(30);
    for (int i = 0; i < steps; ++i) {
      const int known = (int)e.size(), kind = below(4);
      // Mostly of the latest values, so that most are used.
      const auto pick = [&] {
        return below(3) ? known - 1 - below(std::min(known, 4)) : below(known);
      };
      if (kind == 0)
        e.push_back({unary[below(4)], pick(), 0, 0, 0});
      else if (kind < 3)
        e.push_back({binary[below(6)], pick(), pick(), 0, 0});
      else
        e.push_back({DN_OPCODE_SELECT, pick(), pick(), pick(), 0});
    }
    const int last = (int)e.size() - 1;
    e.push_back({DN_OPCODE_OUTPUT, last, 0, 0, 0});
    e.push_back({DN_OPCODE_OUTPUT, below(last + 1), 1, 0, 0});
    const Problem run({33}, {{{33}}, {{33}}, {{33}}}, {DN_DTYPE_F32, DN_DTYPE_F32},
                      (unsigned)round);
    const auto wide = run.run(Way::Wide, e);
    if (round < 20) run.check(Way::Wide, e, 1e-4);
    if (!compile_expression(e)) continue;
    ++short_enough;
    EXPECT_EQ(run.run(Way::Program, e), wide) << "round " << round;
  }
  EXPECT_GT(short_enough, 120);
}

TEST(PointwiseProgram, SaysWhenAnExpressionIsTooLong) {
  Expression e = {{DN_OPCODE_INPUT, 0, 0, 0, 0}};
  for (int i = 0; i < 200; ++i) e.push_back({DN_OPCODE_TANH, i, 0, 0, 0});
  e.push_back({DN_OPCODE_OUTPUT, 200, 0, 0, 0});
  EXPECT_FALSE(compile_expression(e));
  Problem({40}, {{{40}}}, {DN_DTYPE_F32}).check(Way::Wide, e);
}

}  // namespace

}  // namespace dn::cuda
