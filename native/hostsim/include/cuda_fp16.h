// IEEE half precision: storage and conversions. Kernels compute in float, so there are no
// operators.
#pragma once

#include <simt/intrinsics.h>

struct __align__(2) __half {
  unsigned short __x;
};
struct __align__(4) __half2 {
  __half x, y;
};
using half = __half;
using half2 = __half2;

inline unsigned short __half_as_ushort(__half v) {
  return v.__x;
}
inline __half __ushort_as_half(unsigned short v) {
  return {v};
}

inline float __half2float(__half v) {
  unsigned sign = (v.__x & 0x8000u) << 16;
  unsigned exponent = v.__x >> 10 & 31u;
  unsigned mantissa = v.__x & 1023u;
  if (exponent == 31) return __uint_as_float(sign | 0x7f800000u | mantissa << 13);
  if (exponent == 0) {  // zero or subnormal: mantissa * 2^-24 is exact
    return __uint_as_float(sign | __float_as_uint(static_cast<float>(mantissa) * 0x1p-24f));
  }
  return __uint_as_float(sign | (exponent + 112) << 23 | mantissa << 13);
}
// Rounds to the nearest, ties to even; beyond 65504 infinity; every NaN becomes 0x7fff.
inline __half __float2half_rn(float v) {
  unsigned bits = __float_as_uint(v);
  unsigned sign = bits >> 16 & 0x8000u;
  bits &= 0x7fffffffu;
  if (bits > 0x7f800000u) return {0x7fff};
  if (bits >= 0x47800000u) return {static_cast<unsigned short>(sign | 0x7c00u)};  // >= 65536
  if (bits < 0x38800000u) {  // below 2^-14: the sum with 0.5 drops what a subnormal cannot hold
    unsigned magnitude = __float_as_uint(__uint_as_float(bits) + 0.5f) - 0x3f000000u;
    return {static_cast<unsigned short>(sign | magnitude)};
  }
  // Rounding may carry into the exponent, and from there into infinity.
  unsigned rounded = bits + 0xfffu + (bits >> 13 & 1u) - (112u << 23);
  return {static_cast<unsigned short>(sign | rounded >> 13)};
}
inline __half __float2half(float v) {
  return __float2half_rn(v);
}

inline __half2 __floats2half2_rn(float x, float y) {
  return {__float2half_rn(x), __float2half_rn(y)};
}
inline __half2 __float22half2_rn(float2 v) {
  return __floats2half2_rn(v.x, v.y);
}
inline float2 __half22float2(__half2 v) {
  return {__half2float(v.x), __half2float(v.y)};
}
inline __half2 __halves2half2(__half x, __half y) {
  return {x, y};
}
inline float __low2float(__half2 v) {
  return __half2float(v.x);
}
inline float __high2float(__half2 v) {
  return __half2float(v.y);
}
