// Arrays in device memory for tests of kernels: guard bands on both sides, NaN where nothing was
// written.
#pragma once

#include <cuda_runtime.h>
#include <gtest/gtest.h>

#include <cstdint>
#include <cstring>
#include <random>
#include <vector>

namespace dn::cuda {

inline void expect_ok(cudaError_t error) {
  ASSERT_EQ(error, cudaSuccess) << cudaGetErrorString(error);
}

template <typename T>
class TypedArray {
 public:
  // All bits set: NaN for floating point. `misalign` moves the first element off its 256-byte
  // place.
  explicit TypedArray(size_t count, size_t misalign = 0) : count_(count), skip_(misalign) {
    std::vector<uint8_t> bytes(kGuard + (skip_ + count_) * sizeof(T) + kGuard, 0xFF);
    for (size_t i = 0; i < kGuard + skip_ * sizeof(T); ++i) bytes[i] = kPattern;
    for (size_t i = 0; i < kGuard; ++i) bytes[bytes.size() - 1 - i] = kPattern;
    bytes_ = bytes.size();
    void* memory = nullptr;
    expect_ok(cudaMalloc(&memory, bytes_));
    base_ = static_cast<uint8_t*>(memory);
    expect_ok(cudaMemcpy(base_, bytes.data(), bytes_, cudaMemcpyHostToDevice));
  }
  explicit TypedArray(const std::vector<T>& values, size_t misalign = 0)
      : TypedArray(values.size(), misalign) {
    write(values);
  }
  ~TypedArray() { cudaFree(base_); }
  TypedArray(const TypedArray&) = delete;
  TypedArray& operator=(const TypedArray&) = delete;

  T* data() const { return reinterpret_cast<T*>(base_ + kGuard) + skip_; }
  size_t size() const { return count_; }

  void write(const std::vector<T>& values) {
    ASSERT_EQ(values.size(), count_);
    if (count_ == 0) return;
    expect_ok(cudaMemcpy(data(), values.data(), count_ * sizeof(T), cudaMemcpyHostToDevice));
  }

  // What is there after all work; fails when something was written outside.
  std::vector<T> read() const {
    expect_ok(cudaDeviceSynchronize());
    std::vector<uint8_t> bytes(bytes_);
    expect_ok(cudaMemcpy(bytes.data(), base_, bytes_, cudaMemcpyDeviceToHost));
    const size_t first = kGuard + skip_ * sizeof(T);
    for (size_t i = 0; i < bytes_; ++i) {
      if (i == first) i += count_ * sizeof(T);
      if (bytes[i] != kPattern) {
        ADD_FAILURE() << "byte " << (int64_t)i - (int64_t)first << " of an array of "
                      << count_ * sizeof(T) << " bytes was overwritten";
        break;
      }
    }
    std::vector<T> values(count_);
    if (count_ > 0) std::memcpy(values.data(), bytes.data() + first, count_ * sizeof(T));
    return values;
  }

 private:
  static constexpr size_t kGuard = 256;
  static constexpr uint8_t kPattern = 0xA5;
  size_t count_, skip_, bytes_ = 0;
  uint8_t* base_ = nullptr;
};

// Numbers between low and high, the same for the same seed.
inline std::vector<float> random_floats(size_t count, unsigned seed, float low = -2.0f,
                                        float high = 2.0f) {
  std::mt19937 engine(seed);
  std::vector<float> values(count);
  for (float& value : values) value = low + (high - low) * (float)(engine() >> 8) * 0x1p-24f;
  return values;
}

}  // namespace dn::cuda
