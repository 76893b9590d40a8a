// The simulator's one source of randomness, so that a seed repeats a whole run.
#pragma once

#include <cstddef>
#include <cstdint>

namespace simt {

uint32_t random_bits();

// Below `count`, which is not 0.
inline size_t random_below(size_t count) {
  return static_cast<size_t>(static_cast<uint64_t>(random_bits()) * count >> 32);
}

}  // namespace simt
