// Division of indices by numbers that the host knows.
#pragma once

#include "cuda/kernels/device.cuh"

namespace dn::cuda {

// n / divisor as a multiplication and a shift, for 0 <= n < 2^31 and 1 <= divisor < 2^31
// (Granlund and Montgomery 1994, rounded up: shift = ceil(log2 divisor), multiplier =
// floor(2^32 (2^shift - divisor) / divisor) + 1).
struct FastDivider {
  uint32_t divisor = 1;
  uint32_t multiplier = 1;
  uint32_t shift = 0;

  FastDivider() = default;
  explicit FastDivider(int64_t by) : divisor((uint32_t)by) {
    while (shift < 31 && (uint64_t{1} << shift) < divisor) ++shift;
    const uint64_t rest = (uint64_t{1} << shift) - divisor;
    multiplier = (uint32_t)((rest << 32) / divisor + 1);
  }

  __device__ __forceinline__ uint32_t divide(uint32_t n) const {
    return (__umulhi(n, multiplier) + n) >> shift;
  }
};

// The same interface for any 64-bit index.
struct WideDivider {
  uint64_t divisor = 1;

  WideDivider() = default;
  explicit WideDivider(int64_t by) : divisor((uint64_t)by) {}

  __device__ __forceinline__ uint64_t divide(uint64_t n) const { return n / divisor; }
};

// Index arithmetic in 32 bits where everything fits, which is several times cheaper.
template <typename Index>
struct DividerOf;
template <>
struct DividerOf<uint32_t> {
  using Type = FastDivider;
};
template <>
struct DividerOf<uint64_t> {
  using Type = WideDivider;
};

constexpr int64_t kMaxNarrowIndex = (int64_t{1} << 31) - 1;

inline int64_t divide_up(int64_t a, int64_t b) {
  return (a + b - 1) / b;
}

}  // namespace dn::cuda
