// Numbering of the chosen items of a block in their own order, without atomics.
#pragma once

#include "cuda/kernels/device.cuh"

namespace dn::cuda {

// Item s of thread t is the block's item s * kBlock + t.
template <int kBlock, int kItems>
struct Compaction {
  static constexpr int kWarps = kBlock / 32;
  static constexpr int kCounts = kItems * kWarps;
  static constexpr int kPerLane = (kCounts + 31) / 32;

  // place[s] = the number of chosen items before item s of this thread; returns that of all. All
  // threads call. `counts` is shared memory; nobody may touch it until the next barrier.
  static __device__ __forceinline__ int number(const bool (&chosen)[kItems], int (&place)[kItems],
                                               int (&counts)[32 * kPerLane + 1]) {
    const int lane = (int)threadIdx.x % 32, warp = (int)threadIdx.x / 32;
    unsigned votes[kItems];
    DN_UNROLL
    for (int s = 0; s < kItems; ++s) {
      votes[s] = __ballot_sync(kFullMask, chosen[s]);
      if (lane == 0) counts[s * kWarps + warp] = __popc(votes[s]);
    }
    __syncthreads();  // all counts are there
    if (warp == 0) {
      int own[kPerLane], sum = 0;
      DN_UNROLL
      for (int i = 0; i < kPerLane; ++i) {
        own[i] = lane * kPerLane + i < kCounts ? counts[lane * kPerLane + i] : 0;
        sum += own[i];
      }
      int before = sum;
      DN_UNROLL
      for (int offset = 1; offset < 32; offset *= 2) {
        const int other = __shfl_up_sync(kFullMask, before, offset);
        if (lane >= offset) before += other;
      }
      if (lane == 31) counts[32 * kPerLane] = before;
      before -= sum;
      DN_UNROLL
      for (int i = 0; i < kPerLane; ++i) {
        counts[lane * kPerLane + i] = before;
        before += own[i];
      }
    }
    __syncthreads();  // they have become starts
    DN_UNROLL
    for (int s = 0; s < kItems; ++s)
      place[s] = counts[s * kWarps + warp] + __popc(votes[s] & ((1u << lane) - 1));
    return counts[32 * kPerLane];
  }
};

}  // namespace dn::cuda
