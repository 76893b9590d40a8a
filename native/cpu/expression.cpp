#include "cpu/expression.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>

#include "cpu/kernels/pointwise_math.h"

namespace dn::cpu {

namespace {

// The functions of the table in the order of the opcodes they stand for.
struct UnaryRow {
  int32_t opcode;
  MathFunction function;
};
constexpr UnaryRow kUnary[] = {
    {DN_OPCODE_NEG, MathFunction::Negate}, {DN_OPCODE_ABS, MathFunction::Abs},
    {DN_OPCODE_SQRT, MathFunction::Sqrt},  {DN_OPCODE_RSQRT, MathFunction::Rsqrt},
    {DN_OPCODE_EXP, MathFunction::Exp},    {DN_OPCODE_EXPM1, MathFunction::Expm1},
    {DN_OPCODE_LOG, MathFunction::Log},    {DN_OPCODE_LOG1P, MathFunction::Log1p},
    {DN_OPCODE_TANH, MathFunction::Tanh},  {DN_OPCODE_SIGMOID, MathFunction::Sigmoid},
    {DN_OPCODE_ERF, MathFunction::Erf},    {DN_OPCODE_FLOOR, MathFunction::Floor}};
struct BinaryRow {
  int32_t opcode;
  BinaryFunction function;
};
constexpr BinaryRow kBinary[] = {
    {DN_OPCODE_ADD, BinaryFunction::Add},         {DN_OPCODE_SUB, BinaryFunction::Subtract},
    {DN_OPCODE_MUL, BinaryFunction::Multiply},    {DN_OPCODE_DIV, BinaryFunction::Divide},
    {DN_OPCODE_MIN, BinaryFunction::Min},         {DN_OPCODE_MAX, BinaryFunction::Max},
    {DN_OPCODE_POW, BinaryFunction::Pow},         {DN_OPCODE_LT, BinaryFunction::Less},
    {DN_OPCODE_LE, BinaryFunction::LessEqual},    {DN_OPCODE_GT, BinaryFunction::Greater},
    {DN_OPCODE_GE, BinaryFunction::GreaterEqual}, {DN_OPCODE_EQ, BinaryFunction::Equal},
    {DN_OPCODE_NE, BinaryFunction::NotEqual}};

const UnaryRow* find_unary(int32_t opcode) {
  const auto row = std::ranges::find(kUnary, opcode, &UnaryRow::opcode);
  return row == std::end(kUnary) ? nullptr : row;
}
const BinaryRow* find_binary(int32_t opcode) {
  const auto row = std::ranges::find(kBinary, opcode, &BinaryRow::opcode);
  return row == std::end(kBinary) ? nullptr : row;
}

int operand_count(int32_t opcode) {
  if (opcode == DN_OPCODE_INPUT || opcode == DN_OPCODE_CONSTANT) return 0;
  if (opcode == DN_OPCODE_SELECT) return 3;
  return find_binary(opcode) ? 2 : 1;
}

bool is_comparison(const dn_instruction& e) {
  return e.opcode >= DN_OPCODE_LT && e.opcode <= DN_OPCODE_NE;
}

// The comparison that gives f(x, y) as g(y, x).
BinaryFunction swapped(BinaryFunction f) {
  switch (f) {
    case BinaryFunction::Less:
      return BinaryFunction::Greater;
    case BinaryFunction::LessEqual:
      return BinaryFunction::GreaterEqual;
    case BinaryFunction::Greater:
      return BinaryFunction::Less;
    case BinaryFunction::GreaterEqual:
      return BinaryFunction::LessEqual;
    default:
      return f;
  }
}

float load_as_float(const void* data, DType dtype, int64_t index) {
  switch (dtype) {
    case DN_DTYPE_F32:
      return static_cast<const float*>(data)[index];
    case DN_DTYPE_F64:
      return (float)static_cast<const double*>(data)[index];
    case DN_DTYPE_U8:
      return static_cast<const uint8_t*>(data)[index];
    case DN_DTYPE_I32:
      return (float)static_cast<const int32_t*>(data)[index];
    case DN_DTYPE_I64:
      return (float)static_cast<const int64_t*>(data)[index];
    case DN_DTYPE_F16:
      return (float)static_cast<const _Float16*>(data)[index];
    case DN_DTYPE_BF16:
      return std::bit_cast<float>((uint32_t) static_cast<const uint16_t*>(data)[index] << 16);
  }
  fail(DN_INTERNAL, "dtype ", (int)dtype);
}

template <typename T>
void widen(const void* data, int64_t begin, int64_t count, float* out) {
  const T* in = static_cast<const T*>(data) + begin;
  for (int64_t i = 0; i < count; ++i) out[i] = (float)in[i];
}

// Rounded to nearest even and saturated; NaN becomes 0.
template <typename T>
void narrow(const float* in, int64_t begin, int64_t count, void* data) {
  T* out = static_cast<T*>(data) + begin;
  constexpr double low = (double)std::numeric_limits<T>::min();
  constexpr double high = (double)std::numeric_limits<T>::max();
  for (int64_t i = 0; i < count; ++i) {
    const double rounded = std::nearbyint((double)in[i]);
    out[i] = std::isnan(in[i]) ? T{0}
             : rounded <= low  ? std::numeric_limits<T>::min()
             : rounded >= high ? std::numeric_limits<T>::max()
                               : (T)rounded;
  }
}

}  // namespace

void load_as(DType dtype, const void* data, int64_t begin, int64_t count, float* out) {
  const auto* half = static_cast<const uint16_t*>(data) + begin;
  switch (dtype) {
    case DN_DTYPE_F64:
      widen<double>(data, begin, count, out);
      break;
    case DN_DTYPE_U8:
      widen<uint8_t>(data, begin, count, out);
      break;
    case DN_DTYPE_I32:
      widen<int32_t>(data, begin, count, out);
      break;
    case DN_DTYPE_I64:
      widen<int64_t>(data, begin, count, out);
      break;
    case DN_DTYPE_F16:
      DN_SELECT_ISA(pointwise_table).from_float16(half, out, count);
      break;
    case DN_DTYPE_BF16:
      DN_SELECT_ISA(pointwise_table).from_bfloat16(half, out, count);
      break;
    case DN_DTYPE_F32:
      std::copy_n(static_cast<const float*>(data) + begin, count, out);
      break;
  }
}

void store_as(DType dtype, const float* in, int64_t begin, int64_t count, void* data) {
  switch (dtype) {
    case DN_DTYPE_F32:
      std::copy(in, in + count, static_cast<float*>(data) + begin);
      break;
    case DN_DTYPE_F64:
      std::copy(in, in + count, static_cast<double*>(data) + begin);
      break;
    case DN_DTYPE_U8:
      narrow<uint8_t>(in, begin, count, data);
      break;
    case DN_DTYPE_I32:
      narrow<int32_t>(in, begin, count, data);
      break;
    case DN_DTYPE_I64:
      narrow<int64_t>(in, begin, count, data);
      break;
    case DN_DTYPE_F16:
      DN_SELECT_ISA(pointwise_table).to_float16(in, static_cast<uint16_t*>(data) + begin, count);
      break;
    case DN_DTYPE_BF16:
      DN_SELECT_ISA(pointwise_table).to_bfloat16(in, static_cast<uint16_t*>(data) + begin, count);
      break;
  }
}

BlockEvaluator::BlockEvaluator(std::span<const dn_instruction> expression,
                               std::vector<DType> inputs, std::vector<DType> outputs, bool stream)
    : inputs_(std::move(inputs)), outputs_(std::move(outputs)), stream_(stream) {
  const int count = (int)expression.size();
  std::vector<int> last_use(count, -1), uses(count, 0);
  for (const dn_instruction& e : expression) {
    const int operands = operand_count(e.opcode);
    if (operands > 0) ++uses[e.a];
    if (operands > 1) ++uses[e.b];
    if (operands > 2) ++uses[e.c];
  }
  for (int i = 0; i < count; ++i) {
    const dn_instruction& e = expression[i];
    const UnaryRow* unary = find_unary(e.opcode);
    const BinaryRow* binary = find_binary(e.opcode);
    const Step step = e.opcode == DN_OPCODE_INPUT      ? Step::Input
                      : e.opcode == DN_OPCODE_CONSTANT ? Step::Constant
                      : e.opcode == DN_OPCODE_OUTPUT   ? Step::Output
                      : unary                          ? Step::Unary
                      : binary                         ? Step::Binary
                                                       : Step::Select;
    const int function = unary ? (int)unary->function : binary ? (int)binary->function : 0;
    instructions_.push_back({step, function, e.a, e.b, e.c, -1, -1, e.value});
    const int operands = operand_count(e.opcode);
    if (operands > 0) last_use[e.a] = i;
    if (operands > 1) last_use[e.b] = i;
    if (operands > 2) last_use[e.c] = i;
    // A comparison for one select alone is made where it is used.
    if (step != Step::Select || !is_comparison(expression[e.a]) || uses[e.a] != 1) continue;
    const dn_instruction& condition = expression[e.a];
    instructions_[e.a].step = Step::Compared;
    last_use[e.a] = -1;
    instructions_[i].function = instructions_[e.a].function;
    instructions_[i].left = condition.a;
    instructions_[i].right = condition.b;
    last_use[condition.a] = last_use[condition.b] = i;
  }
  int last_computed = -1;
  for (int i = 0; i < count; ++i)
    if (operand_count(expression[i].opcode) > 0 && expression[i].opcode != DN_OPCODE_OUTPUT)
      last_computed = i;
  // The last value computed can go straight to a float32 output: everything else has been read.
  for (int i = 0; i < count; ++i) {
    const dn_instruction& e = expression[i];
    if (e.opcode != DN_OPCODE_OUTPUT || e.a != last_computed) continue;
    if (outputs_[e.b] != DN_DTYPE_F32 || instructions_[e.a].output >= 0) continue;
    instructions_[e.a].output = e.b;
  }
  // What waits for memory most of the time asks for its next block early: the hardware's own
  // prefetching ends at each page. Longer expressions are slower for it.
  const auto light = [](const dn_instruction& e) {
    return e.opcode >= DN_OPCODE_ADD && e.opcode <= DN_OPCODE_ABS && e.opcode != DN_OPCODE_POW;
  };
  const auto computes = [](const dn_instruction& e) { return e.opcode >= DN_OPCODE_ADD; };
  ahead_ = stream_ && std::ranges::count_if(expression, computes) <= 3 &&
           std::ranges::all_of(expression,
                               [&](const dn_instruction& e) { return light(e) || !computes(e); });

  // Or the only output is written when everything has been read.
  const bool last = !expression.empty() && expression.back().opcode == DN_OPCODE_OUTPUT;
  in_place_ = outputs_.size() == 1 &&
              (last || (last_computed >= 0 && instructions_[last_computed].output == 0));

  std::vector<int> free_slots;
  for (int i = 0; i < count; ++i) {
    Instruction& instruction = instructions_[i];
    if (instruction.step == Step::Output || instruction.step == Step::Compared) continue;
    if (instruction.output >= 0) continue;
    if (free_slots.empty()) free_slots.push_back((int)slot_count_++);
    instruction.slot = free_slots.back();
    free_slots.pop_back();
    for (int j = 0; j <= i; ++j)
      if (last_use[j] == i && instructions_[j].slot >= 0 && j != i)
        free_slots.push_back(instructions_[j].slot);
    if (last_use[i] < 0) free_slots.push_back(instruction.slot);
  }
  slot_count_ += 2;  // for a number that is needed as an array, and for what is streamed
}

void BlockEvaluator::run(const void* const* inputs, const bool* repeat, void* const* outputs,
                         int64_t count, float* scratch) const {
  const PointwiseTable& math = DN_SELECT_ISA(pointwise_table);
  using Value = PointwiseOperand;  // of the current block
  constexpr int kMaxLocal = 128;
  Value local[kMaxLocal];
  std::vector<Value> many;
  if (instructions_.size() > kMaxLocal) many.resize(instructions_.size());
  Value* values = many.empty() ? local : many.data();

  bool stream = stream_;
  for (size_t i = 0; stream && i < inputs_.size(); ++i)
    for (size_t o = 0; o < outputs_.size(); ++o) stream = stream && inputs[i] != outputs[o];

  for (int64_t begin = 0; begin < count; begin += kBlock) {
    const int64_t n = std::min(kBlock, count - begin);
    if (ahead_) {
      for (size_t i = 0; i < inputs_.size(); ++i) {
        if (repeat[i]) continue;
        const int64_t size = (int64_t)size_of(inputs_[i]);
        const char* next = static_cast<const char*>(inputs[i]) + (begin + n) * size;
        for (int64_t at = 0; at < kBlock * size; at += 64) __builtin_prefetch(next + at);
      }
    }
    const auto slot = [&](int index) { return scratch + index * kBlock; };
    const auto spread = [&](const Value& value) {
      if (value.array) return value.array;
      float* out = slot((int)slot_count_ - 2);
      std::fill(out, out + n, value.number);
      return (const float*)out;
    };
    for (size_t i = 0; i < instructions_.size(); ++i) {
      const Instruction& e = instructions_[i];
      float* direct = e.output >= 0 ? static_cast<float*>(outputs[e.output]) + begin : nullptr;
      float* target = direct && !stream ? direct
                      : direct          ? slot((int)slot_count_ - 1)
                      : e.slot >= 0     ? slot(e.slot)
                                        : nullptr;
      Value& result = values[i];
      if (e.step == Step::Input) {
        if (repeat[e.a]) {
          result = {nullptr, load_as_float(inputs[e.a], inputs_[e.a], 0)};
        } else if (inputs_[e.a] == DN_DTYPE_F32) {
          result = {static_cast<const float*>(inputs[e.a]) + begin, 0};
        } else {
          load_as(inputs_[e.a], inputs[e.a], begin, n, target);
          result = {target, 0};
        }
        continue;
      }
      if (e.step == Step::Compared) continue;
      if (e.step == Step::Constant) {
        result = {nullptr, e.value};
        continue;
      }
      if (e.step == Step::Output) {
        if (instructions_[e.a].output == e.b) {
          if (!values[e.a].array) {  // a number: nothing has been written yet
            float* out = static_cast<float*>(outputs[e.b]) + begin;
            std::fill(out, out + n, values[e.a].number);
          }
          continue;
        }
        const float* array = spread(values[e.a]);
        if (stream && outputs_[e.b] == DN_DTYPE_F32)
          math.stream(array, static_cast<float*>(outputs[e.b]) + begin, n);
        else
          store_as(outputs_[e.b], array, begin, n, outputs[e.b]);
        continue;
      }
      const Value a = values[e.a];
      if (e.step == Step::Unary) {
        const auto function = (MathFunction)e.function;
        if (a.array) {
          math.apply(function, a.array, target, n);
          result = {target, 0};
        } else {
          result.array = nullptr;
          math.apply(function, &a.number, &result.number, 1);
        }
      } else if (e.step == Step::Binary) {
        const auto function = (BinaryFunction)e.function;
        const Value b = values[e.b];
        if (a.array && b.array)
          math.apply_binary(function, a.array, b.array, target, n);
        else if (a.array)
          math.apply_scalar(function, a.array, b.number, target, n);
        else if (b.array)
          math.apply_scalar_left(function, a.number, b.array, target, n);
        else
          math.apply_scalar(function, &a.number, b.number, &result.number, 1);
        result.array = a.array || b.array ? target : nullptr;
      } else {  // SELECT
        const Value x = values[e.b], y = values[e.c];
        if (e.left < 0) {
          math.select(spread(values[e.a]), x, y, target, n);
        } else {
          const auto compare = (BinaryFunction)e.function;
          const Value left = values[e.left], right = values[e.right];
          if (!left.array && right.array)
            math.compare_select(swapped(compare), right.array, left, x, y, target, n);
          else
            math.compare_select(compare, spread(left), right, x, y, target, n);
        }
        result = {target, 0};
      }
      if (direct && stream && result.array) math.stream(result.array, direct, n);
    }
  }
}

void BlockEvaluator::finish() const {
  if (stream_) DN_SELECT_ISA(pointwise_table).stream_end();
}

}  // namespace dn::cpu
