// Philox 4x32-10, a counter-based random generator: J. Salmon, M. Moraes, R. Dror, D. Shaw,
// "Parallel random numbers: as easy as 1, 2, 3", SC 2011. How operators use it:
// dn_random_attributes.
#pragma once

#include <array>
#include <cstdint>

namespace dn {

using PhiloxBlock = std::array<uint32_t, 4>;

inline PhiloxBlock philox(PhiloxBlock counter, uint32_t key0, uint32_t key1) {
  for (int round = 0; round < 10; ++round) {
    const uint64_t product0 = uint64_t{0xD2511F53u} * counter[0];
    const uint64_t product1 = uint64_t{0xCD9E8D57u} * counter[2];
    counter = {(uint32_t)(product1 >> 32) ^ counter[1] ^ key0, (uint32_t)product1,
               (uint32_t)(product0 >> 32) ^ counter[3] ^ key1, (uint32_t)product0};
    key0 += 0x9E3779B9u;
    key1 += 0xBB67AE85u;
  }
  return counter;
}

// A random word as a float in [0, 1): 24 bits, all exactly representable.
inline float philox_uniform(uint32_t word) {
  return (float)(word >> 8) * 0x1p-24f;
}

}  // namespace dn
