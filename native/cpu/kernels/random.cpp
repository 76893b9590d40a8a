#include "random.h"

#include "vector_math.h"

namespace dn::cpu::DN_ISA {

namespace {

inline vf uniform(vu word) {
  return __builtin_convertvector((vi)(word >> 8), vf) * 0x1p-24f;
}

// sin and cos of 2 pi x for x in [0, 1): x is a multiple of 2^-24, so that what is left of it behind
// the nearest quarter is exact.
inline void sine_cosine(vf x, vf& sine, vf& cosine) {
  const vf shifted = x * 4.0f + kRoundShift;
  const vi quarter = (vi)shifted - kRoundShiftBits;
  const vf t = (x - (shifted - kRoundShift) * 0.25f) * 6.28318530718f;  // within pi / 4 of 0
  const vf z = t * t;
  // Taylor's series: its rest is below 2^-24 of the value there.
  vf s = fma(broadcast(2.7557319e-6f), z, broadcast(-1.98412698e-4f));
  s = fma(s, z, broadcast(8.33333333e-3f));
  s = fma(s, z, broadcast(-0.166666667f));
  s = fma(s * z, t, t);
  vf c = fma(broadcast(-2.75573192e-7f), z, broadcast(2.48015873e-5f));
  c = fma(c, z, broadcast(-1.38888889e-3f));
  c = fma(c, z, broadcast(4.16666667e-2f));
  c = fma(c, z, broadcast(-0.5f));
  c = fma(c, z, broadcast(1.0f));
  const vi swap = (quarter & 1) != 0;
  sine = (vf)((vi)choose(swap, c, s) ^ ((quarter & 2) << 30));
  cosine = (vf)((vi)choose(swap, s, c) ^ (((quarter + 1) & 2) << 30));
}

void normal(const uint32_t* u, const uint32_t* v, float mean, float deviation, float* out,
            int64_t n) {
  for (int64_t i = 0; i < n; i += kLanes) {
    const int count = int(n - i < kLanes ? n - i : kLanes);
    vu a{}, b{};
    std::memcpy(&a, u + i, count * sizeof *u);
    std::memcpy(&b, v + i, count * sizeof *v);
    const vf radius = square_root(-2.0f * logarithm(1.0f - uniform(a))) * deviation;
    vf sine, cosine;
    sine_cosine(uniform(b), sine, cosine);
    float first[kLanes], second[kLanes];
    store(first, mean + radius * cosine);
    store(second, mean + radius * sine);
    for (int l = 0; l < count; ++l) {
      out[2 * (i + l)] = first[l];
      out[2 * (i + l) + 1] = second[l];
    }
  }
}

}  // namespace

extern const RandomTable random_table = {normal};

}  // namespace dn::cpu::DN_ISA
