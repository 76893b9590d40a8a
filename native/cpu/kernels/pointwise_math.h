// pointwise_math: functions over contiguous float arrays, the steps of a pointwise expression.
// `out` may be an input; otherwise arrays do not overlap. Errors against the exact value, whole
// range with denormals: exp and log at most 2 ulp, the others 4; +, -, *, / and sqrt are exactly
// rounded.
#pragma once

#include <cstdint>

#include "isa.h"

namespace dn::cpu {

enum class MathFunction {
  Negate,
  Abs,
  Square,
  Reciprocal,
  Sqrt,
  Rsqrt,
  Exp,
  Expm1,
  Log,
  Log1p,
  Tanh,
  Sigmoid,
  Erf,
  Relu,  // max(x, 0), NaN kept
  Floor,
  Sign,  // -1, 0 or 1; NaN kept
};

enum class BinaryFunction {
  Add,
  Subtract,
  Multiply,
  Divide,
  Min,    // NaN if either is
  Max,    // NaN if either is
  Pow,    // special values as C's pow
  Equal,  // comparisons give 1 or 0; with NaN all but NotEqual give 0
  NotEqual,
  Less,
  LessEqual,
  Greater,
  GreaterEqual,
};

// An array, or one number where array is null.
struct PointwiseOperand {
  const float* array;
  float number;
};

struct PointwiseTable {
  // out[i] = f(x[i])
  void (*apply)(MathFunction f, const float* x, float* out, int64_t n);
  // out[i] = f(x[i], y[i])
  void (*apply_binary)(BinaryFunction f, const float* x, const float* y, float* out, int64_t n);
  // out[i] = f(x[i], y)
  void (*apply_scalar)(BinaryFunction f, const float* x, float y, float* out, int64_t n);
  // out[i] = f(x, y[i])
  void (*apply_scalar_left)(BinaryFunction f, float x, const float* y, float* out, int64_t n);
  // out[i] = condition[i] != 0 ? x[i] : y[i]  (NaN counts as not 0)
  void (*select)(const float* condition, PointwiseOperand x, PointwiseOperand y, float* out,
                 int64_t n);
  // out[i] = f(a[i], b[i]) ? x[i] : y[i] for the comparison f
  void (*compare_select)(BinaryFunction f, const float* a, PointwiseOperand b, PointwiseOperand x,
                         PointwiseOperand y, float* out, int64_t n);
  // out[i] = x[i], past the caches where `out` is aligned. stream_end() before others read it.
  void (*stream)(const float* x, float* out, int64_t n);
  void (*stream_end)();
  // Types of 16 bits: rounded to nearest even, widened exactly; NaN stays one.
  void (*to_bfloat16)(const float* x, uint16_t* out, int64_t n);
  void (*to_float16)(const float* x, uint16_t* out, int64_t n);
  void (*from_bfloat16)(const uint16_t* x, float* out, int64_t n);
  void (*from_float16)(const uint16_t* x, float* out, int64_t n);
};

}  // namespace dn::cpu

DN_DECLARE_ISA_TABLES(PointwiseTable, pointwise_table)
