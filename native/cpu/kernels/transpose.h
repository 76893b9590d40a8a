// Transposes 16 x 16 floats: to[j * to_step + i] = from[i * from_step + j], written or added.
#pragma once

#include "grad_mode.h"
#include "simd.h"

namespace dn::cpu::DN_ISA {

#if defined(__AVX512F__)
inline void transpose16(const float* from, int64_t from_step, float* to, int64_t to_step,
                        GradMode mode) {
  // The unmasked intrinsics read an undefined register, which GCC 12 warns about (GCC bug 105593).
  constexpr __mmask16 all = 0xffff;
  __m512 a[16], b[16];
#pragma GCC unroll 16
  for (int i = 0; i < 16; ++i) a[i] = _mm512_loadu_ps(from + i * from_step);
    // Within each 128-bit quarter: 4 x 4 transposes of rows 4i .. 4i+3.
#pragma GCC unroll 8
  for (int i = 0; i < 8; ++i) {
    b[2 * i] = _mm512_maskz_unpacklo_ps(all, a[2 * i], a[2 * i + 1]);
    b[2 * i + 1] = _mm512_maskz_unpackhi_ps(all, a[2 * i], a[2 * i + 1]);
  }
#pragma GCC unroll 4
  for (int i = 0; i < 4; ++i) {
    a[4 * i] = _mm512_maskz_shuffle_ps(all, b[4 * i], b[4 * i + 2], 0x44);
    a[4 * i + 1] = _mm512_maskz_shuffle_ps(all, b[4 * i], b[4 * i + 2], 0xee);
    a[4 * i + 2] = _mm512_maskz_shuffle_ps(all, b[4 * i + 1], b[4 * i + 3], 0x44);
    a[4 * i + 3] = _mm512_maskz_shuffle_ps(all, b[4 * i + 1], b[4 * i + 3], 0xee);
  }
  // a[4i + j], quarter q = column 4q + j of rows 4i .. 4i+3. Now the quarters are transposed.
#pragma GCC unroll 4
  for (int j = 0; j < 4; ++j) {
    const __m512 low01 = _mm512_maskz_shuffle_f32x4(all, a[j], a[4 + j], 0x44);
    const __m512 high01 = _mm512_maskz_shuffle_f32x4(all, a[j], a[4 + j], 0xee);
    const __m512 low23 = _mm512_maskz_shuffle_f32x4(all, a[8 + j], a[12 + j], 0x44);
    const __m512 high23 = _mm512_maskz_shuffle_f32x4(all, a[8 + j], a[12 + j], 0xee);
    b[j] = _mm512_maskz_shuffle_f32x4(all, low01, low23, 0x88);
    b[4 + j] = _mm512_maskz_shuffle_f32x4(all, low01, low23, 0xdd);
    b[8 + j] = _mm512_maskz_shuffle_f32x4(all, high01, high23, 0x88);
    b[12 + j] = _mm512_maskz_shuffle_f32x4(all, high01, high23, 0xdd);
  }
#pragma GCC unroll 16
  for (int i = 0; i < 16; ++i) {
    if (mode == GradMode::Accumulate) b[i] = _mm512_add_ps(b[i], _mm512_loadu_ps(to + i * to_step));
    _mm512_storeu_ps(to + i * to_step, b[i]);
  }
}
#else
inline void transpose16(const float* from, int64_t from_step, float* to, int64_t to_step,
                        GradMode mode) {
  for (int j = 0; j < 16; ++j)
    for (int i = 0; i < 16; ++i) {
      const float value = from[i * from_step + j];
      float& out = to[j * to_step + i];
      out = mode == GradMode::Accumulate ? out + value : value;
    }
}
#endif

}  // namespace dn::cpu::DN_ISA
