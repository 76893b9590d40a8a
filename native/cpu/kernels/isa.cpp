#include "isa.h"

#include <cstdlib>
#include <cstring>
#include <initializer_list>

namespace dn::cpu {

const char* isa_name(Isa isa) {
  switch (isa) {
    case Isa::Avx512: return "avx512";
    case Isa::Avx2: return "avx2";
    default: return "baseline";
  }
}

static Isa detect() {
  Isa found = Isa::Baseline;
#if defined(__x86_64__)
  __builtin_cpu_init();
  if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) found = Isa::Avx2;
  if (found == Isa::Avx2 && __builtin_cpu_supports("avx512f") &&
      __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512dq") &&
      __builtin_cpu_supports("avx512vl"))
    found = Isa::Avx512;
#endif
  if (const char* limit = std::getenv("DEEPNATIVE_ISA")) {
    for (Isa isa : {Isa::Baseline, Isa::Avx2, Isa::Avx512})
      if (std::strcmp(limit, isa_name(isa)) == 0 && isa < found) return isa;
  }
  return found;
}

Isa best_isa() {
  static const Isa isa = detect();
  return isa;
}

}  // namespace dn::cpu
