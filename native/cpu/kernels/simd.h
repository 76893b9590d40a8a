// Vectors of float in the width of the instruction set that this file is compiled for. GCC's vector
// types give arithmetic; what they lack (masked access, FMA by name) is here.
#pragma once

#include <cmath>
#include <cstdint>
#include <cstring>

#if defined(__AVX2__)
#include <immintrin.h>
#endif

#if !defined(DN_ISA)
#error "compile through dn_add_isa_sources (cmake/CpuIsa.cmake)"
#endif

namespace dn::cpu::DN_ISA {

#if defined(__AVX512F__)
constexpr int kLanes = 16;
constexpr int kRegisters = 32;
#elif defined(__AVX2__)
constexpr int kLanes = 8;
constexpr int kRegisters = 16;
#else
constexpr int kLanes = 4;
constexpr int kRegisters = 16;
#endif

typedef float vf __attribute__((vector_size(kLanes * sizeof(float))));
typedef int32_t vi __attribute__((vector_size(kLanes * sizeof(float))));

inline vf load(const float* p) {
  vf v;
  std::memcpy(&v, p, sizeof v);
  return v;
}
inline void store(float* p, vf v) { std::memcpy(p, &v, sizeof v); }
inline vf broadcast(float x) { return x - vf{}; }

// The first `count` lanes (0 .. kLanes); the others read as 0 and are not written.
inline vf load_partial(const float* p, int count) {
#if defined(__AVX512F__)
  return (vf)_mm512_maskz_loadu_ps((__mmask16)((1u << count) - 1), p);
#else
  vf v{};
  for (int i = 0; i < count; ++i) v[i] = p[i];
  return v;
#endif
}
inline void store_partial(float* p, vf v, int count) {
#if defined(__AVX512F__)
  _mm512_mask_storeu_ps(p, (__mmask16)((1u << count) - 1), (__m512)v);
#else
  for (int i = 0; i < count; ++i) p[i] = v[i];
#endif
}

// The first `count` lanes (0 .. kLanes) as a value that is made once and used in a loop.
#if defined(__AVX512F__)
typedef __mmask16 LaneMask;
inline LaneMask first_lanes(int count) { return (LaneMask)((1u << count) - 1); }
inline vf load(const float* p, LaneMask mask) { return (vf)_mm512_maskz_loadu_ps(mask, p); }
inline void store(float* p, vf v, LaneMask mask) { _mm512_mask_storeu_ps(p, mask, (__m512)v); }
#elif defined(__AVX2__)
typedef __m256i LaneMask;
inline LaneMask first_lanes(int count) {
  return _mm256_cmpgt_epi32(_mm256_set1_epi32(count), _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7));
}
inline vf load(const float* p, LaneMask mask) { return (vf)_mm256_maskload_ps(p, mask); }
inline void store(float* p, vf v, LaneMask mask) { _mm256_maskstore_ps(p, mask, (__m256)v); }
#else
struct LaneMask {
  int count;
};
inline LaneMask first_lanes(int count) { return {count}; }
inline vf load(const float* p, LaneMask mask) {
  return mask.count == kLanes ? load(p) : load_partial(p, mask.count);
}
inline void store(float* p, vf v, LaneMask mask) {
  mask.count == kLanes ? store(p, v) : store_partial(p, v, mask.count);
}
#endif

// All lanes, for code that is written once for whole and partial vectors.
struct AllLanes {};
inline vf load(const float* p, AllLanes) { return load(p); }
inline void store(float* p, vf v, AllLanes) { store(p, v); }

// a * b + c in one rounding where the hardware has it.
inline vf fma(vf a, vf b, vf c) {
#if defined(__AVX512F__)
  return (vf)_mm512_fmadd_ps((__m512)a, (__m512)b, (__m512)c);
#elif defined(__AVX2__)
  return (vf)_mm256_fmadd_ps((__m256)a, (__m256)b, (__m256)c);
#else
  return a * b + c;
#endif
}

}  // namespace dn::cpu::DN_ISA
