// Why a library cannot be used, in words.
#include <gtest/gtest.h>

#include <fstream>

#include "../engine/fake_device.h"
#include "cuda/vendor/libraries.h"
#include "stand_ins.h"

namespace vendor = dn::cuda::vendor;

namespace {

void expect_reason(const std::string& reason, std::initializer_list<const char*> parts) {
  for (const char* part : parts) EXPECT_NE(reason.find(part), std::string::npos) << reason;
}

}  // namespace

TEST(VendorLibrary, VersionsAreRead) {
  const CudaLibs libs{"cublas", "cublaslt", "cudnn", "nvrtc"};
  vendor::Libraries libraries;
  std::string reason;
  ASSERT_NE(libraries.cublas(reason), nullptr) << reason;
  EXPECT_EQ(libraries.cublas(reason)->version(), "12.3.1");
  ASSERT_NE(libraries.cublas_lt(reason), nullptr) << reason;
  EXPECT_EQ(libraries.cublas_lt(reason)->version(), "12.0.0");
  ASSERT_NE(libraries.cudnn(reason), nullptr) << reason;
  EXPECT_EQ(libraries.cudnn(reason)->version(), "9.1.0");
  ASSERT_NE(libraries.nvrtc(reason), nullptr) << reason;
  EXPECT_EQ(libraries.nvrtc(reason)->version(), "12.4.0");
}

TEST(VendorLibrary, CuDnn8IsFoundToo) {
  const CudaLibs libs{"cudnn8"};
  vendor::Libraries libraries;
  std::string reason;
  ASSERT_NE(libraries.cudnn(reason), nullptr) << reason;
  EXPECT_EQ(libraries.cudnn(reason)->version(), "8.1.0");
}

TEST(VendorLibrary, AnOldVersionIsNamed) {
  const CudaLibs libs{"old"};
  vendor::Libraries libraries;
  std::string reason;
  EXPECT_EQ(libraries.cublas(reason), nullptr);
  expect_reason(reason, {"old/libcublas.so.12 is cuBLAS 10.3.1; versions 11 to 13 can be used"});
  EXPECT_EQ(libraries.cudnn(reason), nullptr);
  expect_reason(reason, {"old/libcudnn.so.9 is cuDNN 7.1.0; versions 8 to 9 can be used"});
}

TEST(VendorLibrary, AMissingFunctionIsNamed) {
  const CudaLibs libs{"incomplete"};
  vendor::Libraries libraries;
  std::string reason;
  EXPECT_EQ(libraries.cublas(reason), nullptr);
  expect_reason(reason, {"incomplete/libcublas.so.12 has no function cublasGemmStridedBatchedEx"});
  reason.clear();
  EXPECT_EQ(libraries.cublas(reason), nullptr);
  expect_reason(reason, {"has no function"});
}

TEST(VendorLibrary, AnAbsentLibraryIsNoFailureButAReason) {
  vendor::Libraries libraries;
  std::string reason;
  {
    const CudaLibs libs{"nowhere"};
    EXPECT_EQ(libraries.cublas(reason), nullptr);
    expect_reason(reason, {"none of libcublas.so.13, libcublas.so.12, libcublas.so.11 is in '",
                           "/nowhere:none' (DEEPNATIVE_CUDA_LIBS)"});
    EXPECT_EQ(reason.find("system"), std::string::npos) << reason;
  }
  setenv("DEEPNATIVE_CUDA_LIBS", "/nowhere", 1);
  try {
    const vendor::DynamicLibrary library({"libdoesnotexist.so.2", "libdoesnotexist.so.1"});
    FAIL() << "found " << library.path();
  } catch (const dn::Error& error) {
    EXPECT_EQ(error.status(), DN_UNSUPPORTED);
    expect_reason(error.what(),
                  {"none of libdoesnotexist.so.2, libdoesnotexist.so.1 is in '",
                   "/nowhere' (DEEPNATIVE_CUDA_LIBS) or the system's library folders"});
  }
  unsetenv("DEEPNATIVE_CUDA_LIBS");
}

TEST(VendorLibrary, AFileThatIsNoLibraryIsNamed) {
  const CacheFolder folder;
  std::ofstream(folder.path() / "libdoesnotexist.so.1") << "not a library";
  setenv("DEEPNATIVE_CUDA_LIBS", folder.path().c_str(), 1);
  try {
    const vendor::DynamicLibrary library({"libdoesnotexist.so.1"});
    FAIL() << "loaded " << library.path();
  } catch (const dn::Error& error) {
    expect_reason(error.what(),
                  {(folder.path() / "libdoesnotexist.so.1").c_str(), "file too short"});
  }
  unsetenv("DEEPNATIVE_CUDA_LIBS");
}
