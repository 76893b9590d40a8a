// Loads and stores of several elements at once, and the choice of a data type.
#pragma once

#include <deepnative.h>

#include "cuda/kernels/device.cuh"

namespace dn::cuda {

// Elements of one 16-byte access.
template <typename T>
constexpr int kVectorSize = 16 / (int)sizeof(T);

// kCount elements side by side; one access where their size is a power of two up to 16 bytes.
template <typename T, int kCount>
struct alignas(sizeof(T) * kCount <= 16 ? sizeof(T) * kCount : 16) Vector {
  T at[kCount];
};

template <int kCount, typename T>
__device__ __forceinline__ Vector<T, kCount> load_vector(const T* from) {
  return *reinterpret_cast<const Vector<T, kCount>*>(from);
}

template <int kCount, typename T>
__device__ __forceinline__ void store_vector(T* to, const Vector<T, kCount>& vector) {
  *reinterpret_cast<Vector<T, kCount>*>(to) = vector;
}

template <int kCount, typename T>
__device__ __forceinline__ void to_floats(const Vector<T, kCount>& from, float (&to)[kCount]) {
  DN_UNROLL for (int i = 0; i < kCount; ++i) to[i] = to_float(from.at[i]);
}

template <int kCount, typename T>
__device__ __forceinline__ void load_floats(const T* from, float (&to)[kCount]) {
  to_floats(load_vector<kCount>(from), to);
}

template <int kCount, typename T>
__device__ __forceinline__ void store_floats(T* to, const float (&from)[kCount]) {
  Vector<T, kCount> vector;
  DN_UNROLL for (int i = 0; i < kCount; ++i) vector.at[i] = from_float<T>(from[i]);
  store_vector(to, vector);
}

inline bool aligned16(const void* pointer) {
  return reinterpret_cast<uintptr_t>(pointer) % 16 == 0;
}

template <typename T>
struct TypeTag {
  using type = T;
};

// Calls body(TypeTag<T>{}) for a floating-point dn_dtype; the candidates admit no others.
template <typename Body>
void with_float_type(int32_t dtype, Body&& body) {
  if (dtype == DN_DTYPE_F32) body(TypeTag<float>{});
  if (dtype == DN_DTYPE_BF16) body(TypeTag<__nv_bfloat16>{});
  if (dtype == DN_DTYPE_F16) body(TypeTag<__half>{});
}

// The smallest power of two that is at least `value`, at most `limit`.
inline int power_of_two(int64_t value, int limit) {
  int power = 1;
  while (power < value && power < limit) power *= 2;
  return power;
}

}  // namespace dn::cuda
