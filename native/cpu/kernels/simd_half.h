// Vectors of float from and to the types of 16 bits: widened exactly, rounded to nearest even; a NaN stays one.
#pragma once

#include <bit>

#include "half.h"
#include "simd.h"

namespace dn::cpu::DN_ISA {

typedef uint32_t vu __attribute__((vector_size(kLanes * sizeof(float))));
typedef uint16_t vh __attribute__((vector_size(kLanes * sizeof(uint16_t))));

template <typename T>
concept Half = sizeof(T) == 2;

inline vf widen(vh bits, BFloat16) {
  return (vf)(__builtin_convertvector(bits, vu) << 16);
}
inline vh narrow(vf v, BFloat16) {
  const vu word = (vu)v;
  const vu rounded = word + 0x7fffu + (word >> 16 & 1u);
  const vu kept = v != v ? word | 0x00400000u : rounded;  // a NaN stays one when it is cut
  return __builtin_convertvector(kept >> 16, vh);
}

#if defined(__AVX512F__)

// Those with a mask: GCC 12 warns about the values that the others do not use.
inline vf widen(vh bits, Float16) {
  return (vf)_mm512_maskz_cvtph_ps(0xffff, (__m256i)bits);
}
inline vh narrow(vf v, Float16) {
  return (vh)_mm512_maskz_cvtps_ph(0xffff, (__m512)v,
                                   _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
}
inline vh load_bits(const void* p, LaneMask mask) {
  return (vh)_mm256_maskz_loadu_epi16(mask, p);
}
inline void store_bits(void* p, vh bits, LaneMask mask) {
  _mm256_mask_storeu_epi16(p, mask, (__m256i)bits);
}

#else

inline vf widen(vh bits, Float16) {
  vf v{};
  for (int i = 0; i < kLanes; ++i) v[i] = (float)std::bit_cast<_Float16>((uint16_t)bits[i]);
  return v;
}
inline vh narrow(vf v, Float16) {
  vh bits{};
  for (int i = 0; i < kLanes; ++i) bits[i] = std::bit_cast<uint16_t>((_Float16)v[i]);
  return bits;
}
inline int64_t bytes_of(LaneMask mask) {
#if defined(__AVX2__)
  return 2 * __builtin_popcount((unsigned)_mm256_movemask_ps((__m256)mask));
#else
  return 2 * mask.count;
#endif
}
inline vh load_bits(const void* p, LaneMask mask) {
  vh bits{};
  std::memcpy(&bits, p, (size_t)bytes_of(mask));
  return bits;
}
inline void store_bits(void* p, vh bits, LaneMask mask) {
  std::memcpy(p, &bits, (size_t)bytes_of(mask));
}

#endif

template <Half T>
inline vf load(const T* p) {
  vh bits;
  std::memcpy(&bits, p, sizeof bits);
  return widen(bits, T{});
}
template <Half T>
inline vf load(const T* p, LaneMask mask) {
  return widen(load_bits(p, mask), T{});
}
template <Half T>
inline void store(T* p, vf v) {
  const vh bits = narrow(v, T{});
  std::memcpy(p, &bits, sizeof bits);
}
template <Half T>
inline void store(T* p, vf v, LaneMask mask) {
  store_bits(p, narrow(v, T{}), mask);
}
template <Half T>
inline vf load(const T* p, AllLanes) {
  return load(p);
}
template <Half T>
inline void store(T* p, vf v, AllLanes) {
  store(p, v);
}

}  // namespace dn::cpu::DN_ISA
