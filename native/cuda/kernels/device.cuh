// The one portability header of the kernels: the only file with inline PTX, and the only one that
// knows whether nvcc or the host simulator (native/hostsim) compiles it.
#pragma once

#include <cuda_bf16.h>
#include <cuda_fp16.h>
#include <cuda_runtime.h>

#include <cstdint>

#ifndef DN_SIMT
#define DN_SIMT 0
#endif

// DN_SHARED(float, tile, [32][33]);   a static array in shared memory, 16-byte aligned
// DN_DYN_SHARED(float, scratch);      a pointer to the launch's dynamic shared memory
// DN_UNROLL for (...)                 a loop of constant length to unroll
#if DN_SIMT
#define DN_UNROLL _Pragma("GCC unroll 16")
#define DN_SHARED(T, name, dims)                                                  \
  using name##_shared_t = T dims;                                                 \
  static const char name##_shared_key = 0;                                        \
  name##_shared_t& name = *static_cast<name##_shared_t*>(::simt::shared_variable( \
      &name##_shared_key, sizeof(name##_shared_t), alignof(name##_shared_t)))
#define DN_DYN_SHARED(T, name) T* name = static_cast<T*>(::simt::dynamic_shared())
#else
#define DN_UNROLL _Pragma("unroll")
#define DN_SHARED(T, name, dims) __shared__ __align__(16) T name dims
#define DN_DYN_SHARED(T, name)                                         \
  extern __shared__ __align__(1024) unsigned char dn_dynamic_shared[]; \
  T* name = reinterpret_cast<T*>(dn_dynamic_shared)
#endif

namespace dn {
namespace cuda {

constexpr unsigned kFullMask = 0xffffffffu;

// ---- Launch. For the launch door only (launch.cuh); everyone else goes through that.

// Names the next launch of this thread to the simulator, for its diagnostics and injected faults.
inline void name_next_launch(const char* name) {
#if DN_SIMT
  simt::name_next_launch(name);
#else
  (void)name;
#endif
}

template <typename... P, typename... A>
cudaError_t launch_kernel(void (*kernel)(P...), dim3 grid, dim3 block, size_t dynamic_shared_bytes,
                          cudaStream_t stream, A&&... args) {
#if DN_SIMT
  return simt::launch(kernel, grid, block, dynamic_shared_bytes, stream, static_cast<A&&>(args)...);
#else
  cudaLaunchConfig_t config = {};
  config.gridDim = grid;
  config.blockDim = block;
  config.dynamicSmemBytes = dynamic_shared_bytes;
  config.stream = stream;
  return cudaLaunchKernelEx(&config, kernel, static_cast<P>(static_cast<A&&>(args))...);
#endif
}

// ---- Storage types: float, __nv_bfloat16, __half. Kernels compute in float.

__host__ __device__ __forceinline__ float to_float(float v) {
  return v;
}
__host__ __device__ __forceinline__ float to_float(__nv_bfloat16 v) {
  return __bfloat162float(v);
}
__host__ __device__ __forceinline__ float to_float(__half v) {
  return __half2float(v);
}

template <typename T>
__host__ __device__ __forceinline__ T from_float(float v);
template <>
__host__ __device__ __forceinline__ float from_float<float>(float v) {
  return v;
}
template <>
__host__ __device__ __forceinline__ __nv_bfloat16 from_float<__nv_bfloat16>(float v) {
  return __float2bfloat16_rn(v);
}
template <>
__host__ __device__ __forceinline__ __half from_float<__half>(float v) {
  return __float2half_rn(v);
}

// ---- Sums and maxima over a warp. All 32 lanes call; every lane gets the result. With kWidth < 32
// each segment of kWidth lanes (a power of two) has its own.

template <int kWidth = 32, typename T>
__device__ __forceinline__ T warp_sum(T v) {
  DN_UNROLL for (int offset = kWidth / 2; offset > 0; offset /= 2) {
    v += __shfl_xor_sync(kFullMask, v, offset);
  }
  return v;
}

// A NaN in any lane gives NaN.
template <int kWidth = 32, typename T>
__device__ __forceinline__ T warp_max(T v) {
  DN_UNROLL for (int offset = kWidth / 2; offset > 0; offset /= 2) {
    T other = __shfl_xor_sync(kFullMask, v, offset);
    v = (other > v || other != other) ? other : v;
  }
  return v;
}

// ---- Tensor cores: d += a * b over one warp, float accumulators. With g = lane / 4, t = lane % 4:
//
// m16n8k16 (16-bit; the lower half of a register is the lower k)
//   a[0] = A[g][2t, 2t+1]    a[1] = A[g+8][2t, 2t+1]    a[2] = A[g][2t+8, 2t+9]    a[3] =
//   A[g+8][2t+8, 2t+9] b[0] = B[2t, 2t+1][g]    b[1] = B[2t+8, 2t+9][g]
// m16n8k8 (TF32: the bits of a float, of which the 13 lowest are ignored; see tf32_bits)
//   a[0] = A[g][t]   a[1] = A[g+8][t]   a[2] = A[g][t+4]   a[3] = A[g+8][t+4]   b[0] = B[t][g] b[1]
//   = B[t+4][g]
// both
//   d[0] = D[g][2t]   d[1] = D[g][2t+1]   d[2] = D[g+8][2t]   d[3] = D[g+8][2t+1]

__device__ __forceinline__ void mma_m16n8k16_bf16(float (&d)[4], const unsigned (&a)[4],
                                                  const unsigned (&b)[2]) {
#if DN_SIMT
  simt::MmaOperands operands{d, a, b};
  simt::collective(kFullMask, "mma.m16n8k16.bf16", &operands, simt::exchange_mma_m16n8k16_bf16);
#else
  asm volatile(
      "mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 "
      "{%0,%1,%2,%3}, {%4,%5,%6,%7}, {%8,%9}, {%0,%1,%2,%3};"
      : "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3])
      : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]));
#endif
}

__device__ __forceinline__ void mma_m16n8k16_f16(float (&d)[4], const unsigned (&a)[4],
                                                 const unsigned (&b)[2]) {
#if DN_SIMT
  simt::MmaOperands operands{d, a, b};
  simt::collective(kFullMask, "mma.m16n8k16.f16", &operands, simt::exchange_mma_m16n8k16_f16);
#else
  asm volatile(
      "mma.sync.aligned.m16n8k16.row.col.f32.f16.f16.f32 "
      "{%0,%1,%2,%3}, {%4,%5,%6,%7}, {%8,%9}, {%0,%1,%2,%3};"
      : "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3])
      : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]));
#endif
}

__device__ __forceinline__ void mma_m16n8k8_tf32(float (&d)[4], const unsigned (&a)[4],
                                                 const unsigned (&b)[2]) {
#if DN_SIMT
  simt::MmaOperands operands{d, a, b};
  simt::collective(kFullMask, "mma.m16n8k8.tf32", &operands, simt::exchange_mma_m16n8k8_tf32);
#else
  asm volatile(
      "mma.sync.aligned.m16n8k8.row.col.f32.tf32.tf32.f32 "
      "{%0,%1,%2,%3}, {%4,%5,%6,%7}, {%8,%9}, {%0,%1,%2,%3};"
      : "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3])
      : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]));
#endif
}

// A float rounded to TF32 (10 bits of mantissa, ties away from zero) as the bits that
// mma_m16n8k8_tf32 takes. Without it the operand is cut off, which biases long sums.
__device__ __forceinline__ unsigned tf32_bits(float v) {
#if DN_SIMT
  unsigned bits = __float_as_uint(v);
  if ((bits & 0x7f800000u) == 0x7f800000u) return bits;
  return (bits + 0x1000u) & 0xffffe000u;
#else
  unsigned bits;
  asm("cvt.rna.tf32.f32 %0, %1;" : "=r"(bits) : "f"(v));
  return bits;
#endif
}

// ---- ldmatrix: 8x8 matrices of 16-bit elements from shared memory to fragments. Lane 8*m + r
// passes the 16-byte aligned address of row r of matrix m (x2: lanes 0..15). out[m] holds row
// lane/4, columns 2*(lane%4) and the next; transposed: rows 2*(lane%4) and the next, column lane/4.

#if DN_SIMT
__device__ __forceinline__ void ldmatrix_x4(unsigned (&out)[4], const void* row) {
  simt::ldmatrix(out, row, 4, false);
}
__device__ __forceinline__ void ldmatrix_x4_trans(unsigned (&out)[4], const void* row) {
  simt::ldmatrix(out, row, 4, true);
}
__device__ __forceinline__ void ldmatrix_x2(unsigned (&out)[2], const void* row) {
  simt::ldmatrix(out, row, 2, false);
}
__device__ __forceinline__ void ldmatrix_x2_trans(unsigned (&out)[2], const void* row) {
  simt::ldmatrix(out, row, 2, true);
}
#else
__device__ __forceinline__ unsigned shared_address(const void* pointer) {
  return static_cast<unsigned>(__cvta_generic_to_shared(pointer));
}
__device__ __forceinline__ void ldmatrix_x4(unsigned (&out)[4], const void* row) {
  asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0,%1,%2,%3}, [%4];"
               : "=r"(out[0]), "=r"(out[1]), "=r"(out[2]), "=r"(out[3])
               : "r"(shared_address(row))
               : "memory");
}
__device__ __forceinline__ void ldmatrix_x4_trans(unsigned (&out)[4], const void* row) {
  asm volatile("ldmatrix.sync.aligned.m8n8.x4.trans.shared.b16 {%0,%1,%2,%3}, [%4];"
               : "=r"(out[0]), "=r"(out[1]), "=r"(out[2]), "=r"(out[3])
               : "r"(shared_address(row))
               : "memory");
}
__device__ __forceinline__ void ldmatrix_x2(unsigned (&out)[2], const void* row) {
  asm volatile("ldmatrix.sync.aligned.m8n8.x2.shared.b16 {%0,%1}, [%2];"
               : "=r"(out[0]), "=r"(out[1])
               : "r"(shared_address(row))
               : "memory");
}
__device__ __forceinline__ void ldmatrix_x2_trans(unsigned (&out)[2], const void* row) {
  asm volatile("ldmatrix.sync.aligned.m8n8.x2.trans.shared.b16 {%0,%1}, [%2];"
               : "=r"(out[0]), "=r"(out[1])
               : "r"(shared_address(row))
               : "memory");
}
#endif

// ---- Asynchronous copies from global to shared memory. `pred` false stores zeros and reads
// nothing. Both addresses aligned to the size copied. A thread sees its own copies after
// cp_async_wait, the other threads' after a barrier that follows their wait.

__device__ __forceinline__ void cp_async16(void* shared, const void* global, bool pred) {
#if DN_SIMT
  simt::async_copy(shared, global, pred ? 16u : 0u, 16u);
#else
  int bytes = pred ? 16 : 0;
  asm volatile("cp.async.cg.shared.global [%0], [%1], 16, %2;" ::"r"(shared_address(shared)),
               "l"(global), "r"(bytes)
               : "memory");
#endif
}

// For rows that start at any multiple of 4 bytes.
__device__ __forceinline__ void cp_async4(void* shared, const void* global, bool pred) {
#if DN_SIMT
  simt::async_copy(shared, global, pred ? 4u : 0u, 4u);
#else
  int bytes = pred ? 4 : 0;
  asm volatile("cp.async.ca.shared.global [%0], [%1], 4, %2;" ::"r"(shared_address(shared)),
               "l"(global), "r"(bytes)
               : "memory");
#endif
}

__device__ __forceinline__ void cp_async_commit() {
#if DN_SIMT
  simt::async_copy_commit();
#else
  asm volatile("cp.async.commit_group;" ::: "memory");
#endif
}

// Until at most kPending of the groups committed last are under way.
template <int kPending>
__device__ __forceinline__ void cp_async_wait() {
#if DN_SIMT
  simt::async_copy_wait(kPending);
#else
  asm volatile("cp.async.wait_group %0;" ::"n"(kPending) : "memory");
#endif
}

}  // namespace cuda
}  // namespace dn
