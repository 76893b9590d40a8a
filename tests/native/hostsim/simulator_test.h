// Tests of the simulator: each starts and ends with a fresh device.
#pragma once

#include <gtest/gtest.h>
#include <simt.h>

#include <cstdlib>
#include <vector>

#include "../cuda_kernels/device_buffer.h"
#include "cuda/kernels/device.cuh"

namespace simt {

using dn::cuda::DeviceBuffer;
using dn::cuda::launch_kernel;

class SimulatorTest : public ::testing::Test {
 protected:
  SimulatorTest() {
    // Children start from the beginning: ThreadSanitizer forbids a fork once there are fibers.
    GTEST_FLAG_SET(death_test_style, "threadsafe");
    fresh_device();
  }
  ~SimulatorTest() override { fresh_device(); }

  static void fresh_device() {
    config() = Config{};
    set_seed(1);
    set_driver_error(cudaSuccess);
    set_device_count(1);
    set_memory_limit(size_t{256} << 20);
    set_compute_capability(8, 0);
    clear_faults();
    cudaSetDevice(0);
    cudaDeviceReset();
  }
};

class Stream {
 public:
  explicit Stream(unsigned flags = cudaStreamNonBlocking) {
    EXPECT_EQ(cudaStreamCreateWithFlags(&stream_, flags), cudaSuccess);
  }
  ~Stream() { cudaStreamDestroy(stream_); }
  Stream(const Stream&) = delete;
  Stream& operator=(const Stream&) = delete;
  operator cudaStream_t() const { return stream_; }

 private:
  cudaStream_t stream_ = nullptr;
};

class Event {
 public:
  explicit Event(unsigned flags = cudaEventDisableTiming) {
    EXPECT_EQ(cudaEventCreateWithFlags(&event_, flags), cudaSuccess);
  }
  ~Event() { cudaEventDestroy(event_); }
  Event(const Event&) = delete;
  Event& operator=(const Event&) = delete;
  operator cudaEvent_t() const { return event_; }

 private:
  cudaEvent_t event_ = nullptr;
};

// y[i] = a * x[i] + b.
inline void affine_kernel(const float* x, float* y, int count, float a, float b) {
  int i = static_cast<int>(blockIdx.x * blockDim.x + threadIdx.x);
  if (i < count) y[i] = a * x[i] + b;
}
inline cudaError_t affine(cudaStream_t stream, const float* x, float* y, int count, float a,
                          float b) {
  name_next_launch("affine");
  unsigned blocks = (static_cast<unsigned>(count) + 63) / 64;
  return launch_kernel(affine_kernel, blocks, 64, 0, stream, x, y, count, a, b);
}

}  // namespace simt
