// CUDA's device functions, by their own names.
#pragma once

#include <math.h>
#include <simt/kernel.h>

#include <cmath>
#include <cstring>

#define SIMT_TEXT_OF(x) #x
#define SIMT_TEXT(x) SIMT_TEXT_OF(x)
#define SIMT_SITE(name) (name " at " __FILE__ ":" SIMT_TEXT(__LINE__))

#define __syncthreads() ::simt::barrier(SIMT_SITE("__syncthreads"))
#define __syncthreads_or(p) ::simt::barrier_or(SIMT_SITE("__syncthreads_or"), (p))
#define __syncthreads_and(p) ::simt::barrier_and(SIMT_SITE("__syncthreads_and"), (p))
#define __syncthreads_count(p) ::simt::barrier_count(SIMT_SITE("__syncthreads_count"), (p))

SIMT_NO_TSAN inline void __syncwarp(unsigned mask = 0xffffffffu) {
  simt::collective(mask, "__syncwarp", nullptr, nullptr, simt::MemoryOrder::Warp);
}

// ---- Shuffles. Beyond the segment of `width` lanes a lane reads itself.

template <typename T>
SIMT_NO_TSAN T __shfl_sync(unsigned mask, T value, int source, int width = 32) {
  int segment = simt::lane() & ~(width - 1);
  return simt::shuffle(mask, "__shfl_sync", value, segment | (source & (width - 1)));
}
template <typename T>
SIMT_NO_TSAN T __shfl_xor_sync(unsigned mask, T value, int lane_mask, int width = 32) {
  int lane = simt::lane();
  int source = lane ^ (lane_mask & 31);
  // A lane of an earlier segment may be read, one of a later segment not.
  if ((source & ~(width - 1)) > (lane & ~(width - 1))) source = lane;
  return simt::shuffle(mask, "__shfl_xor_sync", value, source);
}
template <typename T>
SIMT_NO_TSAN T __shfl_down_sync(unsigned mask, T value, unsigned delta, int width = 32) {
  int lane = simt::lane();
  unsigned offset = static_cast<unsigned>(lane & (width - 1)) + (delta & 31);
  int source = offset < static_cast<unsigned>(width) ? lane + static_cast<int>(delta & 31) : lane;
  return simt::shuffle(mask, "__shfl_down_sync", value, source);
}
template <typename T>
SIMT_NO_TSAN T __shfl_up_sync(unsigned mask, T value, unsigned delta, int width = 32) {
  int lane = simt::lane();
  int offset = (lane & (width - 1)) - static_cast<int>(delta & 31);
  int source = offset >= 0 ? lane - static_cast<int>(delta & 31) : lane;
  return simt::shuffle(mask, "__shfl_up_sync", value, source);
}

inline unsigned __ballot_sync(unsigned mask, int predicate) {
  return simt::vote(mask, "__ballot_sync", predicate);
}
inline int __any_sync(unsigned mask, int predicate) {
  return simt::vote(mask, "__any_sync", predicate) != 0;
}
inline int __all_sync(unsigned mask, int predicate) {
  return simt::vote(mask, "__all_sync", predicate) == mask;
}
inline unsigned __activemask() {
  simt::fail("__activemask is not portable: pass the mask explicitly");
}

inline void __threadfence() {
  simt::fence();
}
inline void __threadfence_system() {
  simt::fence();
}
inline void __threadfence_block() {}
inline void __nanosleep(unsigned) {
  simt::yield();
}
[[noreturn]] inline void __trap() {
  simt::fail("__trap");
}

// ---- Loads and stores with cache hints.

template <typename T>
inline T __ldg(const T* address) {
  return *address;
}
template <typename T>
inline T __ldcs(const T* address) {
  return *address;
}
template <typename T>
inline T __ldcg(const T* address) {
  return *address;
}
template <typename T>
inline void __stcs(T* address, T value) {
  *address = value;
}
template <typename T>
inline void __stcg(T* address, T value) {
  *address = value;
}

// ---- Bits.

inline int __popc(unsigned v) {
  return __builtin_popcount(v);
}
inline int __popcll(unsigned long long v) {
  return __builtin_popcountll(v);
}
inline int __clz(int v) {
  return v ? __builtin_clz(static_cast<unsigned>(v)) : 32;
}
inline int __clzll(long long v) {
  return v ? __builtin_clzll(static_cast<unsigned long long>(v)) : 64;
}
inline int __ffs(int v) {
  return __builtin_ffs(v);
}
inline int __ffsll(long long v) {
  return __builtin_ffsll(v);
}
inline unsigned __brev(unsigned v) {
  unsigned r = 0;
  for (int i = 0; i < 32; i++) r |= (v >> i & 1u) << (31 - i);
  return r;
}
inline unsigned __umulhi(unsigned a, unsigned b) {
  return static_cast<unsigned>(static_cast<uint64_t>(a) * b >> 32);
}
inline int __mulhi(int a, int b) {
  return static_cast<int>(static_cast<int64_t>(a) * b >> 32);
}
inline unsigned long long __umul64hi(unsigned long long a, unsigned long long b) {
  __extension__ typedef unsigned __int128 Wide;
  return static_cast<unsigned long long>(static_cast<Wide>(a) * b >> 64);
}
inline unsigned __byte_perm(unsigned x, unsigned y, unsigned selector) {
  uint64_t bytes = static_cast<uint64_t>(y) << 32 | x;
  unsigned r = 0;
  for (int i = 0; i < 4; i++) {
    unsigned s = selector >> (4 * i);
    unsigned byte = static_cast<unsigned>(bytes >> (8 * (s & 7))) & 0xffu;
    if (s & 8) byte = byte & 0x80u ? 0xffu : 0u;  // replicates the sign
    r |= byte << (8 * i);
  }
  return r;
}

namespace simt {
template <typename To, typename From>
inline To bit_cast(From from) {
  static_assert(sizeof(To) == sizeof(From));
  To to;
  std::memcpy(&to, &from, sizeof to);
  return to;
}
}  // namespace simt

inline unsigned __float_as_uint(float v) {
  return simt::bit_cast<unsigned>(v);
}
inline int __float_as_int(float v) {
  return simt::bit_cast<int>(v);
}
inline float __uint_as_float(unsigned v) {
  return simt::bit_cast<float>(v);
}
inline float __int_as_float(int v) {
  return simt::bit_cast<float>(v);
}
inline long long __double_as_longlong(double v) {
  return simt::bit_cast<long long>(v);
}
inline double __longlong_as_double(long long v) {
  return simt::bit_cast<double>(v);
}

// ---- Arithmetic. Fast variants are the exact ones here.

inline float __expf(float x) {
  return std::exp(x);
}
inline float __exp10f(float x) {
  return std::pow(10.0f, x);
}
inline float __logf(float x) {
  return std::log(x);
}
inline float __log2f(float x) {
  return std::log2(x);
}
inline float __powf(float x, float y) {
  return std::pow(x, y);
}
inline float __sinf(float x) {
  return std::sin(x);
}
inline float __cosf(float x) {
  return std::cos(x);
}
inline float __tanf(float x) {
  return std::tan(x);
}
inline float rsqrtf(float x) {
  return 1.0f / std::sqrt(x);
}
inline double rsqrt(double x) {
  return 1.0 / std::sqrt(x);
}
inline float __frsqrt_rn(float x) {
  return static_cast<float>(1.0 / std::sqrt(static_cast<double>(x)));
}
inline float __fsqrt_rn(float x) {
  return std::sqrt(x);
}
inline float __fdividef(float x, float y) {
  return x / y;
}
inline float __fdiv_rn(float x, float y) {
  return x / y;
}
inline float __frcp_rn(float x) {
  return 1.0f / x;
}
inline float __fadd_rn(float x, float y) {
  return x + y;
}
inline float __fsub_rn(float x, float y) {
  return x - y;
}
inline float __fmul_rn(float x, float y) {
  return x * y;
}
inline float __fmaf_rn(float x, float y, float z) {
  return std::fma(x, y, z);
}
inline double __dadd_rn(double x, double y) {
  return x + y;
}
inline double __dmul_rn(double x, double y) {
  return x * y;
}
inline double __fma_rn(double x, double y, double z) {
  return std::fma(x, y, z);
}
inline float __saturatef(float x) {
  return x > 0.0f ? (x < 1.0f ? x : 1.0f) : 0.0f;
}

namespace simt {
// CUDA's conversions saturate and turn NaN into 0.
template <typename Int>
inline Int to_int(float x) {
  constexpr double kLow = static_cast<double>(
      static_cast<Int>(std::is_signed_v<Int> ? Int(1) << (8 * sizeof(Int) - 1) : Int(0)));
  constexpr double kEnd = (std::is_signed_v<Int> ? 2147483648.0 : 4294967296.0);
  if (!(x == x)) return 0;
  if (x <= kLow) return static_cast<Int>(kLow);
  if (x >= kEnd) return static_cast<Int>(~static_cast<Int>(kLow));
  return static_cast<Int>(x);
}
}  // namespace simt

inline int __float2int_rn(float x) {
  return simt::to_int<int>(std::nearbyint(x));
}
inline int __float2int_rz(float x) {
  return simt::to_int<int>(x);
}
inline int __float2int_rd(float x) {
  return simt::to_int<int>(std::floor(x));
}
inline int __float2int_ru(float x) {
  return simt::to_int<int>(std::ceil(x));
}
inline unsigned __float2uint_rn(float x) {
  return simt::to_int<unsigned>(std::nearbyint(x));
}
inline unsigned __float2uint_rz(float x) {
  return simt::to_int<unsigned>(x);
}
inline float __int2float_rn(int x) {
  return static_cast<float>(x);
}
inline float __uint2float_rn(unsigned x) {
  return static_cast<float>(x);
}
inline float __double2float_rn(double x) {
  return static_cast<float>(x);
}

template <typename T>
inline T min(T a, T b) {
  if constexpr (std::is_floating_point_v<T>) return std::fmin(a, b);
  return b < a ? b : a;
}
template <typename T>
inline T max(T a, T b) {
  if constexpr (std::is_floating_point_v<T>) return std::fmax(a, b);
  return a < b ? b : a;
}

// ---- Atomics: relaxed, as CUDA's are, and atomic to ThreadSanitizer too.

namespace simt {
template <typename T, typename Update>
inline T atomic_update(T* address, Update update) {
  T old;
  __atomic_load(address, &old, __ATOMIC_RELAXED);
  for (;;) {
    T next = update(old);
    if (__atomic_compare_exchange(address, &old, &next, false, __ATOMIC_RELAXED,
                                  __ATOMIC_RELAXED)) {
      return old;
    }
  }
}
}  // namespace simt

#define SIMT_ATOMIC_FLOAT(T)                                                 \
  inline T atomicAdd(T* address, T value) {                                  \
    return simt::atomic_update(address, [=](T old) { return old + value; }); \
  }
#define SIMT_ATOMIC_INT(T)                                                                 \
  inline T atomicAdd(T* address, T value) {                                                \
    return __atomic_fetch_add(address, value, __ATOMIC_RELAXED);                           \
  }                                                                                        \
  inline T atomicMax(T* address, T value) {                                                \
    return simt::atomic_update(address, [=](T old) { return old > value ? old : value; }); \
  }                                                                                        \
  inline T atomicMin(T* address, T value) {                                                \
    return simt::atomic_update(address, [=](T old) { return old < value ? old : value; }); \
  }                                                                                        \
  inline T atomicAnd(T* address, T value) {                                                \
    return __atomic_fetch_and(address, value, __ATOMIC_RELAXED);                           \
  }                                                                                        \
  inline T atomicOr(T* address, T value) {                                                 \
    return __atomic_fetch_or(address, value, __ATOMIC_RELAXED);                            \
  }                                                                                        \
  inline T atomicExch(T* address, T value) {                                               \
    return __atomic_exchange_n(address, value, __ATOMIC_RELAXED);                          \
  }                                                                                        \
  /* Yields, so that a thread which spins on it lets the others of its block go on. */     \
  inline T atomicCAS(T* address, T compare, T value) {                                     \
    if (!__atomic_compare_exchange_n(address, &compare, value, false, __ATOMIC_RELAXED,    \
                                     __ATOMIC_RELAXED)) {                                  \
      simt::yield();                                                                       \
    }                                                                                      \
    return compare;                                                                        \
  }

SIMT_ATOMIC_FLOAT(float)
SIMT_ATOMIC_FLOAT(double)
SIMT_ATOMIC_INT(int)
SIMT_ATOMIC_INT(unsigned)
SIMT_ATOMIC_INT(unsigned long long)
#undef SIMT_ATOMIC_FLOAT
#undef SIMT_ATOMIC_INT

inline int atomicSub(int* address, int value) {
  return atomicAdd(address, -value);
}
inline unsigned atomicSub(unsigned* address, unsigned value) {
  return atomicAdd(address, 0u - value);
}
inline float atomicExch(float* address, float value) {
  return __uint_as_float(atomicExch(reinterpret_cast<unsigned*>(address), __float_as_uint(value)));
}
