// How the softmax kernels share the classes of one sample among threads.
#pragma once

#include <type_traits>

#include "cuda/kernels/index.cuh"
#include "cuda/kernels/launch.cuh"
#include "cuda/kernels/vector.cuh"

namespace dn::cuda::softmax {

constexpr int kThreads = 256;
constexpr int kWarps = kThreads / 32;
// Classes that a warp keeps in registers, by 32; larger rows are read again for each pass.
constexpr int kFewItems = 4, kManyItems = 32;

// Which threads work on one sample (one row of classes).
enum class Team {
  Warp,     // neighbouring classes; the row stays in registers
  Block,    // neighbouring classes; the row is read once a pass
  Columns,  // classes lie `inner` apart: 32 neighbouring samples by the rest of the block
};

template <typename T>
__device__ __forceinline__ T larger(T a, T b) {
  return a > b || a != a ? a : b;  // NaN wins
}

// Maximum or sum over a block of kThreads; all get it. `shared` has kWarps elements.
template <bool kMax>
__device__ __forceinline__ float block_reduce(float value, float* shared) {
  value = kMax ? warp_max(value) : warp_sum(value);
  __syncthreads();  // an earlier result has been read
  if (threadIdx.x % 32 == 0) shared[threadIdx.x / 32] = value;
  __syncthreads();  // every warp has written
  value = shared[0];
  for (int i = 1; i < kWarps; ++i) value = kMax ? larger(shared[i], value) : value + shared[i];
  return value;
}

// The same over threadIdx.y of a block of (blockDim.x, kThreads / blockDim.x), for each
// threadIdx.x.
template <bool kMax>
__device__ __forceinline__ float column_reduce(float value, float* shared) {
  const int me = threadIdx.y * blockDim.x + threadIdx.x;
  __syncthreads();  // an earlier result has been read
  shared[me] = value;
  for (int half = blockDim.y / 2; half > 0; half /= 2) {
    __syncthreads();  // the last round's results are written
    if ((int)threadIdx.y < half) {
      const float other = shared[me + half * blockDim.x];
      shared[me] = kMax ? larger(other, shared[me]) : shared[me] + other;
    }
  }
  __syncthreads();  // row 0 is written
  return shared[threadIdx.x];
}

// What a block of columns works on: 32 or fewer neighbouring samples.
struct Column {
  int64_t sample, first;  // first: the offset of class 0
  bool active;

  __device__ Column(int64_t samples, int64_t classes, int64_t inner)
      : sample((int64_t)blockIdx.x * blockDim.x + threadIdx.x), active(sample < samples) {
    const int64_t outer = active ? sample / inner : 0;
    first = active ? outer * classes * inner + (sample - outer * inner) : 0;
  }
};

inline dim3 column_block(int64_t samples) {
  const int bx = power_of_two(samples, 32);
  return dim3(bx, kThreads / bx);
}

}  // namespace dn::cuda::softmax
