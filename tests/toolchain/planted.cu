// A kernel that must spill, 128 values in the 64 registers that a block of 1024 threads leaves each, and one
// that has no reason to. For cuda_build.sh.
namespace dn {
namespace planted {

template <int kCount>
__global__ void __launch_bounds__(1024) hold_kernel(const float* x, float* y) {
  float held[kCount];
#pragma unroll
  for (int i = 0; i < kCount; ++i) held[i] = x[i * 1024 + threadIdx.x];
  __syncthreads();
#pragma unroll
  for (int i = 0; i < kCount; ++i) y[i * 1024 + threadIdx.x] = held[i] * held[(i * 7 + 3) % kCount];
}

template __global__ void hold_kernel<DN_COUNT>(const float*, float*);

}  // namespace planted
}  // namespace dn
