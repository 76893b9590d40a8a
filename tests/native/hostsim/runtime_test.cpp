// Devices, memory, errors: the runtime's functions as CUDA documents them.
#include <cstring>
#include <string>

#include "simulator_test.h"

namespace simt {
namespace {

class RuntimeTest : public SimulatorTest {};

TEST_F(RuntimeTest, DevicesDescribeThemselves) {
  set_device_count(2);
  set_compute_capability(9, 0);
  set_multiprocessors(132);
  int count = 0;
  ASSERT_EQ(cudaGetDeviceCount(&count), cudaSuccess);
  EXPECT_EQ(count, 2);
  cudaDeviceProp properties;
  ASSERT_EQ(cudaGetDeviceProperties(&properties, 1), cudaSuccess);
  EXPECT_EQ(properties.major, 9);
  EXPECT_EQ(properties.minor, 0);
  EXPECT_EQ(properties.multiProcessorCount, 132);
  EXPECT_EQ(properties.totalGlobalMem, size_t{256} << 20);
  EXPECT_EQ(properties.sharedMemPerBlockOptin, 227u * 1024);
  int value = 0;
  ASSERT_EQ(cudaDeviceGetAttribute(&value, cudaDevAttrMaxSharedMemoryPerBlockOptin, 1),
            cudaSuccess);
  EXPECT_EQ(value, 227 * 1024);
  set_multiprocessors(8);
  EXPECT_EQ(cudaGetDeviceProperties(&properties, 2), cudaErrorInvalidDevice);
  EXPECT_EQ(cudaSetDevice(2), cudaErrorInvalidDevice);
  ASSERT_EQ(cudaSetDevice(1), cudaSuccess);
  ASSERT_EQ(cudaGetDevice(&value), cudaSuccess);
  EXPECT_EQ(value, 1);
}

TEST_F(RuntimeTest, SharedMemoryDependsOnTheCapability) {
  struct Expectation {
    int major, minor;
    size_t bytes;
  };
  for (Expectation e : {Expectation{7, 5, 64 * 1024},
                        {8, 0, 163 * 1024},
                        {8, 6, 99 * 1024},
                        {8, 9, 99 * 1024},
                        {9, 0, 227 * 1024}}) {
    set_compute_capability(e.major, e.minor);
    cudaDeviceProp properties;
    ASSERT_EQ(cudaGetDeviceProperties(&properties, 0), cudaSuccess);
    EXPECT_EQ(properties.sharedMemPerBlockOptin, e.bytes) << e.major << "." << e.minor;
  }
}

TEST_F(RuntimeTest, NoDriverOrTooOldAOne) {
  int count = 7, version = 0;
  set_driver_error(cudaErrorNoDevice);
  EXPECT_EQ(cudaGetDeviceCount(&count), cudaErrorNoDevice);
  EXPECT_EQ(count, 0);
  ASSERT_EQ(cudaDriverGetVersion(&version), cudaSuccess);
  EXPECT_EQ(version, 0);
  EXPECT_EQ(cudaSetDevice(0), cudaErrorNoDevice);
  set_driver_error(cudaErrorInsufficientDriver);
  EXPECT_EQ(cudaGetDeviceCount(&count), cudaErrorInsufficientDriver);
  ASSERT_EQ(cudaDriverGetVersion(&version), cudaSuccess);
  EXPECT_LT(version, CUDART_VERSION);
  EXPECT_GT(version, 0);
  set_driver_error(cudaSuccess);
  EXPECT_EQ(cudaGetDeviceCount(&count), cudaSuccess);
  ASSERT_EQ(cudaRuntimeGetVersion(&version), cudaSuccess);
  EXPECT_EQ(version, CUDART_VERSION);
}

TEST_F(RuntimeTest, ErrorsHaveNamesAndStay) {
  EXPECT_STREQ(cudaGetErrorName(cudaErrorIllegalAddress), "cudaErrorIllegalAddress");
  EXPECT_STREQ(cudaGetErrorString(cudaErrorMemoryAllocation), "out of memory");
  EXPECT_STREQ(cudaGetErrorName(static_cast<cudaError_t>(12345)), "unrecognized error code");
  EXPECT_EQ(cudaMalloc(static_cast<void**>(nullptr), 4), cudaErrorInvalidValue);
  EXPECT_EQ(cudaPeekAtLastError(), cudaErrorInvalidValue);
  EXPECT_EQ(cudaGetLastError(), cudaErrorInvalidValue);
  EXPECT_EQ(cudaGetLastError(), cudaSuccess);
}

// ---- Memory.

TEST_F(RuntimeTest, MemoryHasALimit) {
  set_memory_limit(16 << 20);
  size_t before = 0, free = 0, total = 0;
  ASSERT_EQ(cudaMemGetInfo(&before, &total), cudaSuccess);
  EXPECT_EQ(total, size_t{16} << 20);
  void *a = nullptr, *b = nullptr;
  ASSERT_EQ(cudaMalloc(&a, 12 << 20), cudaSuccess);
  ASSERT_EQ(cudaMemGetInfo(&free, &total), cudaSuccess);
  EXPECT_EQ(free, before - (12 << 20));
  EXPECT_EQ(cudaMalloc(&b, 6 << 20), cudaErrorMemoryAllocation);
  EXPECT_EQ(b, nullptr);
  EXPECT_EQ(cudaGetLastError(), cudaErrorMemoryAllocation);
  // Not sticky: what fits is still given.
  EXPECT_EQ(cudaMalloc(&b, 4 << 20), cudaSuccess);
  EXPECT_EQ(cudaFree(a), cudaSuccess);
  EXPECT_EQ(cudaFree(b), cudaSuccess);
  ASSERT_EQ(cudaMemGetInfo(&free, &total), cudaSuccess);
  EXPECT_EQ(free, before);
}

TEST_F(RuntimeTest, FreesAreChecked) {
  float* x = nullptr;
  float host = 0;
  ASSERT_EQ(cudaMalloc(&x, 16), cudaSuccess);
  EXPECT_EQ(cudaFree(x + 1), cudaErrorInvalidValue);
  EXPECT_EQ(cudaFree(&host), cudaErrorInvalidValue);
  EXPECT_EQ(cudaFreeHost(x), cudaErrorInvalidValue);
  EXPECT_EQ(cudaFree(x), cudaSuccess);
  EXPECT_EQ(cudaFree(x), cudaErrorInvalidValue);
  EXPECT_EQ(cudaFree(nullptr), cudaSuccess);
}

TEST_F(RuntimeTest, CopiesAreChecked) {
  DeviceBuffer<float> x(16);
  float host[16] = {};
  EXPECT_EQ(cudaMemcpy(x.data(), host, 64, cudaMemcpyHostToDevice), cudaSuccess);
  EXPECT_EQ(cudaMemcpy(host, x.data(), 64, cudaMemcpyDefault), cudaSuccess);
  EXPECT_EQ(cudaMemcpy(x.data(), host, 64, cudaMemcpyDeviceToHost), cudaErrorInvalidValue);
  EXPECT_EQ(cudaMemcpy(host, host, 64, cudaMemcpyHostToDevice), cudaErrorInvalidValue);
  EXPECT_EQ(cudaMemcpy(x.data() + 1, host, 64, cudaMemcpyHostToDevice), cudaErrorInvalidValue);
  EXPECT_EQ(cudaMemcpy(x.data(), host, 64, static_cast<cudaMemcpyKind>(9)),
            cudaErrorInvalidMemcpyDirection);
  EXPECT_EQ(cudaMemset(host, 0, 64), cudaErrorInvalidValue);
  EXPECT_EQ(cudaMemset(x.data(), 0, 65), cudaErrorInvalidValue);
  EXPECT_EQ(cudaMemset(x.data(), 0, 64), cudaSuccess);
  EXPECT_EQ(x.read(), std::vector<float>(16, 0.0f));
}

TEST_F(RuntimeTest, PinnedMemory) {
  float *plain = nullptr, *mapped = nullptr, *device = nullptr;
  ASSERT_EQ(cudaMallocHost(&plain, 256), cudaSuccess);
  ASSERT_EQ(cudaHostAlloc(&mapped, 256, cudaHostAllocMapped), cudaSuccess);
  EXPECT_EQ(cudaHostGetDevicePointer(&device, plain, 0), cudaErrorInvalidValue);
  ASSERT_EQ(cudaHostGetDevicePointer(&device, mapped, 0), cudaSuccess);
  for (int i = 0; i < 64; i++) mapped[i] = 3;
  ASSERT_EQ(affine(nullptr, device, device, 64, 2, 1), cudaSuccess);
  ASSERT_EQ(cudaDeviceSynchronize(), cudaSuccess);
  for (int i = 0; i < 64; i++) EXPECT_EQ(mapped[i], 7);
  cudaPointerAttributes attributes;
  ASSERT_EQ(cudaPointerGetAttributes(&attributes, mapped + 3), cudaSuccess);
  EXPECT_EQ(attributes.type, cudaMemoryTypeHost);
  EXPECT_EQ(attributes.devicePointer, mapped + 3);
  DeviceBuffer<float> x(4);
  ASSERT_EQ(cudaPointerGetAttributes(&attributes, x.data()), cudaSuccess);
  EXPECT_EQ(attributes.type, cudaMemoryTypeDevice);
  EXPECT_EQ(attributes.device, 0);
  float local;
  ASSERT_EQ(cudaPointerGetAttributes(&attributes, &local), cudaSuccess);
  EXPECT_EQ(attributes.type, cudaMemoryTypeUnregistered);
  EXPECT_EQ(cudaFree(mapped), cudaErrorInvalidValue);
  EXPECT_EQ(cudaFreeHost(plain), cudaSuccess);
  EXPECT_EQ(cudaFreeHost(mapped), cudaSuccess);
}

class PoolTest : public SimulatorTest {
 protected:
  uint64_t attribute(cudaMemPoolAttr which) {
    uint64_t value = 0;
    EXPECT_EQ(cudaMemPoolGetAttribute(pool_, which, &value), cudaSuccess);
    return value;
  }
  void create() {
    cudaMemPoolProps properties{};
    properties.allocType = cudaMemAllocationTypePinned;
    properties.location = {cudaMemLocationTypeDevice, 0};
    ASSERT_EQ(cudaMemPoolCreate(&pool_, &properties), cudaSuccess);
  }
  cudaMemPool_t pool_ = nullptr;
};

TEST_F(PoolTest, HoldsWhatItsThresholdAllows) {
  create();
  uint64_t threshold = 1 << 20;
  ASSERT_EQ(cudaMemPoolSetAttribute(pool_, cudaMemPoolAttrReleaseThreshold, &threshold),
            cudaSuccess);
  Stream stream;
  void *a = nullptr, *b = nullptr;
  ASSERT_EQ(cudaMallocFromPoolAsync(&a, 3 << 20, pool_, stream), cudaSuccess);
  ASSERT_EQ(cudaMallocFromPoolAsync(&b, 1 << 20, pool_, stream), cudaSuccess);
  EXPECT_EQ(attribute(cudaMemPoolAttrUsedMemCurrent), 4u << 20);
  ASSERT_EQ(cudaFreeAsync(a, stream), cudaSuccess);
  ASSERT_EQ(cudaFreeAsync(b, stream), cudaSuccess);
  EXPECT_EQ(attribute(cudaMemPoolAttrUsedMemCurrent), 4u << 20);  // the stream is not there yet
  ASSERT_EQ(cudaStreamSynchronize(stream), cudaSuccess);
  EXPECT_EQ(attribute(cudaMemPoolAttrUsedMemCurrent), 0u);
  EXPECT_EQ(attribute(cudaMemPoolAttrReservedMemCurrent), threshold);
  EXPECT_EQ(attribute(cudaMemPoolAttrUsedMemHigh), 4u << 20);
  size_t free = 0, total = 0;
  ASSERT_EQ(cudaMemGetInfo(&free, &total), cudaSuccess);
  EXPECT_EQ(free, total - threshold);
  ASSERT_EQ(cudaMemPoolTrimTo(pool_, 0), cudaSuccess);
  ASSERT_EQ(cudaMemGetInfo(&free, &total), cudaSuccess);
  EXPECT_EQ(free, total);
  EXPECT_EQ(cudaMemPoolDestroy(pool_), cudaSuccess);
  EXPECT_EQ(cudaMallocFromPoolAsync(&a, 64, pool_, stream), cudaErrorInvalidValue);
}

// Memory that a stream is about to free is found before an allocation fails.
TEST_F(PoolTest, WaitsForFreesBeforeItFails) {
  set_memory_limit(16 << 20);
  create();
  Stream stream;
  void *a = nullptr, *b = nullptr;
  ASSERT_EQ(cudaMallocFromPoolAsync(&a, 12 << 20, pool_, stream), cudaSuccess);
  EXPECT_EQ(cudaMallocFromPoolAsync(&b, 12 << 20, pool_, stream), cudaErrorMemoryAllocation);
  ASSERT_EQ(cudaFreeAsync(a, stream), cudaSuccess);
  EXPECT_EQ(cudaMallocFromPoolAsync(&b, 12 << 20, pool_, stream), cudaSuccess);
  EXPECT_EQ(cudaFree(b), cudaSuccess);
  EXPECT_EQ(cudaMemPoolDestroy(pool_), cudaSuccess);
}

TEST_F(PoolTest, DefaultPool) {
  cudaMemPool_t pool = nullptr;
  ASSERT_EQ(cudaDeviceGetDefaultMemPool(&pool, 0), cudaSuccess);
  Stream stream;
  float* x = nullptr;
  ASSERT_EQ(cudaMallocAsync(&x, 256, stream), cudaSuccess);
  ASSERT_EQ(cudaMemsetAsync(x, 0, 256, stream), cudaSuccess);
  ASSERT_EQ(affine(stream, x, x, 64, 1, 5), cudaSuccess);
  std::vector<float> result(64);
  ASSERT_EQ(cudaMemcpyAsync(result.data(), x, 256, cudaMemcpyDeviceToHost, stream), cudaSuccess);
  ASSERT_EQ(cudaFreeAsync(x, stream), cudaSuccess);
  ASSERT_EQ(cudaStreamSynchronize(stream), cudaSuccess);
  EXPECT_EQ(result, std::vector<float>(64, 5.0f));
}

// ---- Launches.

TEST_F(RuntimeTest, LaunchesAreChecked) {
  DeviceBuffer<float> x(64);
  auto launch = [&](dim3 grid, dim3 block, size_t shared) {
    return launch_kernel(affine_kernel, grid, block, shared, nullptr, x.data(), x.data(), 0, 1.0f,
                         0.0f);
  };
  EXPECT_EQ(launch(1, 1024, 0), cudaSuccess);
  EXPECT_EQ(launch(1, 1025, 0), cudaErrorInvalidConfiguration);
  EXPECT_EQ(launch(0, 32, 0), cudaErrorInvalidConfiguration);
  EXPECT_EQ(launch(1, dim3(1, 1, 65), 0), cudaErrorInvalidConfiguration);
  EXPECT_EQ(launch(dim3(1, 65536), 32, 0), cudaErrorInvalidConfiguration);
  EXPECT_EQ(launch(1, 32, 48 * 1024), cudaSuccess);
  EXPECT_EQ(launch(1, 32, 48 * 1024 + 1), cudaErrorInvalidValue);
  constexpr auto kAttribute = cudaFuncAttributeMaxDynamicSharedMemorySize;
  EXPECT_EQ(cudaFuncSetAttribute(affine_kernel, kAttribute, 99 * 1024), cudaSuccess);
  EXPECT_EQ(launch(1, 32, 99 * 1024), cudaSuccess);
  EXPECT_EQ(launch(1, 32, 99 * 1024 + 1), cudaErrorInvalidValue);
  EXPECT_EQ(cudaFuncSetAttribute(affine_kernel, kAttribute, 164 * 1024), cudaErrorInvalidValue);
  cudaFuncAttributes attributes;
  ASSERT_EQ(cudaFuncGetAttributes(&attributes, affine_kernel), cudaSuccess);
  EXPECT_EQ(attributes.maxDynamicSharedSizeBytes, 99 * 1024);
  int blocks = 0;
  ASSERT_EQ(cudaOccupancyMaxActiveBlocksPerMultiprocessor(&blocks, affine_kernel, 256, 0),
            cudaSuccess);
  EXPECT_EQ(blocks, 8);
  ASSERT_EQ(cudaOccupancyMaxActiveBlocksPerMultiprocessor(&blocks, affine_kernel, 256, 70 * 1024),
            cudaSuccess);
  EXPECT_EQ(blocks, 2);
  EXPECT_EQ(cudaFuncSetAttribute(affine_kernel, kAttribute, 48 * 1024), cudaSuccess);
}

// ---- Injected faults.

TEST_F(RuntimeTest, ACallFailsOnce) {
  void* x = nullptr;
  fail_next("cudaMalloc", cudaErrorMemoryAllocation);
  EXPECT_EQ(cudaMalloc(&x, 16), cudaErrorMemoryAllocation);
  EXPECT_EQ(cudaMalloc(&x, 16), cudaSuccess);
  EXPECT_EQ(cudaFree(x), cudaSuccess);
}

TEST_F(RuntimeTest, AKernelFaultsWhenItRuns) {
  DeviceBuffer<float> x(64);
  fail_next("affine", cudaErrorIllegalAddress);
  EXPECT_EQ(affine(nullptr, x.data(), x.data(), 64, 1, 0), cudaSuccess);
  EXPECT_EQ(cudaPeekAtLastError(), cudaSuccess);  // it has not run
  EXPECT_EQ(cudaDeviceSynchronize(), cudaErrorIllegalAddress);
  EXPECT_EQ(affine(nullptr, x.data(), x.data(), 64, 1, 0), cudaErrorIllegalAddress);
  cudaStream_t stream = nullptr;
  EXPECT_EQ(cudaStreamCreate(&stream), cudaErrorIllegalAddress);
}

TEST_F(RuntimeTest, ALaunchIsRefused) {
  DeviceBuffer<float> x(64);
  for (const char* name : {"affine", "kernel"}) {
    fail_next(name, cudaErrorNoKernelImageForDevice);
    EXPECT_EQ(affine(nullptr, x.data(), x.data(), 64, 1, 0), cudaErrorNoKernelImageForDevice);
  }
  EXPECT_EQ(affine(nullptr, x.data(), x.data(), 64, 1, 0), cudaSuccess);
  EXPECT_EQ(cudaDeviceSynchronize(), cudaSuccess);
}

TEST_F(RuntimeTest, OtherDevicesGoOn) {
  set_device_count(2);
  DeviceBuffer<float> x(64);
  fail_next("kernel", cudaErrorLaunchFailure);
  EXPECT_EQ(affine(nullptr, x.data(), x.data(), 64, 1, 0), cudaSuccess);
  EXPECT_EQ(cudaDeviceSynchronize(), cudaErrorLaunchFailure);
  ASSERT_EQ(cudaSetDevice(1), cudaSuccess);
  {
    DeviceBuffer<float> y(std::vector<float>(64, 2.0f));
    EXPECT_EQ(affine(nullptr, y.data(), y.data(), 64, 2, 0), cudaSuccess);
    EXPECT_EQ(y.read(), std::vector<float>(64, 4.0f));
  }
  ASSERT_EQ(cudaSetDevice(0), cudaSuccess);
  EXPECT_EQ(cudaDeviceSynchronize(), cudaErrorLaunchFailure);
}

TEST_F(RuntimeTest, WhoeverOpensTheLibraryControlsItByName) {
  void* x = nullptr;
  hostsim_set_memory_limit(1 << 20);
  EXPECT_EQ(cudaMalloc(&x, 2 << 20), cudaErrorMemoryAllocation);
  hostsim_fail_next("cudaMalloc", cudaErrorUnknown);
  EXPECT_EQ(cudaMalloc(&x, 16), cudaErrorUnknown);
  hostsim_set_driver_error(cudaErrorNoDevice);
  int count;
  EXPECT_EQ(cudaGetDeviceCount(&count), cudaErrorNoDevice);
  hostsim_set_driver_error(cudaSuccess);
  hostsim_set_compute_capability(12, 1);
  cudaDeviceProp properties;
  ASSERT_EQ(cudaGetDeviceProperties(&properties, 0), cudaSuccess);
  EXPECT_EQ(properties.major * 10 + properties.minor, 121);
}

// ---- The environment. Each in a process of its own, for it is read once.

class EnvironmentTest : public ::testing::Test {
 protected:
  EnvironmentTest() { GTEST_FLAG_SET(death_test_style, "threadsafe"); }
  ~EnvironmentTest() override {
    for (const char* name : {"ORDER", "SEED", "MEMORY_MIB", "DEVICES", "CAPABILITY", "DRIVER"}) {
      unsetenv((std::string("DEEPNATIVE_HOSTSIM_") + name).c_str());
    }
  }
  static void set(const std::string& name, const char* value) {
    setenv(("DEEPNATIVE_HOSTSIM_" + name).c_str(), value, 1);
  }
};

TEST_F(EnvironmentTest, IsTheBeginning) {
  set("ORDER", "descending");
  set("SEED", "42");
  set("MEMORY_MIB", "77");
  set("DEVICES", "3");
  set("CAPABILITY", "9.0");
  EXPECT_EXIT(
      {
        cudaDeviceProp properties{};
        int count = 0;
        bool right = config().order == Order::Descending && seed() == 42 &&
                     cudaGetDeviceCount(&count) == cudaSuccess && count == 3 &&
                     cudaGetDeviceProperties(&properties, 2) == cudaSuccess &&
                     properties.major == 9 && properties.totalGlobalMem == size_t{77} << 20;
        std::exit(right ? 0 : 1);
      },
      ::testing::ExitedWithCode(0), "");
}

TEST_F(EnvironmentTest, NoDriver) {
  set("DRIVER", "absent");
  EXPECT_EXIT(
      {
        int count = 0;
        std::exit(cudaGetDeviceCount(&count) == cudaErrorNoDevice ? 0 : 1);
      },
      ::testing::ExitedWithCode(0), "");
}

TEST_F(EnvironmentTest, NonsenseIsRefused) {
  set("ORDER", "sideways");
  EXPECT_DEATH(config(), "DEEPNATIVE_HOSTSIM_ORDER is 'sideways'");
}

}  // namespace
}  // namespace simt
