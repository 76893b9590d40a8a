// The CUDA device's runtime, through the C ABI, on the simulator: memory, copies, order, replay,
// and what happens when the device fails.
#include <cuda_runtime.h>
#include <dlfcn.h>

#include <cstdlib>
#include <numeric>
#include <thread>

#include "../engine/program_builder.h"

namespace {

// The simulator inside the device's library: one of the hostsim_ functions of simt.h.
template <typename Function>
Function* simulator(const char* name) {
  int32_t count = 0;
  EXPECT_OK(dn_device_count(&count));  // loads the libraries
  void* library = dlopen("libdeepnative_hostsim.so", RTLD_NOW | RTLD_NOLOAD);
  void* function = dlsym(library, name);
  EXPECT_NE(function, nullptr) << name;
  return reinterpret_cast<Function*>(function);
}

void limit_memory(int64_t bytes) {
  simulator<void(int64_t)>("hostsim_set_memory_limit")(bytes);
}
void set_driver_error(cudaError_t error) {
  simulator<void(int32_t)>("hostsim_set_driver_error")(error);
}
void set_capability(int major, int minor) {
  simulator<void(int32_t, int32_t)>("hostsim_set_compute_capability")(major, minor);
}

dn_device_info describe(const std::string& name) {
  int32_t count = 0;
  EXPECT_OK(dn_device_count(&count));
  for (int32_t i = 0; i < count; ++i) {
    dn_device_info info{};
    info.struct_size = sizeof info;
    EXPECT_OK(dn_device_describe(i, &info));
    if (name == info.name) return info;
  }
  ADD_FAILURE() << "no device " << name;
  return {};
}

dn_memory_info memory_of(dn_device* device) {
  dn_memory_info info{};
  info.struct_size = sizeof info;
  EXPECT_OK(dn_device_get_memory(device, &info));
  return info;
}

std::vector<float> ramp(size_t count, float first = 0) {
  std::vector<float> values(count);
  std::iota(values.begin(), values.end(), first);
  return values;
}

// y = x * w, kept together with its program.
struct Product {
  explicit Product(dn_device* device, float factor = 3, size_t count = 1000)
      : x(make_tensor(device, {(int64_t)count}, ramp(count))),
        w(make_tensor(device, {1}, {factor})),
        y(make_tensor(device, {(int64_t)count})),
        builder(device, "product") {
    const int a = builder.bind(x, "x"), b = builder.bind(w, "w"), c = builder.bind(y, "y");
    EXPECT_OK(builder.multiply(a, b, c));
    EXPECT_OK(builder.compile());
  }
  Handle<dn_tensor> x, w, y;
  ProgramBuilder builder;
};

class CudaRuntime : public testing::Test {
 protected:
  void SetUp() override { set_capability(9, 0); }
  void TearDown() override {
    limit_memory(int64_t{4} << 30);
    set_driver_error(cudaSuccess);
    simulator<void()>("hostsim_clear_faults")();
  }
};

TEST_F(CudaRuntime, IsListedAsSimulated) {
  const dn_device_info info = describe("hostsim");
  EXPECT_EQ(info.available, 1) << info.detail;
  EXPECT_TRUE(info.capabilities & DN_CAPABILITY_SIMULATED);
  EXPECT_TRUE(info.capabilities & DN_CAPABILITY_ASYNC);
  EXPECT_FALSE(info.capabilities & DN_CAPABILITY_HOST_MEMORY);
  EXPECT_NE(std::string(info.detail).find("compute capability 9.0"), std::string::npos);
}

TEST_F(CudaRuntime, WritesAndReadsAllSizes) {
  const auto device = open_device("hostsim");
  for (size_t count : {1, 3, 16384, 16385, 1000003}) {
    const auto tensor = make_tensor(device.get(), {(int64_t)count}, ramp(count, 7));
    EXPECT_EQ(read(tensor.get(), count), ramp(count, 7)) << count;
  }
}

TEST_F(CudaRuntime, NewTensorsAreZero) {
  const auto device = open_device("hostsim");
  const auto tensor = make_tensor(device.get(), {70000});
  EXPECT_EQ(read(tensor.get(), 70000), std::vector<float>(70000, 0.0f));
}

TEST_F(CudaRuntime, AsynchronousWritesKeepTheirOrder) {
  const auto device = open_device("hostsim");
  for (size_t count : {10, 100000}) {  // through the small and the large slots, more than there are
    const auto tensor = make_tensor(device.get(), {(int64_t)count});
    std::vector<float> source(count);
    for (int round = 0; round < 50; ++round) {
      source = ramp(count, (float)round);
      EXPECT_OK(dn_tensor_write_async(tensor.get(), source.data(), (int64_t)count * 4));
      // The data was taken at once: the caller's memory may change.
      std::fill(source.begin(), source.end(), -1.0f);
    }
    EXPECT_EQ(read(tensor.get(), count), ramp(count, 49));
  }
}

TEST_F(CudaRuntime, AsynchronousReadsArriveWithTheEvent) {
  const auto device = open_device("hostsim");
  const auto tensor = make_tensor(device.get(), {100}, ramp(100));
  dn_event* handle = nullptr;
  ASSERT_OK(dn_event_create(device.get(), &handle));
  const Handle<dn_event> event(handle);
  std::vector<std::vector<float>> results(40, std::vector<float>(100, -1));
  for (auto& result : results) EXPECT_OK(dn_tensor_read_async(tensor.get(), result.data(), 400));
  ASSERT_OK(dn_event_record(handle));
  ASSERT_OK(dn_event_wait(handle));
  for (const auto& result : results) EXPECT_EQ(result, ramp(100));
  int32_t done = 0;
  EXPECT_OK(dn_event_query(handle, &done));
  EXPECT_EQ(done, 1);
}

TEST_F(CudaRuntime, AnEventThatWasNeverRecordedHasPassed) {
  const auto device = open_device("hostsim");
  dn_event* handle = nullptr;
  ASSERT_OK(dn_event_create(device.get(), &handle));
  const Handle<dn_event> event(handle);
  int32_t done = 0;
  EXPECT_OK(dn_event_query(handle, &done));
  EXPECT_EQ(done, 1);
  EXPECT_OK(dn_event_wait(handle));
}

TEST_F(CudaRuntime, TheFirstRunAndTheReplaysComputeTheSame) {
  const auto device = open_device("hostsim");
  Product product(device.get());
  std::vector<float> expected = ramp(1000);
  for (float& value : expected) value *= 3;
  for (int run = 0; run < 4; ++run) {
    ASSERT_OK(dn_tensor_zero(product.y.get()));
    ASSERT_OK(product.builder.run());
    EXPECT_EQ(read(product.y.get(), 1000), expected) << "run " << run;
  }
  // New data in the same tensors needs no new capture.
  const float factor = -2;
  ASSERT_OK(dn_tensor_write(product.w.get(), &factor, 4));
  ASSERT_OK(product.builder.run());
  EXPECT_EQ(read(product.y.get(), 1000)[999], -1998.0f);
}

TEST_F(CudaRuntime, ProfiledRunsComputeAndTellTheTime) {
  const auto device = open_device("hostsim");
  Product product(device.get());
  ASSERT_OK(dn_program_profile(product.builder.get(), 1));
  ASSERT_OK(product.builder.run());
  EXPECT_EQ(read(product.y.get(), 1000)[999], 2997.0f);
  dn_report* handle = nullptr;
  ASSERT_OK(dn_program_report(product.builder.get(), &handle));
  const Handle<dn_report> report(handle);
  dn_report_entry entry{};
  entry.struct_size = sizeof entry;
  ASSERT_OK(dn_report_get_entry(handle, 0, &entry));
  EXPECT_GT(entry.total_us, 0);
}

TEST_F(CudaRuntime, OutOfMemoryNamesWhatWasAskedWhatIsFreeAndTheLargest) {
  const auto device = open_device("hostsim");
  const auto large = make_tensor(device.get(), {8, 1 << 20});  // 32 MiB
  limit_memory(48 << 20);
  const int64_t dims[] = {25, 1 << 20};  // 100 MiB
  dn_tensor* tensor = nullptr;
  EXPECT_FAILS(dn_tensor_create(device.get(), DN_DTYPE_F32, 2, dims, &tensor), DN_OUT_OF_MEMORY,
               "100 MiB");
  const std::string message = dn_last_error();
  EXPECT_NE(message.find("free"), std::string::npos) << message;
  EXPECT_NE(message.find("32 MiB for tensor"), std::string::npos) << message;
  // The process goes on.
  Product product(device.get());
  ASSERT_OK(product.builder.run());
  EXPECT_EQ(read(product.y.get(), 1000)[1], 3.0f);
}

TEST_F(CudaRuntime, FreedMemoryComesBack) {
  const auto device = open_device("hostsim");
  limit_memory(64 << 20);
  for (int round = 0; round < 20; ++round) make_tensor(device.get(), {10, 1 << 20});  // 40 MiB
  EXPECT_EQ(memory_of(device.get()).used_bytes, 0);
  EXPECT_EQ(memory_of(device.get()).peak_bytes, 40 << 20);
  EXPECT_OK(dn_device_trim(device.get()));
}

TEST_F(CudaRuntime, AFailedKernelIsNamedAndTheDeviceRefusesWork) {
  auto device = open_device("hostsim");
  Product product(device.get());
  simulator<void(const char*, int32_t)>("hostsim_fail_next")("kernel", cudaErrorIllegalAddress);
  EXPECT_FAILS(product.builder.run(), DN_DEVICE_LOST, "operator 'multiply'");
  const std::string first = dn_last_error();
  EXPECT_NE(first.find("kernel"), std::string::npos) << first;
  EXPECT_FAILS(product.builder.run(), DN_DEVICE_LOST, "operator 'multiply'");
  float value = 0;
  EXPECT_FAILS(dn_tensor_read(product.w.get(), &value, 4), DN_DEVICE_LOST, "operator 'multiply'");
  EXPECT_FAILS(dn_device_synchronize(device.get()), DN_DEVICE_LOST, "operator 'multiply'");
  // Other devices go on.
  const auto cpu = open_cpu();
  const auto tensor = make_tensor(cpu.get(), {2}, {1, 2});
  EXPECT_EQ(read(tensor.get(), 2), (std::vector<float>{1, 2}));
}

TEST_F(CudaRuntime, ChildrenKeepAClosedDeviceAlive) {
  auto device = open_device("hostsim");
  Product product(device.get());
  device.reset();
  ASSERT_OK(product.builder.run());
  EXPECT_EQ(read(product.y.get(), 1000)[2], 6.0f);
}

TEST_F(CudaRuntime, ProgramsOfSeveralThreadsShareADevice) {
  const auto device = open_device("hostsim");
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i)
    threads.emplace_back([&, i] {
      for (int round = 0; round < 5; ++round) {
        Product product(device.get(), (float)i, 200);
        ASSERT_OK(product.builder.run());
        ASSERT_OK(product.builder.run());
        EXPECT_EQ(read(product.y.get(), 200)[100], 100.0f * (float)i);
      }
    });
  for (std::thread& thread : threads) thread.join();
}

TEST_F(CudaRuntime, WrapsDeviceMemoryAndRefusesHostMemory) {
  const auto device = open_device("hostsim");
  std::vector<float> host(16);
  const int64_t dims[] = {16};
  dn_tensor* handle = nullptr;
  EXPECT_FAILS(dn_tensor_wrap(device.get(), DN_DTYPE_F32, 1, dims, host.data(), 64, &handle),
               DN_INVALID_ARGUMENT, "not device memory");
  void* address = simulator<void*(int64_t)>("hostsim_allocate")(64);
  ASSERT_OK(dn_tensor_wrap(device.get(), DN_DTYPE_F32, 1, dims, address, 64, &handle));
  Handle<dn_tensor> tensor(handle);
  const std::vector<float> values = ramp(16);
  ASSERT_OK(dn_tensor_write(handle, values.data(), 64));
  EXPECT_EQ(read(handle, 16), values);
  tensor.reset();
  simulator<void(void*)>("hostsim_free")(address);
}

TEST_F(CudaRuntime, AnAdoptedStreamCarriesTheWork) {
  const auto device = open_device("hostsim");
  Product before(device.get());
  ASSERT_OK(before.builder.run());
  ASSERT_OK(dn_device_adopt_stream(device.get(), simulator<void*()>("hostsim_create_stream")()));
  ASSERT_OK(before.builder.run());
  Product after(device.get(), 5);
  ASSERT_OK(after.builder.run());
  ASSERT_OK(after.builder.run());
  EXPECT_EQ(read(before.y.get(), 1000)[10], 30.0f);
  EXPECT_EQ(read(after.y.get(), 1000)[10], 50.0f);
}

TEST_F(CudaRuntime, AMissingDriverIsNoErrorButAReason) {
  set_driver_error(cudaErrorNoDevice);
  const dn_device_info info = describe("hostsim");
  EXPECT_EQ(info.available, 0);
  EXPECT_NE(std::string(info.detail).find("no CUDA driver: "), std::string::npos) << info.detail;
  dn_device* device = nullptr;
  EXPECT_FAILS(dn_device_open("hostsim", nullptr, &device), DN_UNSUPPORTED, "no CUDA driver: ");
}

TEST_F(CudaRuntime, AnOldDriverIsNamedWithBothVersions) {
  set_driver_error(cudaErrorInsufficientDriver);
  const std::string detail = describe("hostsim").detail;
  EXPECT_NE(detail.find("the CUDA driver is too old: it supports CUDA "), std::string::npos)
      << detail;
  EXPECT_NE(detail.find(", this build needs "), std::string::npos) << detail;
}

TEST_F(CudaRuntime, AnOldGpuIsRefusedAndANewerOneIsUsed) {
  set_capability(7, 5);
  EXPECT_EQ(describe("hostsim").available, 0);
  EXPECT_STREQ(describe("hostsim").detail, "compute capability 7.5, needs 8.0 or newer");
  set_capability(12, 0);  // newer than all that was compiled for: the driver compiles PTX
  EXPECT_EQ(describe("hostsim").available, 1);
  const auto device = open_device("hostsim");
  Product product(device.get());
  ASSERT_OK(product.builder.run());
  EXPECT_EQ(read(product.y.get(), 1000)[10], 30.0f);
}

}  // namespace
