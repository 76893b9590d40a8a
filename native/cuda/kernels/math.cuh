// The functions that dn_opcode names, on floats.
#pragma once

#include <deepnative.h>

#include "cuda/kernels/device.cuh"

namespace dn::cuda {

// NaN wins, unlike fminf and fmaxf.
__device__ __forceinline__ float minimum(float x, float y) {
  return x < y || x != x ? x : y;
}
__device__ __forceinline__ float maximum(float x, float y) {
  return x > y || x != x ? x : y;
}

// The exponential of a negative number never overflows, and keeps small results.
__device__ __forceinline__ float sigmoid(float x) {
  const float e = expf(-fabsf(x));
  return (x < 0.0f ? e : 1.0f) / (1.0f + e);
}

__device__ __forceinline__ float truth(bool condition) {
  return condition ? 1.0f : 0.0f;
}

// One opcode of two operands or one (b is not read then) over kVec values.
template <int kVec>
__device__ __forceinline__ void apply_opcode(int opcode, const float (&a)[kVec],
                                             const float (&b)[kVec], float (&result)[kVec]) {
#define DN_CASE(name, expression)                          \
  case DN_OPCODE_##name:                                   \
    DN_UNROLL                                              \
    for (int i = 0; i < kVec; ++i) result[i] = expression; \
    break;
  switch (opcode) {
    DN_CASE(ADD, a[i] + b[i])
    DN_CASE(SUB, a[i] - b[i])
    DN_CASE(MUL, a[i] * b[i])
    DN_CASE(DIV, a[i] / b[i])
    DN_CASE(MIN, minimum(a[i], b[i]))
    DN_CASE(MAX, maximum(a[i], b[i]))
    DN_CASE(POW, powf(a[i], b[i]))
    DN_CASE(LT, truth(a[i] < b[i]))
    DN_CASE(LE, truth(a[i] <= b[i]))
    DN_CASE(GT, truth(a[i] > b[i]))
    DN_CASE(GE, truth(a[i] >= b[i]))
    DN_CASE(EQ, truth(a[i] == b[i]))
    DN_CASE(NE, truth(a[i] != b[i]))
    DN_CASE(NEG, -a[i])
    DN_CASE(ABS, fabsf(a[i]))
    DN_CASE(SQRT, sqrtf(a[i]))
    DN_CASE(RSQRT, rsqrtf(a[i]))
    DN_CASE(EXP, expf(a[i]))
    DN_CASE(EXPM1, expm1f(a[i]))
    DN_CASE(LOG, logf(a[i]))
    DN_CASE(LOG1P, log1pf(a[i]))
    DN_CASE(TANH, tanhf(a[i]))
    DN_CASE(SIGMOID, sigmoid(a[i]))
    DN_CASE(ERF, erff(a[i]))
    DN_CASE(FLOOR, floorf(a[i]))
  }
#undef DN_CASE
}

}  // namespace dn::cuda
