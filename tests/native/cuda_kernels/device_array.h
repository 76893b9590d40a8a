// Arrays in device memory for tests of kernels: guard bands around them, NaN in them.
#pragma once

#include <cuda_bf16.h>
#include <cuda_fp16.h>
#include <cuda_runtime.h>
#include <deepnative.h>
#include <gtest/gtest.h>

#include <cmath>
#include <cstdint>
#include <cstring>
#include <limits>
#include <vector>

namespace dn::cuda {

inline void expect_ok(cudaError_t error) {
  ASSERT_EQ(cudaSuccess, error) << cudaGetErrorString(error);
}

// The values of floats as a kernel sees them.
inline int64_t test_bytes(int dtype) {
  return dtype == DN_DTYPE_F32 ? 4 : 2;
}
inline void encode(int dtype, float value, void* to) {
  if (dtype == DN_DTYPE_F32) {
    std::memcpy(to, &value, 4);
  } else if (dtype == DN_DTYPE_BF16) {
    const __nv_bfloat16 v = __float2bfloat16_rn(value);
    std::memcpy(to, &v, 2);
  } else {
    const __half v = __float2half_rn(value);
    std::memcpy(to, &v, 2);
  }
}
inline float decode(int dtype, const void* from) {
  if (dtype == DN_DTYPE_F32) {
    float value;
    std::memcpy(&value, from, 4);
    return value;
  }
  if (dtype == DN_DTYPE_BF16) {
    __nv_bfloat16 v;
    std::memcpy(&v, from, 2);
    return __bfloat162float(v);
  }
  __half v;
  std::memcpy(&v, from, 2);
  return __half2float(v);
}

// Elements of float32, bfloat16 or float16 in device memory. What lies beside them must stay.
class DeviceArray {
 public:
  // An output: NaN.
  DeviceArray(int dtype, int64_t count)
      : DeviceArray(dtype,
                    std::vector<float>((size_t)count, std::numeric_limits<float>::quiet_NaN())) {}
  // An input; `values` become what the type can hold.
  DeviceArray(int dtype, const std::vector<float>& values)
      : dtype_(dtype), count_((int64_t)values.size()) {
    image_.assign((size_t)(2 * kGuard + count_ * test_bytes(dtype)), kGuardByte);
    for (int64_t i = 0; i < count_; ++i)
      encode(dtype, values[(size_t)i], &image_[(size_t)(kGuard + i * test_bytes(dtype))]);
    expect_ok(cudaMalloc(&memory_, image_.size()));
    expect_ok(cudaMemcpy(memory_, image_.data(), image_.size(), cudaMemcpyHostToDevice));
  }
  DeviceArray(const DeviceArray&) = delete;
  DeviceArray& operator=(const DeviceArray&) = delete;
  ~DeviceArray() { cudaFree(memory_); }

  void* data() const { return static_cast<char*>(memory_) + kGuard; }

  // Waits for the device, checks the guard bands.
  std::vector<float> read() const {
    std::vector<unsigned char> now(image_.size());
    expect_ok(cudaMemcpy(now.data(), memory_, now.size(), cudaMemcpyDeviceToHost));
    for (size_t i = 0; i < (size_t)kGuard; ++i) {
      EXPECT_EQ(kGuardByte, now[i]) << "written before the array";
      EXPECT_EQ(kGuardByte, now[now.size() - 1 - i]) << "written behind the array";
      if (::testing::Test::HasFailure()) break;
    }
    std::vector<float> values((size_t)count_);
    for (int64_t i = 0; i < count_; ++i)
      values[(size_t)i] = decode(dtype_, &now[(size_t)(kGuard + i * test_bytes(dtype_))]);
    return values;
  }
  // The values as the type holds them.
  std::vector<float> initial() const {
    std::vector<float> values((size_t)count_);
    for (int64_t i = 0; i < count_; ++i)
      values[(size_t)i] = decode(dtype_, &image_[(size_t)(kGuard + i * test_bytes(dtype_))]);
    return values;
  }

 private:
  static constexpr int64_t kGuard = 256;
  static constexpr unsigned char kGuardByte = 0xc5;
  int dtype_;
  int64_t count_;
  std::vector<unsigned char> image_;
  void* memory_ = nullptr;
};

inline bool same_bits(const std::vector<float>& a, const std::vector<float>& b) {
  return a.size() == b.size() &&
         (a.empty() || std::memcmp(a.data(), b.data(), a.size() * sizeof(float)) == 0);
}

// The distance of neighbouring values of the type around 1.
inline double epsilon_of(int dtype) {
  return dtype == DN_DTYPE_F32 ? 0x1p-23 : dtype == DN_DTYPE_BF16 ? 0x1p-7 : 0x1p-10;
}

}  // namespace dn::cuda
