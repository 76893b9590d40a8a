// Elements of any dn_dtype as float, and back.
#pragma once

#include <deepnative.h>

#include "cuda/kernels/device.cuh"

namespace dn::cuda {

// Rounded to nearest even and saturated; NaN becomes 0.
template <typename T>
__device__ __forceinline__ T saturate_to(float value, float low, float high, T min, T max) {
  const float rounded = rintf(value);
  return !(value == value) ? T{0} : rounded <= low ? min : rounded >= high ? max : (T)rounded;
}

template <typename T>
struct Element {
  static __device__ __forceinline__ float get(T value) { return to_float(value); }
  static __device__ __forceinline__ T make(float value) { return from_float<T>(value); }
};
template <>
struct Element<double> {
  static __device__ __forceinline__ float get(double value) { return (float)value; }
  static __device__ __forceinline__ double make(float value) { return value; }
};
template <>
struct Element<uint8_t> {
  static __device__ __forceinline__ float get(uint8_t value) { return value; }
  static __device__ __forceinline__ uint8_t make(float value) {
    return saturate_to<uint8_t>(value, 0.0f, 255.0f, 0, 255);
  }
};
template <>
struct Element<int32_t> {
  static __device__ __forceinline__ float get(int32_t value) { return (float)value; }
  static __device__ __forceinline__ int32_t make(float value) {
    return saturate_to<int32_t>(value, -0x1p31f, 0x1p31f, INT32_MIN, INT32_MAX);
  }
};
template <>
struct Element<int64_t> {
  static __device__ __forceinline__ float get(int64_t value) { return (float)value; }
  static __device__ __forceinline__ int64_t make(float value) {
    return saturate_to<int64_t>(value, -0x1p63f, 0x1p63f, INT64_MIN, INT64_MAX);
  }
};

template <typename T>
__device__ __forceinline__ float load_element(const void* data, uint64_t index) {
  return Element<T>::get(static_cast<const T*>(data)[index]);
}
template <typename T>
__device__ __forceinline__ void store_element(void* data, uint64_t index, float value) {
  static_cast<T*>(data)[index] = Element<T>::make(value);
}

// For types that are known only when the kernel runs; the same branch in all threads.
__device__ __forceinline__ float load_as_float(const void* data, int dtype, uint64_t index) {
  switch (dtype) {
    case DN_DTYPE_F32:
      return load_element<float>(data, index);
    case DN_DTYPE_BF16:
      return load_element<__nv_bfloat16>(data, index);
    case DN_DTYPE_F16:
      return load_element<__half>(data, index);
    case DN_DTYPE_U8:
      return load_element<uint8_t>(data, index);
    case DN_DTYPE_I32:
      return load_element<int32_t>(data, index);
    case DN_DTYPE_I64:
      return load_element<int64_t>(data, index);
    default:
      return load_element<double>(data, index);
  }
}
__device__ __forceinline__ void store_from_float(void* data, int dtype, uint64_t index,
                                                 float value) {
  switch (dtype) {
    case DN_DTYPE_F32:
      return store_element<float>(data, index, value);
    case DN_DTYPE_BF16:
      return store_element<__nv_bfloat16>(data, index, value);
    case DN_DTYPE_F16:
      return store_element<__half>(data, index, value);
    case DN_DTYPE_U8:
      return store_element<uint8_t>(data, index, value);
    case DN_DTYPE_I32:
      return store_element<int32_t>(data, index, value);
    case DN_DTYPE_I64:
      return store_element<int64_t>(data, index, value);
    default:
      return store_element<double>(data, index, value);
  }
}

inline int dtype_bytes(int dtype) {
  switch (dtype) {
    case DN_DTYPE_U8:
      return 1;
    case DN_DTYPE_BF16:
    case DN_DTYPE_F16:
      return 2;
    case DN_DTYPE_F64:
    case DN_DTYPE_I64:
      return 8;
    default:
      return 4;
  }
}

// kCount elements side by side, read and written as one; aligned to their size.
template <typename T, int kCount>
struct alignas(sizeof(T) * kCount) Pack {
  T item[kCount];
};

inline bool aligned_to(const void* address, int64_t bytes) {
  return reinterpret_cast<uintptr_t>(address) % (uintptr_t)bytes == 0;
}

}  // namespace dn::cuda
