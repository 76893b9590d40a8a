// Barriers and warp operations that not all threads reach, or that they reach differently.
#include "planted_faults.h"

namespace simt {
namespace {

using dn::cuda::kFullMask;

class Divergence : public PlantedFaults {
 protected:
  static void expect_divergence(const std::string& text, void (*kernel)(Kernel),
                                int threads = kThreads) {
    expect_fault(cudaErrorLaunchFailure, text, [=](Kernel which) {
      return launch_kernel(kernel, 1, threads, 0, nullptr, which);
    });
  }
};

TEST_F(Divergence, TwoBarriers) {
  expect_divergence("divergent barriers", [](Kernel kernel) {
    if (kernel == Kernel::Right || threadIdx.x < 64) {
      __syncthreads();
    } else {
      __syncthreads();
    }
  });
}

TEST_F(Divergence, BarrierThatAWarpSkips) {
  expect_divergence("threads of the block have returned", [](Kernel kernel) {
    if (kernel == Kernel::Right || threadIdx.x >= 32) __syncthreads();
  });
}

TEST_F(Divergence, BarrierAfterAnEarlyReturn) {
  expect_divergence("64 threads of the block have returned", [](Kernel kernel) {
    if (kernel == Kernel::Planted && threadIdx.x % 2) return;
    __syncthreads();
  });
}

TEST_F(Divergence, BarrierAndShuffle) {
  expect_divergence(
      "deadlock",
      [](Kernel kernel) {
        if (kernel == Kernel::Planted && threadIdx.x == 3) __syncthreads();
        __shfl_xor_sync(kFullMask, 1, 1);
        if (kernel == Kernel::Right || threadIdx.x != 3) __syncthreads();
      },
      32);
}

TEST_F(Divergence, LanesThatHaveReturned) {
  expect_divergence(
      "mask ffffffff",
      [](Kernel kernel) {
        if (kernel == Kernel::Planted && threadIdx.x >= 20) return;
        __shfl_xor_sync(kFullMask, 1, 1);
      },
      32);
}

TEST_F(Divergence, LaneOutsideOfItsMask) {
  expect_divergence(
      "is not in mask 0000ffff",
      [](Kernel kernel) {
        if (kernel == Kernel::Planted || threadIdx.x < 16) __shfl_xor_sync(0xffffu, 1, 1);
      },
      32);
}

TEST_F(Divergence, MasksThatOverlap) {
  expect_divergence(
      "overlaps",
      [](Kernel kernel) {
        unsigned lower = kernel == Kernel::Right ? 0x0000ffffu : 0x0001ffffu;
        __shfl_xor_sync(threadIdx.x < 16 ? lower : 0xffff0000u, 1, 1);
      },
      32);
}

TEST_F(Divergence, DifferentOperations) {
  expect_divergence(
      "divergence: lane",
      [](Kernel kernel) {
        if (kernel == Kernel::Planted && threadIdx.x == 9) {
          __shfl_up_sync(kFullMask, 1, 1);
        } else {
          __shfl_xor_sync(kFullMask, 1, 1);
        }
      },
      32);
}

TEST_F(Divergence, ShuffleFromOutsideOfTheMask) {
  expect_divergence(
      "reads lane 20, which is not in mask",
      [](Kernel kernel) {
        if (threadIdx.x < 16) __shfl_sync(0xffffu, 1, kernel == Kernel::Right ? 3 : 20);
      },
      32);
}

TEST_F(Divergence, ActiveMask) {
  expect_divergence("__activemask", [](Kernel kernel) {
    if (kernel == Kernel::Planted) __activemask();
  });
}

}  // namespace
}  // namespace simt
