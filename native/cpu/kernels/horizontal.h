// Sums and the like over the lanes of one vector, in a fixed order.
#pragma once

#include "vector_math.h"

namespace dn::cpu::DN_ISA {

// Lane i gets lane i ^ kDistance.
template <int kDistance>
inline vf swap_lanes(vf v) {
  vi from;
  for (int i = 0; i < kLanes; ++i) from[i] = i ^ kDistance;
  return __builtin_shuffle(v, from);
}

// Combines all lanes; every lane gets the result.
template <int kDistance = kLanes / 2, typename Function>
inline vf combine_lanes(vf v, const Function& f) {
  v = f(v, swap_lanes<kDistance>(v));
  if constexpr (kDistance > 1)
    return combine_lanes<kDistance / 2>(v, f);
  else
    return v;
}

inline float horizontal_sum(vf v) {
  return combine_lanes(v, [](vf a, vf b) { return a + b; })[0];
}

}  // namespace dn::cpu::DN_ISA
