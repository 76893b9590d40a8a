// The CUDA language on the host: its keywords become nothing, its vector types plain structs.
//
// Never defined here: __noinline__ (libstdc++ uses the token), __CUDACC__ and __CUDA_ARCH__ (this
// is not nvcc), __shared__ (a variable of a fiber's own stack would be the wrong thing: see
// DN_SHARED).
#pragma once

#include <cstddef>
#include <cstdint>

#define DN_SIMT 1

#if defined(SIMT_TSAN_MODE)
#define SIMT_TSAN 1
#define SIMT_NO_TSAN __attribute__((no_sanitize("thread")))
#else
#define SIMT_TSAN 0
#define SIMT_NO_TSAN
#endif
#if defined(SIMT_ASAN_MODE)
#define SIMT_ASAN 1
#else
#define SIMT_ASAN 0
#endif

#define __global__
#define __device__
#define __host__
#define __constant__
#define __launch_bounds__(...)
#define __grid_constant__
#define __forceinline__ inline __attribute__((always_inline))
#define __align__(n) __attribute__((aligned(n)))

#define SIMT_VECTOR2(name, T, align)  \
  struct __align__(align) name {      \
    T x, y;                           \
  };                                  \
  inline name make_##name(T x, T y) { \
    return {x, y};                    \
  }
#define SIMT_VECTOR3(name, T)              \
  struct name {                            \
    T x, y, z;                             \
  };                                       \
  inline name make_##name(T x, T y, T z) { \
    return {x, y, z};                      \
  }
#define SIMT_VECTOR4(name, T, align)            \
  struct __align__(align) name {                \
    T x, y, z, w;                               \
  };                                            \
  inline name make_##name(T x, T y, T z, T w) { \
    return {x, y, z, w};                        \
  }

SIMT_VECTOR2(char2, signed char, 2)
SIMT_VECTOR2(uchar2, unsigned char, 2)
SIMT_VECTOR2(short2, short, 4)
SIMT_VECTOR2(ushort2, unsigned short, 4)
SIMT_VECTOR2(int2, int, 8)
SIMT_VECTOR2(uint2, unsigned, 8)
SIMT_VECTOR2(longlong2, long long, 16)
SIMT_VECTOR2(ulonglong2, unsigned long long, 16)
SIMT_VECTOR2(float2, float, 8)
SIMT_VECTOR2(double2, double, 16)
SIMT_VECTOR3(uchar3, unsigned char)
SIMT_VECTOR3(int3, int)
SIMT_VECTOR3(uint3, unsigned)
SIMT_VECTOR3(float3, float)
SIMT_VECTOR4(char4, signed char, 4)
SIMT_VECTOR4(uchar4, unsigned char, 4)
SIMT_VECTOR4(short4, short, 8)
SIMT_VECTOR4(ushort4, unsigned short, 8)
SIMT_VECTOR4(int4, int, 16)
SIMT_VECTOR4(uint4, unsigned, 16)
SIMT_VECTOR4(float4, float, 16)

#undef SIMT_VECTOR2
#undef SIMT_VECTOR3
#undef SIMT_VECTOR4

struct dim3 {
  unsigned x, y, z;
  constexpr dim3(unsigned x_ = 1, unsigned y_ = 1, unsigned z_ = 1) : x(x_), y(y_), z(z_) {}
  constexpr dim3(uint3 v) : x(v.x), y(v.y), z(v.z) {}
};
