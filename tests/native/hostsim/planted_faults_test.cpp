// Every kind of mistake that the simulator is there to find, planted and found; and the same kernel
// without the mistake, in which nothing is found.
#include "planted_faults.h"

#include <cmath>

namespace simt {
namespace {

using dn::cuda::cp_async4;
using dn::cuda::cp_async_commit;
using dn::cuda::cp_async_wait;
using dn::cuda::ldmatrix_x4;

// ---- Missing barriers.

void reverse_kernel(const float* x, float* y, Kernel kernel) {
  DN_SHARED(float, tile, [kThreads]);
  unsigned t = threadIdx.x;
  tile[t] = x[t];
  if (kernel == Kernel::Right) __syncthreads();
  y[t] = tile[kThreads - 1 - t];
}

TEST_F(PlantedFaults, MissingBarrierBeforeRead) {
  expect_found([](Kernel kernel) {
    auto y = results(reverse_kernel, kThreads, kernel);
    for (int i = 0; i < kThreads; i++) {
      if (y[i] != static_cast<float>(kThreads - i)) return false;
    }
    return true;
  });
}

// The tile is filled again while others may still read it.
void rounds_kernel(const float* x, float* y, Kernel kernel) {
  DN_SHARED(float, tile, [kThreads]);
  unsigned t = threadIdx.x;
  float sum = 0;
  for (int round = 0; round < 8; round++) {
    tile[t] = x[t] * static_cast<float>(round + 1);
    __syncthreads();
    sum += tile[(t + 37) % kThreads];
    if (kernel == Kernel::Right) __syncthreads();
  }
  y[t] = sum;
}

TEST_F(PlantedFaults, MissingBarrierBeforeOverwrite) {
  expect_found([](Kernel kernel) {
    auto y = results(rounds_kernel, kThreads, kernel);
    for (int i = 0; i < kThreads; i++) {
      if (y[i] != static_cast<float>((i + 37) % kThreads + 1) * 36) return false;
    }
    return true;
  });
}

void rotate_kernel(const float* x, float* y, Kernel kernel) {
  DN_SHARED(float, tile, [32]);
  unsigned t = threadIdx.x;
  tile[t] = x[t];
  if (kernel == Kernel::Right) __syncwarp();
  y[t] = tile[(t + 1) % 32];
}

TEST_F(PlantedFaults, MissingSyncwarp) {
  expect_found([](Kernel kernel) {
    auto y = results(rotate_kernel, 32, kernel);
    for (int i = 0; i < 32; i++) {
      if (y[i] != static_cast<float>((i + 1) % 32 + 1)) return false;
    }
    return true;
  });
}

// ---- Asynchronous copies.

void async_kernel(const float* x, float* y, Kernel kernel) {
  DN_SHARED(float, tile, [kThreads]);
  unsigned t = threadIdx.x;
  cp_async4(&tile[t], &x[t], true);
  cp_async_commit();
  if (kernel == Kernel::Right) {
    cp_async_wait<0>();
  } else {
    cp_async_wait<1>();
  }
  __syncthreads();
  y[t] = tile[(t + 1) % kThreads];
  cp_async_wait<0>();
}

TEST_F(PlantedFaults, MissingWaitForAsyncCopy) {
  expect_found([](Kernel kernel) {
    auto y = results(async_kernel, kThreads, kernel);
    for (int i = 0; i < kThreads; i++) {
      if (y[i] != static_cast<float>((i + 1) % kThreads + 1)) return false;
    }
    return true;
  });
}

TEST_F(PlantedFaults, AsyncCopyNeverWaitedFor) {
  DeviceBuffer<float> x(kThreads);
  expect_fault(cudaErrorLaunchFailure, "not waited for", [&](Kernel kernel) {
    auto body = [](const float* from, Kernel which) {
      DN_SHARED(float, tile, [kThreads]);
      cp_async4(&tile[threadIdx.x], &from[threadIdx.x], true);
      cp_async_commit();
      if (which == Kernel::Right) cp_async_wait<0>();
    };
    return launch_kernel(+body, 1, kThreads, 0, nullptr, x.data(), kernel);
  });
}

TEST_F(PlantedFaults, MisalignedAsyncCopy) {
  DeviceBuffer<float> x(kThreads);
  expect_fault(cudaErrorMisalignedAddress, "not 16-byte aligned", [&](Kernel kernel) {
    auto body = [](const float* from, Kernel which) {
      DN_SHARED(float, tile, [8]);
      dn::cuda::cp_async16(tile, from + (which == Kernel::Right ? 0 : 1), true);
      cp_async_commit();
      cp_async_wait<0>();
    };
    return launch_kernel(+body, 1, 1, 0, nullptr, x.data(), kernel);
  });
}

TEST_F(PlantedFaults, LdmatrixOutsideOfSharedMemory) {
  expect_fault(cudaErrorIllegalAddress, "ldmatrix.x4: 16 bytes", [&](Kernel kernel) {
    auto body = [](Kernel which) {
      DN_SHARED(uint16_t, tile, [32][8]);
      unsigned fragment[4];
      ldmatrix_x4(fragment, tile[threadIdx.x + (which == Kernel::Right ? 0 : 1)]);
    };
    return launch_kernel(+body, 1, 32, 0, nullptr, kernel);
  });
}

// ---- Races that no order of one thread at a time can show: found by ThreadSanitizer alone.

void scatter_kernel(const float*, float* y, Kernel kernel) {
  if (kernel == Kernel::Right) {
    atomicAdd(y, 1.0f);
  } else {
    y[0] += 1.0f;
  }
}

void last_block_kernel(float* partial, int* arrived, float* total, Kernel kernel) {
  partial[blockIdx.x] = static_cast<float>(blockIdx.x + 1);
  if (kernel == Kernel::Right) __threadfence();
  if (atomicAdd(arrived, 1) != static_cast<int>(gridDim.x) - 1) return;
  if (kernel == Kernel::Right) __threadfence();
  float sum = 0;
  for (unsigned b = 0; b < gridDim.x; b++) sum += partial[b];
  *total = sum;
}

#if SIMT_TSAN
TEST_F(PlantedFaults, ScatterWithoutAtomic) {
  auto run = [](Kernel kernel) {
    DeviceBuffer<float> y(std::vector<float>(1, 0.0f));
    launch_kernel(scatter_kernel, 1, kThreads, 0, nullptr, y.data(), y.data(), kernel);
    return y.read()[0] == kThreads;
  };
  expect_found(run);
}

TEST_F(PlantedFaults, LastBlockWithoutFence) {
  config().tsan_contexts = 32;  // a context for each block
  auto run = [](Kernel kernel) {
    DeviceBuffer<float> partial(8), total(1);
    DeviceBuffer<int> arrived(std::vector<int>(1, 0));
    launch_kernel(last_block_kernel, 8, 1, 0, nullptr, partial.data(), arrived.data(), total.data(),
                  kernel);
    return total.read()[0] == 36;
  };
  expect_found(run);
}
#else
TEST_F(PlantedFaults, ScatterWithoutAtomic) {
  (void)scatter_kernel;
  GTEST_SKIP() << "threads take turns here, so no update is lost: the tsan preset finds it";
}
TEST_F(PlantedFaults, LastBlockWithoutFence) {
  (void)last_block_kernel;
  GTEST_SKIP() << "blocks run one after another here: the tsan preset finds it";
}
#endif

// ---- Streams. ThreadSanitizer does not know about them: the host thread that synchronises runs all.

#if !SIMT_TSAN
TEST_F(PlantedFaults, MissingEventWait) {
  expect_found([](Kernel kernel) {
    Stream first, second;
    Event written;
    DeviceBuffer<float> x(std::vector<float>(64, 1.0f)), y(std::vector<float>(64, 0.0f)),
        z(std::vector<float>(64, 0.0f));
    affine(first, x.data(), y.data(), 64, 2, 3);
    cudaEventRecord(written, first);
    if (kernel == Kernel::Right) cudaStreamWaitEvent(second, written);
    affine(second, y.data(), z.data(), 64, 10, 0);
    return z.read() == std::vector<float>(64, 50.0f);
  });
}

TEST_F(PlantedFaults, HostBufferReusedTooEarly) {
  expect_found([](Kernel kernel) {
    Stream stream;
    DeviceBuffer<float> x(64);
    std::vector<float> staging(64, 1.0f);
    cudaMemcpyAsync(x.data(), staging.data(), 256, cudaMemcpyHostToDevice, stream);
    if (kernel == Kernel::Right) cudaStreamSynchronize(stream);
    staging.assign(64, 2.0f);
    return x.read() == std::vector<float>(64, 1.0f);
  });
}

TEST_F(PlantedFaults, ResultReadTooEarly) {
  expect_found([](Kernel kernel) {
    Stream stream;
    DeviceBuffer<float> x(std::vector<float>(64, 1.0f));
    std::vector<float> result(64, 0.0f);
    cudaMemcpyAsync(result.data(), x.data(), 256, cudaMemcpyDeviceToHost, stream);
    if (kernel == Kernel::Right) cudaStreamSynchronize(stream);
    bool right = result[0] == 1.0f;
    cudaStreamSynchronize(stream);
    return right;
  });
}

// Between blocking streams and the null stream CUDA keeps an order, between others it does not.
TEST_F(PlantedFaults, CountingOnTheNullStream) {
  expect_found([](Kernel kernel) {
    Stream stream(kernel == Kernel::Right ? cudaStreamDefault : cudaStreamNonBlocking);
    DeviceBuffer<float> x(std::vector<float>(64, 1.0f)), y(std::vector<float>(64, 0.0f)),
        z(std::vector<float>(64, 0.0f));
    affine(stream, x.data(), y.data(), 64, 2, 3);
    affine(nullptr, y.data(), z.data(), 64, 10, 0);
    return z.read() == std::vector<float>(64, 50.0f);
  });
}
#endif

TEST_F(PlantedFaults, CaptureOfAnUnjoinedStream) {
  for (Kernel kernel : {Kernel::Right, Kernel::Planted}) {
    Stream origin, forked;
    Event fork, join;
    DeviceBuffer<float> x(64), y(64);
    ASSERT_EQ(cudaStreamBeginCapture(origin, cudaStreamCaptureModeThreadLocal), cudaSuccess);
    EXPECT_EQ(cudaEventRecord(fork, origin), cudaSuccess);
    EXPECT_EQ(cudaStreamWaitEvent(forked, fork), cudaSuccess);
    EXPECT_EQ(affine(forked, x.data(), y.data(), 64, 1, 0), cudaSuccess);
    EXPECT_EQ(cudaEventRecord(join, forked), cudaSuccess);
    if (kernel == Kernel::Right) {
      EXPECT_EQ(cudaStreamWaitEvent(origin, join), cudaSuccess);
    }
    cudaGraph_t graph = nullptr;
    EXPECT_EQ(cudaStreamEndCapture(origin, &graph),
              kernel == Kernel::Right ? cudaSuccess : cudaErrorStreamCaptureUnjoined);
    EXPECT_EQ(graph != nullptr, kernel == Kernel::Right);
    if (graph) {
      EXPECT_EQ(cudaGraphDestroy(graph), cudaSuccess);
    }
  }
}

// ---- Memory.

TEST_F(PlantedFaults, StaticSharedArrayOverrun) {
  expect_overrun("wrote beside a static shared array of 64 bytes", [](Kernel kernel) {
    auto body = [](Kernel which) {
      DN_SHARED(float, tile, [16]);
      // Through a pointer: the compiler knows the array's bounds.
      volatile float* to = tile;
      to[threadIdx.x + (which == Kernel::Right ? 0 : 1)] = 1;
    };
    return launch_kernel(+body, 1, 16, 0, nullptr, kernel);
  });
}

TEST_F(PlantedFaults, DynamicSharedArrayOverrun) {
  expect_overrun("wrote beside a dynamic shared array of 64 bytes", [](Kernel kernel) {
    auto body = [](Kernel which) {
      DN_DYN_SHARED(float, tile);
      tile[threadIdx.x + (which == Kernel::Right ? 0 : 1)] = 1;
    };
    return launch_kernel(+body, 1, 16, 64, nullptr, kernel);
  });
}

TEST_F(PlantedFaults, GlobalWritePastTheEnd) {
  float* x = nullptr;
  ASSERT_EQ(cudaMalloc(&x, 64), cudaSuccess);
  expect_overrun("wrote beside an allocation of 64 bytes", [&](Kernel kernel) {
    auto body = [](float* to, Kernel which) {
      to[threadIdx.x + (which == Kernel::Right ? 0 : 4)] = 1;
    };
    return launch_kernel(+body, 1, 16, 0, nullptr, x, kernel);
  });
}

#if SIMT_ASAN
TEST_F(PlantedFaults, GlobalReadPastTheEnd) {
  DeviceBuffer<float> x(16), y(16);
  EXPECT_DEATH(
      {
        affine(nullptr, x.data() + 1, y.data(), 16, 1, 0);
        cudaDeviceSynchronize();
      },
      "AddressSanitizer: heap-buffer-overflow");
}
TEST_F(PlantedFaults, MisalignedVectorLoad) {
  DeviceBuffer<float> x(16), y(16);
  EXPECT_DEATH(
      {
        auto body = [](const float* from, float* to) {
          *reinterpret_cast<float4*>(to) = *reinterpret_cast<const float4*>(from + 1);
        };
        launch_kernel(+body, 1, 1, 0, nullptr, x.data(), y.data());
        cudaDeviceSynchronize();
      },
      "misaligned address");
}
#else
TEST_F(PlantedFaults, GlobalReadPastTheEnd) {
  GTEST_SKIP() << "a read leaves no trace: the asan preset finds it";
}
TEST_F(PlantedFaults, MisalignedVectorLoad) {
  GTEST_SKIP() << "the host's processor loads it: the asan preset finds it";
}
#endif

#if !SIMT_ASAN && !SIMT_TSAN
TEST_F(PlantedFaults, WildPointer) {
  DeviceBuffer<float> y(1);
  expect_fault(cudaErrorIllegalAddress, "access to 0x1230", [&](Kernel kernel) {
    auto body = [](float* to, Kernel which) {
      auto wild = static_cast<uintptr_t>(0x1230);
      if (which == Kernel::Planted) to = reinterpret_cast<float*>(wild);
      *static_cast<volatile float*>(to) = 1;
    };
    return launch_kernel(+body, 1, 1, 0, nullptr, y.data(), kernel);
  });
}
#endif

TEST_F(PlantedFaults, HostPointerAsArgument) {
  std::vector<float> host(64);
  DeviceBuffer<float> x(64), y(64);
  expect_fault(cudaErrorIllegalAddress, "pointer argument 1", [&](Kernel kernel) {
    return affine(nullptr, x.data(), kernel == Kernel::Right ? y.data() : host.data(), 64, 1, 0);
  });
}

TEST_F(PlantedFaults, UseAfterFreeInStreamOrder) {
  Stream stream;
  float* x = nullptr;
  ASSERT_EQ(cudaMallocAsync(&x, 256, stream), cudaSuccess);
  expect_fault(cudaErrorIllegalAddress, "not in device memory at this point", [&](Kernel kernel) {
    if (kernel == Kernel::Planted) {
      EXPECT_EQ(cudaFreeAsync(x, stream), cudaSuccess);
    }
    return affine(stream, x, x, 64, 1, 0);
  });
}

TEST_F(PlantedFaults, UseBeforeAllocationInStreamOrder) {
  config().order = Order::Descending;  // the stream that was made last goes first
  Stream allocating, using_it;
  Event allocated;
  float* x = nullptr;
  expect_fault(cudaErrorIllegalAddress, "not in device memory at this point", [&](Kernel kernel) {
    EXPECT_EQ(cudaMallocAsync(&x, 256, allocating), cudaSuccess);
    EXPECT_EQ(cudaEventRecord(allocated, allocating), cudaSuccess);
    if (kernel == Kernel::Right) {
      EXPECT_EQ(cudaStreamWaitEvent(using_it, allocated), cudaSuccess);
    }
    return affine(using_it, x, x, 64, 1, 0);
  });
}

void read_unwritten_kernel(const float* x, float* y, Kernel kernel) {
  DN_SHARED(float, tile, [32]);
  unsigned t = threadIdx.x;
  if (kernel == Kernel::Right || t != 5) tile[t] = x[t];
  __syncthreads();
  float sum = 0;
  for (int i = 0; i < 32; i++) sum += tile[i];
  y[t] = sum;
}

TEST_F(PlantedFaults, SharedMemoryReadBeforeWritten) {
  for (float v : results(read_unwritten_kernel, 32, Kernel::Right)) EXPECT_EQ(v, 528);
  for (float v : results(read_unwritten_kernel, 32, Kernel::Planted)) EXPECT_TRUE(std::isnan(v));
  // Nor is what another block has left there a value.
  for (float v : results(read_unwritten_kernel, 32, Kernel::Planted)) EXPECT_TRUE(std::isnan(v));
}

TEST_F(PlantedFaults, GlobalMemoryReadBeforeWritten) {
  DeviceBuffer<float> x(64), y(64);
  affine(nullptr, x.data(), y.data(), 64, 1, 0);
  for (float v : y.read()) EXPECT_TRUE(std::isnan(v));
  // As a half or a bfloat16 too.
  DeviceBuffer<unsigned short> halves(4);
  for (unsigned short code : halves.read()) {
    EXPECT_TRUE(std::isnan(__half2float(__ushort_as_half(code))));
    EXPECT_TRUE(std::isnan(__bfloat162float(__ushort_as_bfloat16(code))));
  }
}

// By default a fault ends the process, and says where.
TEST_F(PlantedFaults, EndTheProcessByDefault) {
  EXPECT_DEATH(
      {
        auto body = [] {
          if (threadIdx.x % 2) return;
          __syncthreads();
        };
        name_next_launch("uneven");
        launch_kernel(+body, 2, 64, 0, nullptr);
        cudaDeviceSynchronize();
      },
      "hostsim: __syncthreads at .*planted_faults_test.cpp:.*have returned.*"
      "in kernel uneven, block");
}

}  // namespace
}  // namespace simt
