// A run allocates nothing: no device memory, and the engine and its own kernels no host memory.
// (oneDNN keeps small books of its own in each call.)
#include <atomic>
#include <cstdlib>

#include "program_builder.h"

#if defined(__SANITIZE_ADDRESS__)
#define DN_COUNT_ALLOCATIONS 0  // the sanitizer's own allocator is in the way
#else
#define DN_COUNT_ALLOCATIONS 1
#endif

namespace {

constexpr int kRuns = 10;

dn_status run_often(ProgramBuilder& program) {
  dn_status status = DN_OK;
  for (int i = 0; i < kRuns && status == DN_OK; ++i) status = program.run();
  return status;
}

int64_t device_allocations(dn_device* device) {
  dn_memory_info info{};
  info.struct_size = sizeof info;
  EXPECT_OK(dn_device_get_memory(device, &info));
  return info.allocation_count;
}

}  // namespace

TEST(Allocation, ARunTakesNoDeviceMemory) {
  auto device = open_cpu();
  auto image = make_tensor(device.get(), {2, 16, 9, 9});
  auto weight = make_tensor(device.get(), {16, 16, 3, 3});
  auto map = make_tensor(device.get(), {2, 16, 7, 7});
  ProgramBuilder program(device.get());
  const int ids[] = {program.bind(image), program.bind(weight), program.bind(map)};
  dn_convolution_attributes convolution{};
  convolution.struct_size = sizeof convolution;
  convolution.direction = DN_FORWARD;
  convolution.spatial_rank = 2;
  convolution.groups = 1;
  for (int i = 0; i < 2; ++i) convolution.stride[i] = convolution.dilation[i] = 1;
  ASSERT_OK(program.add(DN_OPERATOR_CONVOLUTION, &convolution, {ids[0], ids[1]}, {ids[2]}));
  ASSERT_OK(program.compile());
  const int64_t before = device_allocations(device.get());
  EXPECT_OK(run_often(program));
  EXPECT_EQ(device_allocations(device.get()), before);
}

#if DN_COUNT_ALLOCATIONS

namespace {
std::atomic<int64_t> allocations{0};
}

extern "C" {
void* __libc_malloc(size_t size);
void* __libc_calloc(size_t count, size_t size);
void* __libc_realloc(void* pointer, size_t size);
void* __libc_memalign(size_t alignment, size_t size);

void* malloc(size_t size) {
  ++allocations;
  return __libc_malloc(size);
}
void* calloc(size_t count, size_t size) {
  ++allocations;
  return __libc_calloc(count, size);
}
void* realloc(void* pointer, size_t size) {
  ++allocations;
  return __libc_realloc(pointer, size);
}
void* aligned_alloc(size_t alignment, size_t size) {
  ++allocations;
  return __libc_memalign(alignment, size);
}
}

TEST(Allocation, ARunOfOwnKernelsTakesNoHostMemory) {
  auto device = open_cpu();
  auto x = make_tensor(device.get(), {64, 96}), w = make_tensor(device.get(), {32, 96});
  auto bias = make_tensor(device.get(), {32}), y = make_tensor(device.get(), {64, 32});
  auto labels = make_tensor(device.get(), {64}, {}, DN_DTYPE_I32),
       loss = make_tensor(device.get(), {});
  ProgramBuilder program(device.get());
  const int ids[] = {program.bind(x), program.bind(w),      program.bind(bias),
                     program.bind(y), program.bind(labels), program.bind(loss)};
  const dn_matmul_attributes product{sizeof product, 0, 1, 0, nullptr};
  const dn_softmax_cross_entropy_attributes cross_entropy{sizeof cross_entropy, 1.0f / 64, 0, 0, 0};
  ASSERT_OK(program.add(DN_OPERATOR_MATMUL, &product, {ids[0], ids[1], ids[2]}, {ids[3]}));
  ASSERT_OK(program.multiply(ids[3], ids[3], ids[3]));
  ASSERT_OK(
      program.add(DN_OPERATOR_SOFTMAX_CROSS_ENTROPY, &cross_entropy, {ids[3], ids[4]}, {ids[5]}));
  ASSERT_OK(program.compile());
  for (int i = 0; i < 3; ++i) ASSERT_OK(program.run());  // OpenMP's threads start here
  const int64_t before = allocations;
  const dn_status status = run_often(program);
  const int64_t made = allocations - before;
  EXPECT_OK(status);
  EXPECT_EQ(made, 0);
}

#endif
