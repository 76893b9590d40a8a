// Philox 4x32-10, as engine/philox.h, which is C++20. How operators use it: dn_random_attributes.
#pragma once

#include "cuda/kernels/device.cuh"

namespace dn::cuda {

struct PhiloxWords {
  uint32_t word[4];
};

__device__ __forceinline__ PhiloxWords philox(PhiloxWords counter, uint32_t key0, uint32_t key1) {
  DN_UNROLL
  for (int round = 0; round < 10; ++round) {
    const uint32_t high0 = __umulhi(0xD2511F53u, counter.word[0]);
    const uint32_t low0 = 0xD2511F53u * counter.word[0];
    const uint32_t high1 = __umulhi(0xCD9E8D57u, counter.word[2]);
    const uint32_t low1 = 0xCD9E8D57u * counter.word[2];
    counter = {{high1 ^ counter.word[1] ^ key0, low1, high0 ^ counter.word[3] ^ key1, low0}};
    key0 += 0x9E3779B9u;
    key1 += 0xBB67AE85u;
  }
  return counter;
}

// In [0, 1): 24 bits, all exactly representable.
__device__ __forceinline__ float philox_uniform(uint32_t word) {
  return (float)(word >> 8) * 0x1p-24f;
}

}  // namespace dn::cuda
