// Kernels compiled at run time, through the stand-ins for NVRTC and the driver: the compiler is
// g++, the GPU the simulator.
#include "cuda/vendor/nvrtc.h"

#include <gtest/gtest.h>
#include <simt.h>

#include "cuda/kernels/launch.h"
#include "stand_ins.h"

namespace vendor = dn::cuda::vendor;

namespace {

constexpr const char* kScaleAndReverse = R"(
struct Params {
  const float* x;
  float* y;
  int count;
};
extern "C" __global__ void scale_and_reverse(const Params p, float factor) {
  const int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i < p.count) p.y[p.count - 1 - i] = factor * p.x[i];
}
)";

struct Params {
  const float* x;
  float* y;
  int count;
};

class NvrtcTest : public testing::Test {
 protected:
  const CudaLibs libs_{"nvrtc"};
  vendor::Nvrtc nvrtc_;
};

float* on_device(const std::vector<float>& values) {
  void* data = nullptr;
  EXPECT_EQ(cudaMalloc(&data, values.size() * sizeof(float)), cudaSuccess);
  EXPECT_EQ(cudaMemcpy(data, values.data(), values.size() * sizeof(float), cudaMemcpyHostToDevice),
            cudaSuccess);
  return static_cast<float*>(data);
}

// Launches it over `count` elements and compares; capability: what to compile for.
void run_scale(const vendor::Nvrtc& nvrtc, int capability) {
  constexpr int kCount = 1000, kBlock = 128;
  std::vector<float> x(kCount);
  for (int i = 0; i < kCount; ++i) x[i] = (float)i;
  float *from = on_device(x), *to = on_device(std::vector<float>(kCount));
  const auto kernel = nvrtc.compile(kScaleAndReverse, "scale_and_reverse", capability);
  cudaStream_t stream = nullptr;
  ASSERT_EQ(cudaStreamCreate(&stream), cudaSuccess);
  {
    // Copied at the launch: gone before the kernel runs.
    Params params{from, to, kCount};
    float factor = 3;
    void* arguments[] = {&params, &factor};
    kernel->launch(stream, dim3((kCount + kBlock - 1) / kBlock), dim3(kBlock), 0, arguments);
    params = {};
    factor = 0;
  }
  ASSERT_EQ(cudaStreamSynchronize(stream), cudaSuccess);
  std::vector<float> y(kCount);
  ASSERT_EQ(cudaMemcpy(y.data(), to, kCount * sizeof(float), cudaMemcpyDeviceToHost), cudaSuccess);
  for (int i = 0; i < kCount; ++i) ASSERT_EQ(y[kCount - 1 - i], 3 * x[i]);
  EXPECT_STREQ(dn::cuda::last_launch(), "scale_and_reverse");
  cudaStreamDestroy(stream);
  cudaFree(from);
  cudaFree(to);
}

}  // namespace

TEST_F(NvrtcTest, CompilesAndLaunches) {
  run_scale(nvrtc_, 90);
}

TEST_F(NvrtcTest, ANewerGpuGetsPtx) {
  run_scale(nvrtc_, 120);
}

TEST_F(NvrtcTest, AnOlderGpuIsRefused) {
  try {
    nvrtc_.compile(kScaleAndReverse, "scale_and_reverse", 60);
    FAIL();
  } catch (const dn::Error& error) {
    EXPECT_EQ(error.status(), DN_UNSUPPORTED);
    EXPECT_NE(std::string(error.what()).find("compute capability 6.0"), std::string::npos);
  }
}

TEST_F(NvrtcTest, AWrongSourceGivesTheCompilersWords) {
  try {
    nvrtc_.compile("extern \"C\" __global__ void broken(int x) { undeclared = x; }", "broken", 90);
    FAIL();
  } catch (const dn::Error& error) {
    EXPECT_EQ(error.status(), DN_VENDOR_ERROR);
    EXPECT_NE(std::string(error.what()).find("undeclared"), std::string::npos) << error.what();
  }
}

TEST_F(NvrtcTest, AMissingKernelIsNamed) {
  try {
    nvrtc_.compile(kScaleAndReverse, "other_name", 90);
    FAIL();
  } catch (const dn::Error& error) {
    EXPECT_EQ(error.status(), DN_VENDOR_ERROR);
    EXPECT_NE(std::string(error.what()).find("named symbol not found"), std::string::npos);
  }
}

TEST_F(NvrtcTest, BarriersAndSharedMemoryWork) {
  constexpr const char* kSource = R"(
extern "C" __global__ void sum_block(const float* x, float* sum) {
  DN_TEST_SHARED(values);
  values[threadIdx.x] = x[threadIdx.x];
  for (unsigned step = blockDim.x / 2; step > 0; step /= 2) {
    __syncthreads();
    if (threadIdx.x < step) values[threadIdx.x] += values[threadIdx.x + step];
  }
  if (threadIdx.x == 0) *sum = values[0];
}
)";
  // Dynamic shared memory has no spelling of its own on the simulator.
  const std::string prefix =
      "#define DN_TEST_SHARED(name) float* name = static_cast<float*>(::simt::dynamic_shared())\n"
      "#include <simt/kernel.h>\n";
  const auto kernel = nvrtc_.compile(prefix + kSource, "sum_block", 90);
  std::vector<float> x(256);
  for (int i = 0; i < 256; ++i) x[i] = (float)i;
  float *from = on_device(x), *sum = on_device({0});
  void* arguments[] = {&from, &sum};
  kernel->launch(nullptr, dim3(1), dim3(256), 60 << 10, arguments);  // more than without asking
  ASSERT_EQ(cudaDeviceSynchronize(), cudaSuccess);
  float result = 0;
  ASSERT_EQ(cudaMemcpy(&result, sum, sizeof result, cudaMemcpyDeviceToHost), cudaSuccess);
  EXPECT_EQ(result, 255 * 128.0f);
  cudaFree(from);
  cudaFree(sum);
}

TEST_F(NvrtcTest, ARefusedLaunchNamesTheKernel) {
  const auto kernel = nvrtc_.compile(kScaleAndReverse, "scale_and_reverse", 90);
  Params params{};
  float factor = 0;
  void* arguments[] = {&params, &factor};
  try {
    kernel->launch(nullptr, dim3(1), dim3(2048), 0, arguments);
    FAIL() << "2048 threads in a block";
  } catch (const dn::cuda::LaunchError& error) {
    EXPECT_STREQ(error.kernel, "scale_and_reverse");
    EXPECT_EQ(error.block.x, 2048u);
  }
  EXPECT_NO_THROW(kernel->launch(nullptr, dim3(0), dim3(32), 0, arguments));
}
