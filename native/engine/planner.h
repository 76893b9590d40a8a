// Puts buffers that are alive at different times into the same memory.
#pragma once

#include <deepnative.h>

#include <cstdint>
#include <vector>

namespace dn {

struct Lifetime {
  int64_t bytes = 0;
  int first = 0;  // the step that writes it
  int last = 0;   // the last step that uses it, >= first
};

struct ArenaPlan {
  std::vector<int64_t> offsets;  // of each buffer, multiples of kArenaAlignment
  int64_t peak_bytes = 0;        // size of the arena
  int64_t sum_bytes = 0;         // what separate buffers would take
};

constexpr int64_t kArenaAlignment = 64;

// Greedy by size, largest first, each at the lowest offset that is free over its lifetime
// (Pisarchyk and Lee 2020, "Efficient memory management for deep neural net inference").
DN_API ArenaPlan plan_arena(const std::vector<Lifetime>& buffers);

}  // namespace dn
