#include "cuda/expression_source.h"

#include <bit>
#include <cstdio>

#include "cuda/expression.h"
#include "engine/types.h"

namespace dn::cuda {

namespace {

// NVRTC has no headers, so 16-bit types are their bits. The functions equal kernels/math.cuh's and
// kernels/element.cuh's.
constexpr const char* kPrelude = R"(
namespace {
typedef unsigned short Bits16;
__device__ inline float minimum(float x, float y) { return x < y || x != x ? x : y; }
__device__ inline float maximum(float x, float y) { return x > y || x != x ? x : y; }
__device__ inline float sigmoid(float x) {
  const float e = expf(-fabsf(x));
  return (x < 0.0f ? e : 1.0f) / (1.0f + e);
}
__device__ inline float from_bf16(Bits16 bits) {
  return __uint_as_float((unsigned)bits << 16);
}
__device__ inline Bits16 to_bf16(float value) {
  const unsigned bits = __float_as_uint(value);
  if (value != value) return (Bits16)(bits >> 16 | 0x40u);
  return (Bits16)((bits + 0x7fffu + (bits >> 16 & 1u)) >> 16);
}
__device__ inline float from_f16(Bits16 bits) {
  const unsigned sign = (bits & 0x8000u) << 16, rest = bits & 0x7fffu;
  if (rest < 0x400u) return __uint_as_float(sign | __float_as_uint((float)rest * 0x1p-24f));
  const unsigned exponent = rest >= 0x7c00u ? 0x38000000u + 0x38000000u : 0x38000000u;
  return __uint_as_float(sign | ((rest << 13) + exponent));
}
__device__ inline Bits16 to_f16(float value) {
  const unsigned bits = __float_as_uint(value), sign = bits >> 16 & 0x8000u;
  const unsigned rest = bits & 0x7fffffffu;
  if (rest > 0x7f800000u) return (Bits16)(sign | 0x7e00u);
  if (rest >= 0x477ff000u) return (Bits16)(sign | 0x7c00u);
  // Below the normal numbers: adding 0.5 rounds to a multiple of 2^-24.
  if (rest < 0x38800000u)
    return (Bits16)(sign | (__float_as_uint(__uint_as_float(rest) + 0.5f) - 0x3f000000u));
  return (Bits16)(sign | ((rest - 0x38000000u + 0xfffu + (rest >> 13 & 1u)) >> 13));
}
template <typename T>
__device__ inline T saturated(float value, float low, float high, T min, T max) {
  const float rounded = rintf(value);
  return value != value ? T(0) : rounded <= low ? min : rounded >= high ? max : (T)rounded;
}
__device__ inline unsigned char to_u8(float value) {
  return saturated<unsigned char>(value, 0.0f, 255.0f, 0, 255);
}
__device__ inline int to_i32(float value) {
  return saturated<int>(value, -0x1p31f, 0x1p31f, -2147483647 - 1, 2147483647);
}
__device__ inline long long to_i64(float value) {
  return saturated<long long>(value, -0x1p63f, 0x1p63f, -9223372036854775807LL - 1,
                              9223372036854775807LL);
}
}  // namespace
)";

struct TypeNames {
  const char* storage;
  const char* from;  // a function or cast to float
  const char* to;
};
TypeNames names_of(dn_dtype dtype) {
  switch (dtype) {
    case DN_DTYPE_F32:
      return {"float", "(float)", "(float)"};
    case DN_DTYPE_F64:
      return {"double", "(float)", "(double)"};
    case DN_DTYPE_F16:
      return {"Bits16", "from_f16", "to_f16"};
    case DN_DTYPE_BF16:
      return {"Bits16", "from_bf16", "to_bf16"};
    case DN_DTYPE_U8:
      return {"unsigned char", "(float)", "to_u8"};
    case DN_DTYPE_I32:
      return {"int", "(float)", "to_i32"};
    case DN_DTYPE_I64:
      return {"long long", "(float)", "to_i64"};
  }
  fail(DN_INTERNAL, "dtype ", (int)dtype);
}

// By its bits: exact, and infinities and NaN as well.
std::string literal(float value) {
  char digits[32];
  std::snprintf(digits, sizeof digits, "__uint_as_float(0x%08xu)", std::bit_cast<uint32_t>(value));
  return digits;
}

// %a, %b, %c: the operands.
const char* formula(int32_t opcode) {
  switch (opcode) {
    case DN_OPCODE_ADD:
      return "%a + %b";
    case DN_OPCODE_SUB:
      return "%a - %b";
    case DN_OPCODE_MUL:
      return "%a * %b";
    case DN_OPCODE_DIV:
      return "%a / %b";
    case DN_OPCODE_MIN:
      return "minimum(%a, %b)";
    case DN_OPCODE_MAX:
      return "maximum(%a, %b)";
    case DN_OPCODE_POW:
      return "powf(%a, %b)";
    case DN_OPCODE_LT:
      return "%a < %b ? 1.0f : 0.0f";
    case DN_OPCODE_LE:
      return "%a <= %b ? 1.0f : 0.0f";
    case DN_OPCODE_GT:
      return "%a > %b ? 1.0f : 0.0f";
    case DN_OPCODE_GE:
      return "%a >= %b ? 1.0f : 0.0f";
    case DN_OPCODE_EQ:
      return "%a == %b ? 1.0f : 0.0f";
    case DN_OPCODE_NE:
      return "%a != %b ? 1.0f : 0.0f";
    case DN_OPCODE_SELECT:
      return "%a != 0.0f ? %b : %c";
    case DN_OPCODE_NEG:
      return "-%a";
    case DN_OPCODE_ABS:
      return "fabsf(%a)";
    case DN_OPCODE_SQRT:
      return "sqrtf(%a)";
    case DN_OPCODE_RSQRT:
      return "rsqrtf(%a)";
    case DN_OPCODE_EXP:
      return "expf(%a)";
    case DN_OPCODE_EXPM1:
      return "expm1f(%a)";
    case DN_OPCODE_LOG:
      return "logf(%a)";
    case DN_OPCODE_LOG1P:
      return "log1pf(%a)";
    case DN_OPCODE_TANH:
      return "tanhf(%a)";
    case DN_OPCODE_SIGMOID:
      return "sigmoid(%a)";
    case DN_OPCODE_ERF:
      return "erff(%a)";
    case DN_OPCODE_FLOOR:
      return "floorf(%a)";
    default:
      fail(DN_INTERNAL, "opcode ", opcode);
  }
}

std::string place(const PointwiseInput& input, const PointwiseParams& operands) {
  if (input.walk == InputWalk::Flat) return "i";
  if (input.walk == InputWalk::Periodic)
    return input.extent == 1 ? "0" : text("i / ", input.inner, "u % ", input.extent, "u");
  std::string sum;
  int64_t inside = 1;
  for (int axis = operands.rank - 1; axis >= 0; --axis) {
    if (input.strides[axis] != 0 && operands.dims[axis] != 1)
      sum += text(sum.empty() ? "" : " + ", "(long long)(i / ", inside, "u % ", operands.dims[axis],
                  "u) * ", input.strides[axis]);
    inside *= operands.dims[axis];
  }
  return sum.empty() ? "0" : sum;
}

std::string load_of(const PointwiseParams& operands, int index) {
  const PointwiseInput& input = operands.inputs[index];
  const TypeNames names = names_of(input.dtype);
  return text(names.from, "(static_cast<const ", names.storage, "*>(p.inputs[", index, "])[",
              place(input, operands), "])");
}

class Body {
 public:
  Body(std::span<const dn_instruction> expression, const PointwiseParams& operands)
      : expression_(expression) {
    const std::vector<int> uses = count_uses(expression);
    for (size_t i = 0; i < expression.size(); ++i) {
      const dn_instruction& e = expression[i];
      if (e.opcode == DN_OPCODE_OUTPUT) {
        const TypeNames names = names_of(operands.outputs[e.b].dtype);
        stores += text("    static_cast<", names.storage, "*>(p.outputs[", e.b,
                       "])[i] = ", names.to, "(", name_of(e.a), ");\n");
      } else if (uses[i] == 0) {
        continue;
      } else if (e.opcode == DN_OPCODE_INPUT) {
        inputs += text("  float v", i, "[", kSourceVec, "];\n");
        loads += text("      ", name_of((int)i), " = ", load_of(operands, e.a), ";\n");
      } else {
        steps += text("    const float ", name_of((int)i), " = ", value_of(e), ";\n");
      }
    }
  }

  std::string inputs, loads, steps, stores;

 private:
  std::string name_of(int value) const {
    return text("v", value, expression_[value].opcode == DN_OPCODE_INPUT ? "[e]" : "");
  }

  std::string value_of(const dn_instruction& e) const {
    if (e.opcode == DN_OPCODE_CONSTANT) return literal(e.value);
    std::string result;
    for (const char* at = formula(e.opcode); *at; ++at) {
      if (*at != '%') {
        result += *at;
        continue;
      }
      ++at;
      result += name_of(*at == 'a' ? e.a : *at == 'b' ? e.b : e.c);
    }
    return result;
  }

  std::span<const dn_instruction> expression_;
};

std::string hash_of(const std::string& text) {
  uint64_t hash = 14695981039346656037u;  // FNV-1a
  for (const char character : text) hash = (hash ^ (unsigned char)character) * 1099511628211u;
  char digits[20];
  std::snprintf(digits, sizeof digits, "%016llx", (unsigned long long)hash);
  return digits;
}

}  // namespace

PointwiseSource pointwise_source(std::span<const dn_instruction> expression,
                                 const PointwiseParams& operands) {
  int64_t numel = 1;
  for (int i = 0; i < operands.rank; ++i) numel *= operands.dims[i];
  const Body body(expression, operands);
  const char* index = numel < (int64_t{1} << 31) ? "unsigned" : "unsigned long long";
  const std::string loop = text("#pragma unroll\n  for (int e = 0; e < ", kSourceVec,
                                "; ++e) {\n    const ", index, " i = ((", index, ")blockIdx.x * ",
                                kSourceVec, " + e) * ", kSourceBlock, " + threadIdx.x;\n");
  // All is read before anything is written: the reads go on side by side, and an output may be an
  // input's memory.
  const std::string inside =
      text("(const Operands p) {\n", body.inputs, loop, "    if (i < ", numel, "u) {\n", body.loads,
           "    }\n  }\n", loop, "    if (i >= ", numel, "u) return;\n", body.steps, body.stores,
           "  }\n}\n");
  const std::string start =
      text(kPrelude, "struct Operands {\n  const void* inputs[", kMaxPointwiseInputs,
           "];\n  void* outputs[", kMaxPointwiseOutputs, "];\n};\n");
  PointwiseSource source;
  source.name = "pointwise_" + hash_of(inside);
  source.text = text(start, "extern \"C\" __global__ void __launch_bounds__(", kSourceBlock, ") ",
                     source.name, inside);
  return source;
}

}  // namespace dn::cuda
