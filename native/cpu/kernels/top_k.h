// top_k: the largest or smallest numbers of a line, in order.
#pragma once

#include <cstdint>

#include "isa.h"

namespace dn::cpu {

// Numbers that a line of `count` needs as scratch.
constexpr int64_t top_k_scratch(int64_t count) {
  return 2 * count + 64;
}

struct TopKTable {
  // indices[0 .. k-1] = places of the k largest (or smallest) of x[0 .. count-1], the best first.
  // Equal ones: the lowest place first, also where -0 meets 0; NaN is larger than all numbers.
  // 1 <= k <= count < 2^31; scratch: top_k_scratch(count).
  void (*select)(const float* x, int64_t count, int64_t k, bool largest, int32_t* indices,
                 uint64_t* scratch);
};

}  // namespace dn::cpu

DN_DECLARE_ISA_TABLES(TopKTable, top_k_table)
