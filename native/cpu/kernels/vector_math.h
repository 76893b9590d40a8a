// Elementary functions of one vector (simd.h). Polynomials are own near-minimax fits (weighted
// least squares on Chebyshev nodes, 40 digits); every error bound is tested in pointwise_math_test.
#pragma once

#include <initializer_list>
#include <limits>

#include "simd.h"

namespace dn::cpu::DN_ISA {

typedef uint32_t vu __attribute__((vector_size(kLanes * sizeof(float))));

constexpr float kInfinity = std::numeric_limits<float>::infinity();
constexpr float kNan = std::numeric_limits<float>::quiet_NaN();

// ln 2 in two parts: kLn2High has 9 bits, so that its product with an exponent is exact.
constexpr float kLn2High = 0.693359375f;
constexpr float kLn2Low = -2.12194440e-4f;
// Adding 1.5 * 2^23 rounds to an integer and leaves it in the low bits.
constexpr float kRoundShift = 12582912.0f;
constexpr int32_t kRoundShiftBits = 0x4b400000;
constexpr int32_t kSignBit = INT32_MIN;

inline vf absolute(vf x) {
  return (vf)((vi)x & ~kSignBit);
}
inline vf copy_sign(vf magnitude, vf sign) {
  return (vf)(((vi)magnitude & ~kSignBit) | ((vi)sign & kSignBit));
}
inline vf choose(vi condition, vf x, vf y) {
  return condition ? x : y;
}

inline vf square_root(vf x) {
#if defined(__AVX512F__)
  // The unmasked form makes GCC 12 warn about an uninitialised value in its own header.
  return (vf)_mm512_maskz_sqrt_ps((__mmask16)-1, (__m512)x);
#elif defined(__AVX2__)
  return (vf)_mm256_sqrt_ps((__m256)x);
#else
  vf root;
  for (int i = 0; i < kLanes; ++i) root[i] = std::sqrt(x[i]);
  return root;
#endif
}

// x limited to low .. high; NaN stays.
inline vf limit(vf x, float low, float high) {
#if defined(__AVX512F__)
  // The second operand is taken where one is NaN.
  const __mmask16 all = (__mmask16)-1;
  const __m512 least = _mm512_maskz_max_ps(all, (__m512)broadcast(low), (__m512)x);
  return (vf)_mm512_maskz_min_ps(all, (__m512)broadcast(high), least);
#elif defined(__AVX2__)
  return (vf)_mm256_min_ps((__m256)broadcast(high),
                           _mm256_max_ps((__m256)broadcast(low), (__m256)x));
#else
  x = choose(x < low, broadcast(low), x);
  return choose(x > high, broadcast(high), x);
#endif
}

inline vf round_down(vf x) {
#if defined(__AVX512F__)
  return (vf)_mm512_maskz_roundscale_ps((__mmask16)-1, (__m512)x,
                                        _MM_FROUND_TO_NEG_INF | _MM_FROUND_NO_EXC);
#elif defined(__AVX2__)
  return (vf)_mm256_floor_ps((__m256)x);
#else
  // At 2^23 and above every float is an integer; NaN stays too.
  const vf truncated = __builtin_convertvector(__builtin_convertvector(x, vi), vf);
  const vf down = choose(truncated > x, truncated - 1.0f, truncated);
  return choose(absolute(x) < 8388608.0f, (vf)((vi)down | ((vi)x & kSignBit)), x);
#endif
}

// 2^k for k in [-126, 127].
inline vf power_of_two(vi k) {
  return (vf)((k + 127) << 23);
}

// p * 2^n for integers n in [-252, 254]: in two steps, so that only the last one rounds to a
// denormal.
inline vf scale_by_power(vf p, vf n) {
#if defined(__AVX512F__)
  return (vf)_mm512_maskz_scalef_ps((__mmask16)-1, (__m512)p, (__m512)n);
#else
  const vi k = (vi)(n + kRoundShift) - kRoundShiftBits, half = k >> 1;
  return p * power_of_two(half) * power_of_two(k - half);
#endif
}

// x = n ln 2 + r with |r| <= ln 2 / 2; returns exp(r) - 1.
inline vf reduced_expm1(vf x, vf& n) {
  const vf shifted = fma(x, broadcast(1.44269504f), broadcast(kRoundShift));
  n = shifted - kRoundShift;
  vf r = fma(n, broadcast(-kLn2High), x);
  r = fma(n, broadcast(-kLn2Low), r);
  vf q = fma(broadcast(0.000199125745f), r, broadcast(0.00139419455f));
  q = fma(q, r, broadcast(0.00833327603f));
  q = fma(q, r, broadcast(0.0416663438f));
  q = fma(q, r, broadcast(0.166666672f));
  q = fma(q, r, broadcast(0.5f));
  return fma(r * r, q, r);
}

inline vf exponential(vf x) {
  vf n;
  const vf p = reduced_expm1(limit(x, -104.0f, 89.0f), n);  // where it is 0 and infinite
  return scale_by_power(p + 1.0f, n);
}

inline vf exponential_minus_1(vf x) {
  vf n;
  const vf p = reduced_expm1(limit(x, -25.0f, 89.0f), n);
  // Halved, since 2^128 is no float.
  const vf half_power = scale_by_power(broadcast(0.5f), n);
  const vf y = fma(half_power, p, half_power - 0.5f) * 2.0f;
  return choose(absolute(x) < 5.9604645e-8f, x, y);
}

// x = m 2^e with m in [sqrt(1/2), sqrt(2)), for finite x > 0; unsigned, since other x may wrap.
inline vf split_exponent(vf x, vf& e) {
  const vi denormal = x < std::numeric_limits<float>::min();
  const vu bits = (vu)choose(denormal, x * 8388608.0f, x);
  const vi power = (vi)(bits - 0x3f3504f3u) >> 23;
  e = __builtin_convertvector(power, vf) - choose(denormal, broadcast(23.0f), vf{});
  return (vf)(bits - ((vu)power << 23));
}

inline vf logarithm(vf x) {
  vf e;
#if defined(__AVX512F__)
  // The exponent of 0 and of infinity is what their logarithm is; a negative x gives NaN.
  const __mmask16 all = (__mmask16)-1;
  e = (vf)_mm512_maskz_getexp_ps(all, (__m512)x);
  const vf extreme = e;
  vf m = (vf)_mm512_maskz_getmant_ps(all, (__m512)x, _MM_MANT_NORM_1_2, _MM_MANT_SIGN_nan);
  const vi large = m > 1.41421354f;
  m = choose(large, m * 0.5f, m);
  e = choose(large, e + 1.0f, e);
  const vf f = m - 1.0f;
#else
  const vf f = split_exponent(x, e) - 1.0f;
#endif
  vf p = fma(broadcast(0.0691799f), f, broadcast(-0.117883764f));
  p = fma(p, f, broadcast(0.118709743f));
  p = fma(p, f, broadcast(-0.123844035f));
  p = fma(p, f, broadcast(0.142189264f));
  p = fma(p, f, broadcast(-0.1666926f));
  p = fma(p, f, broadcast(0.200022146f));
  p = fma(p, f, broadcast(-0.249999866f));
  p = fma(p, f, broadcast(0.333333105f));
  const vf square = f * f;
  vf y = fma(e, broadcast(kLn2Low), p * f * square);
  y = fma(broadcast(-0.5f), square, y);
  y = fma(e, broadcast(kLn2High), f + y);
#if defined(__AVX512F__)
  constexpr int kZeroOrInfinite = 0x02 | 0x04 | 0x08;
  const __mmask16 special = _mm512_fpclass_ps_mask((__m512)x, kZeroOrInfinite);
  return (vf)_mm512_mask_blend_ps(special, (__m512)y, (__m512)extreme);
#else
  const vf special = choose(x == 0.0f, broadcast(-kInfinity), choose(x < 0.0f, broadcast(kNan), x));
  return choose((x > 0.0f) & (x < kInfinity), y, special);
#endif
}

inline vf logarithm_1_plus(vf x) {
  // log(u) plus the first-order effect of what 1 + x lost by rounding.
  const vf u = 1.0f + x;
  const vf y = logarithm(u) + (x - (u - 1.0f)) / u;
  const vi exact = (absolute(x) < 5.9604645e-8f) | (x == kInfinity);
  return choose(exact, x, choose(u == 0.0f, broadcast(-kInfinity), y));
}

inline vf hyperbolic_tangent(vf x) {
  const vf a = absolute(x), z = x * x;
  vf p = fma(broadcast(-0.00571990479f), z, broadcast(0.0206531454f));
  p = fma(p, z, broadcast(-0.0537442677f));
  p = fma(p, z, broadcast(0.133314997f));
  p = fma(p, z, broadcast(-0.333332837f));
  const vf small = copy_sign(fma(p * z, x, x), x);  // the sum of -0 and +0 is +0
  const vf large = copy_sign(1.0f - 2.0f / (exponential(a + a) + 1.0f), x);
  return choose(a < 0.625f, small, choose(x == x, large, x));
}

inline vf logistic(vf x) {
  // exp of a negative number never overflows, and keeps denormal results.
  const vf e = exponential((vf)((vi)x | kSignBit));
  return choose(x < 0.0f, e, broadcast(1.0f)) / (1.0f + e);
}

inline vf error_function(vf x) {
  // 1 - exp(-t q(t)), whose digits expm1 keeps where it is small; from 4 on it rounds to 1.
  const vf t = limit(absolute(x), 0.0f, 4.0f);
  vf q = fma(broadcast(-8.7609811e-6f), t, broadcast(0.000113757926f));
  q = fma(q, t, broadcast(-0.000620895783f));
  q = fma(q, t, broadcast(0.00164864103f));
  q = fma(q, t, broadcast(-0.000145390759f));
  q = fma(q, t, broadcast(-0.0191593807f));
  q = fma(q, t, broadcast(0.102779057f));
  q = fma(q, t, broadcast(0.636619298f));
  q = fma(q, t, broadcast(1.12837917f));
  vf n;
  const vf p = reduced_expm1(-t * q, n);
  const vf power = scale_by_power(broadcast(1.0f), n);
  return copy_sign((1.0f - power) - power * p, x);
}

// The hardware takes the second operand where one is NaN.
inline vf minimum(vf x, vf y) {
#if defined(__AVX512F__)
  return choose(x != x, x, (vf)_mm512_maskz_min_ps((__mmask16)-1, (__m512)x, (__m512)y));
#elif defined(__AVX2__)
  return choose(x != x, x, (vf)_mm256_min_ps((__m256)x, (__m256)y));
#else
  return choose((x < y) | (x != x), x, y);
#endif
}
inline vf maximum(vf x, vf y) {
#if defined(__AVX512F__)
  return choose(x != x, x, (vf)_mm512_maskz_max_ps((__mmask16)-1, (__m512)x, (__m512)y));
#elif defined(__AVX2__)
  return choose(x != x, x, (vf)_mm256_max_ps((__m256)x, (__m256)y));
#else
  return choose((x > y) | (x != x), x, y);
#endif
}

typedef float vf_half __attribute__((vector_size(kLanes * 2)));
typedef double vd __attribute__((vector_size(kLanes * 4)));

inline vd broadcast_double(double x) {
  return x - vd{};
}

// y (e + log2 m) as integer n and 2^rest, in double: the float's own error times y would be too
// much.
inline void half_power(const float* m, const float* e, const float* y, float* n, float* rest) {
  const auto widen = [](const float* from) {
    vf_half v;
    std::memcpy(&v, from, sizeof v);
    return __builtin_convertvector(v, vd);
  };
  const vd md = widen(m);
  const vd s = (md - 1.0) / (md + 1.0), z = s * s;
  vd series = broadcast_double(1.0 / 13);
#pragma GCC unroll 8
  for (double divisor : {11.0, 9.0, 7.0, 5.0, 3.0, 1.0}) series = series * z + 1.0 / divisor;
  vd p = widen(y) * (widen(e) + 2.8853900817779268 * s * series);  // 2 / ln 2
  p = p > 200.0 ? broadcast_double(200.0) : p;
  p = p < -200.0 ? broadcast_double(-200.0) : p;
  const vd shifted = p + 6755399441055744.0;  // 1.5 * 2^52
  const vd rounded = shifted - 6755399441055744.0;
  const vd r = (p - rounded) * 0.69314718055994531;
  vd power = broadcast_double(1.0 / 5040);
#pragma GCC unroll 8
  for (double factorial : {720.0, 120.0, 24.0, 6.0, 2.0, 1.0, 1.0})
    power = power * r + 1.0 / factorial;
  const vf_half n_half = __builtin_convertvector(rounded, vf_half);
  const vf_half rest_half = __builtin_convertvector(power, vf_half);
  std::memcpy(n, &n_half, sizeof n_half);
  std::memcpy(rest, &rest_half, sizeof rest_half);
}

// C's pow, special values included.
inline vf power(vf x, vf y) {
  const vf a = absolute(x);
  float m[kLanes], e[kLanes], exponent[kLanes], n[kLanes], rest[kLanes];
  vf ev;
  store(m, split_exponent(a, ev));
  ev = choose(a == 0.0f, broadcast(-kInfinity), choose(a == kInfinity, broadcast(kInfinity), ev));
  store(e, ev);
  store(exponent, y);
  half_power(m, e, exponent, n, rest);
  half_power(m + kLanes / 2, e + kLanes / 2, exponent + kLanes / 2, n + kLanes / 2,
             rest + kLanes / 2);
  const vf magnitude = scale_by_power(load(rest), load(n));

  const vi integer = round_down(y) == y;
  const vi odd = integer & (round_down(y * 0.5f) != y * 0.5f);
  vf result = choose((((vi)x < 0) & odd), -magnitude, magnitude);
  result = choose((x < 0.0f) & (a < kInfinity) & ~integer, broadcast(kNan), result);
  result = choose((x != x) | (y != y), x + y, result);
  // (-1)^(+-infinity) is 1 as well.
  const vi one = (y == 0.0f) | (x == 1.0f) | ((x == -1.0f) & (absolute(y) == kInfinity));
  return choose(one, broadcast(1.0f), result);
}

}  // namespace dn::cpu::DN_ISA
