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

typedef uint8_t vb __attribute__((vector_size(kLanes)));

inline vi broadcast_int(int32_t x) {
  return x - vi{};
}
inline vi load_int(const int32_t* p) {
  vi v;
  std::memcpy(&v, p, sizeof v);
  return v;
}

inline void store_taps(uint8_t* p, vi v, AllLanes) {
  const vb narrow = __builtin_convertvector(v, vb);
  std::memcpy(p, &narrow, sizeof narrow);
}
inline void store_taps(int32_t* p, vi v, AllLanes) {
  std::memcpy(p, &v, sizeof v);
}
template <typename Tap>
inline void store_taps(Tap* p, vi v, const SomeLanes& lanes) {
  for (int i = 0; i < lanes.count; ++i) p[i] = (Tap)v[i];
}

inline vi load_taps(const uint8_t* p, AllLanes) {
  vb narrow;
  std::memcpy(&narrow, p, sizeof narrow);
  return __builtin_convertvector(narrow, vi);
}
inline vi load_taps(const int32_t* p, AllLanes) {
  return load_int(p);
}
template <typename Tap>
inline vi load_taps(const Tap* p, const SomeLanes& lanes) {
  vi v{};
  for (int i = 0; i < lanes.count; ++i) v[i] = p[i];
  return v;
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

// The value where the taps are this one, else 0.
inline vf where_tap(vf value, vi taps, vi tap) {
#if defined(__AVX512F__)
  return (vf)_mm512_maskz_mov_ps(_mm512_cmpeq_epi32_mask((__m512i)taps, (__m512i)tap),
                                 (__m512)value);
#else
  return (vf)((taps == tap) & (vi)value);
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
