// libdeepnative_cuda as the engine finds it, on machines with and without a GPU.
#include <deepnative.h>
#include <dlfcn.h>
#include <gtest/gtest.h>

#include <string>

namespace {

dn_device_info find_cuda() {
  int32_t count = 0;
  EXPECT_EQ(dn_device_count(&count), DN_OK);
  for (int32_t i = 0; i < count; ++i) {
    dn_device_info info{};
    info.struct_size = sizeof(info);
    EXPECT_EQ(dn_device_describe(i, &info), DN_OK);
    if (std::string(info.name).rfind("cuda", 0) == 0) return info;
  }
  return {};
}

// Its own symbols, the CUDA runtime's included, are all there, whatever the machine lacks.
TEST(CudaLibrary, Loads) {
  void* library = dlopen("libdeepnative_cuda.so", RTLD_NOW | RTLD_LOCAL);
  ASSERT_NE(library, nullptr) << dlerror();
  EXPECT_NE(dlsym(library, "dn_device_plugin"), nullptr);
  EXPECT_EQ(dlsym(library, "cudaMalloc"), nullptr)
      << "another CUDA runtime in the process would clash";
}

TEST(CudaLibrary, SaysThatThereIsNoDriver) {
  if (dlopen("libcuda.so.1", RTLD_NOW)) GTEST_SKIP() << "this machine has a CUDA driver";
  dn_device_info info = find_cuda();
  ASSERT_EQ(std::string(info.name).rfind("cuda", 0), 0u) << "no such device is listed";
  EXPECT_EQ(info.available, 0);
  EXPECT_NE(std::string(info.detail).find("no CUDA driver"), std::string::npos) << info.detail;

  dn_device* device = nullptr;
  EXPECT_EQ(dn_device_open("cuda:0", nullptr, &device), DN_UNSUPPORTED);
  EXPECT_NE(std::string(dn_last_error()).find("no CUDA driver"), std::string::npos)
      << dn_last_error();
}

}  // namespace
