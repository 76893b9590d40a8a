// What the pooling kernels do with a vector, or with its first lanes.
#pragma once

#include <limits>

#include "simd.h"

namespace dn::cpu::DN_ISA {

// The first lanes of a vector.
struct SomeLanes {
  int count;
  LaneMask mask;
  explicit SomeLanes(int64_t lanes) : count((int)lanes), mask(first_lanes((int)lanes)) {}
};
inline vf load(const float* p, const SomeLanes& lanes) {
  return load(p, lanes.mask);
}
inline void store(float* p, vf v, const SomeLanes& lanes) {
  store(p, v, lanes.mask);
}

inline vi broadcast_int(int32_t x) {
  return x - vi{};
}
inline vi load_int(const int32_t* p) {
  vi v;
  std::memcpy(&v, p, sizeof v);
  return v;
}

inline void store_taps(int32_t* p, vi v, AllLanes) {
  std::memcpy(p, &v, sizeof v);
}
inline void store_taps(uint8_t* p, vi v, AllLanes) {
#if defined(__AVX512F__)
  _mm512_mask_cvtepi32_storeu_epi8(p, 0xffff, (__m512i)v);
#else
  for (int i = 0; i < kLanes; ++i) p[i] = (uint8_t)v[i];
#endif
}
template <typename Tap>
inline void store_taps(Tap* p, vi v, const SomeLanes& lanes) {
  for (int i = 0; i < lanes.count; ++i) p[i] = (Tap)v[i];
}

// The value where the taps are this one, else 0.
template <typename Tap>
inline vf where_tap(vf value, const Tap* taps, int32_t tap, AllLanes) {
#if defined(__AVX512F__)
  __mmask16 same;
  if constexpr (sizeof(Tap) == 1)
    same = _mm_cmpeq_epi8_mask(_mm_loadu_si128(reinterpret_cast<const __m128i*>(taps)),
                               _mm_set1_epi8((char)tap));
  else
    same = _mm512_cmpeq_epi32_mask(_mm512_loadu_si512(taps), _mm512_set1_epi32(tap));
  return (vf)_mm512_maskz_mov_ps(same, (__m512)value);
#elif defined(__AVX2__)
  __m256i wide;
  if constexpr (sizeof(Tap) == 1)
    wide = _mm256_cvtepu8_epi32(_mm_loadl_epi64(reinterpret_cast<const __m128i*>(taps)));
  else
    wide = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(taps));
  return (vf)_mm256_and_ps((__m256)_mm256_cmpeq_epi32(wide, _mm256_set1_epi32(tap)), (__m256)value);
#else
  vi wide;
  for (int i = 0; i < kLanes; ++i) wide[i] = taps[i];
  return (vf)((wide == tap) & (vi)value);
#endif
}
template <typename Tap>
inline vf where_tap(vf value, const Tap* taps, int32_t tap, const SomeLanes& lanes) {
  for (int i = 0; i < lanes.count; ++i) value[i] = taps[i] == tap ? value[i] : 0.0f;
  return value;
}

// A larger value, or the first NaN, takes the place of the best so far.
inline void take_larger(vf& best, vi& which, vf value, vi tap) {
#if defined(__AVX512F__)
  const __mmask16 number = _mm512_cmp_ps_mask((__m512)best, (__m512)best, _CMP_ORD_Q);
  const __mmask16 wins = _mm512_mask_cmp_ps_mask(number, (__m512)value, (__m512)best, _CMP_NLE_UQ);
  best = (vf)_mm512_mask_mov_ps((__m512)best, wins, (__m512)value);
  which = (vi)_mm512_mask_mov_epi32((__m512i)which, wins, (__m512i)tap);
#else
  const vi wins = ~(value <= best) & (best == best);
  best = wins ? value : best;
  which = wins ? tap : which;
#endif
}

// Calls body(c, lanes) for the channels of a position.
template <typename Body>
inline void for_channels(int64_t block, const Body& body) {
  int64_t c = 0;
  for (; c + kLanes <= block; c += kLanes) body(c, AllLanes{});
  if (c < block) body(c, SomeLanes(block - c));
}

}  // namespace dn::cpu::DN_ISA
