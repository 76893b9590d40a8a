// strided_copy: copies between two arrangements of the same elements, of any size and up to 9 axes:
// slices, parts of a concatenation, transpositions.
#pragma once

#include <cstdint>

#include "isa.h"

namespace dn::cpu {

// Neighbours along an axis are `from` elements apart in the source, `to` in the destination; to > 0.
struct CopyAxis {
  int64_t extent = 1, from = 0, to = 0;
};

// destination[sum of i * to] = source[sum of i * from]; the two do not overlap.
struct StridedCopy {
  static constexpr int kMaxRank = 9;
  int element_bytes = 4;  // 1, 2, 4 or 8
  int rank = 0;
  CopyAxis axes[kMaxRank];

  void add(int64_t extent, int64_t from, int64_t to) { axes[rank++] = {extent, from, to}; }
  int64_t numel() const {
    int64_t count = 1;
    for (int i = 0; i < rank; ++i) count *= axes[i].extent;
    return count;
  }
  // The same copy with as few axes as describe it, in the order of the destination's memory.
  StridedCopy simplified() const;
};

struct StridedCopyTable {
  // `copy` is simplified. `threads` (>= 1) is an upper limit.
  void (*run)(const StridedCopy& copy, const void* source, void* destination, int threads);
  void (*copy)(void* destination, const void* source, int64_t bytes);
};

}  // namespace dn::cpu

DN_DECLARE_ISA_TABLES(StridedCopyTable, strided_copy_table)

namespace dn::cpu {

inline StridedCopy StridedCopy::simplified() const {
  StridedCopy sorted;
  sorted.element_bytes = element_bytes;
  for (int i = 0; i < rank; ++i) {
    if (axes[i].extent == 1) continue;
    int at = sorted.rank++;
    for (; at > 0 && sorted.axes[at - 1].to < axes[i].to; --at)
      sorted.axes[at] = sorted.axes[at - 1];
    sorted.axes[at] = axes[i];
  }
  StridedCopy joined;
  joined.element_bytes = element_bytes;
  for (int i = 0; i < sorted.rank; ++i) {
    const CopyAxis& axis = sorted.axes[i];
    CopyAxis* outer = joined.rank > 0 ? &joined.axes[joined.rank - 1] : nullptr;
    if (outer && outer->from == axis.extent * axis.from && outer->to == axis.extent * axis.to)
      *outer = {outer->extent * axis.extent, axis.from, axis.to};
    else
      joined.axes[joined.rank++] = axis;
  }
  return joined;
}

inline void strided_copy(const StridedCopy& copy, const void* source, void* destination,
                         int threads) {
  DN_SELECT_ISA(strided_copy_table).run(copy, source, destination, threads);
}

}  // namespace dn::cpu
