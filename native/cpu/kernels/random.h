// random: what random words become, where a loop over vectors pays.
#pragma once

#include <cstdint>

#include "isa.h"

namespace dn::cpu {

struct RandomTable {
  // Normal numbers from words (u, v), a pair each: dn_random_attributes says how. out holds 2 n.
  void (*normal)(const uint32_t* u, const uint32_t* v, float mean, float deviation, float* out,
                 int64_t n);
};

}  // namespace dn::cpu

DN_DECLARE_ISA_TABLES(RandomTable, random_table)
