// random: Philox 4x32-10 (Salmon et al. 2011); definition: dn_random_attributes.
// Math      four words a block of 4 elements; uniform, normal (Box-Muller) or Bernoulli from them.
// Tensors   state (2) i64 | values (count) f32, 16-byte aligned or not.
// Grid      one thread = 4 elements; block 256; the last block to read the state advances it.
// Cost      bytes = 4 * count; ops = about 25 * count integer (10 rounds for 4 elements).
// Floor     bytes / DRAM bandwidth. Example 256x64x56x56: 206 MB -> 42.8 us at 4.8 TB/s (H200 data
//           sheet).
// Deterministic: yes; uniform and Bernoulli equal the CPU's bit for bit (no fused multiply-add).
#include "cuda/kernels/element.cuh"
#include "cuda/kernels/index.cuh"
#include "cuda/kernels/launch.cuh"
#include "cuda/kernels/philox.cuh"
#include "cuda/kernels/random.h"

namespace dn::cuda {

namespace {

constexpr int kBlock = 256;

__device__ __forceinline__ Pack<float, 4> draw(const RandomParams& p, const PhiloxWords& words) {
  Pack<float, 4> values;
  switch (p.distribution) {
    case DN_DISTRIBUTION_UNIFORM:
      DN_UNROLL
      for (int i = 0; i < 4; ++i)
        values.item[i] =
            __fadd_rn(p.a, __fmul_rn(philox_uniform(words.word[i]), __fsub_rn(p.b, p.a)));
      break;
    case DN_DISTRIBUTION_BERNOULLI:
      DN_UNROLL
      for (int i = 0; i < 4; ++i)
        values.item[i] = philox_uniform(words.word[i]) < p.a ? 1.0f : 0.0f;
      break;
    default:
      DN_UNROLL
      for (int i = 0; i < 4; i += 2) {
        const float radius = sqrtf(-2.0f * logf(1.0f - philox_uniform(words.word[i])));
        const float angle = 2.0f * 3.14159265358979f * philox_uniform(words.word[i + 1]);
        values.item[i] = p.a + p.b * radius * cosf(angle);
        values.item[i + 1] = p.a + p.b * radius * sinf(angle);
      }
  }
  return values;
}

__global__ void __launch_bounds__(kBlock) random_kernel(const RandomParams p, bool packed) {
  const int64_t block = (int64_t)blockIdx.x * kBlock + threadIdx.x;
  const uint64_t seed = (uint64_t)p.state[0];
  const uint32_t offset = (uint32_t)p.state[1];
  const int64_t first = block * 4;
  if (first < p.count) {
    const PhiloxWords counter{
        {(uint32_t)block, (uint32_t)((uint64_t)block >> 32), offset, (uint32_t)p.stream}};
    const Pack<float, 4> values = draw(p, philox(counter, (uint32_t)seed, (uint32_t)(seed >> 32)));
    if (packed && first + 4 <= p.count) {
      *reinterpret_cast<Pack<float, 4>*>(p.values + first) = values;
    } else {
      DN_UNROLL
      for (int i = 0; i < 4; ++i)
        if (first + i < p.count) p.values[first + i] = values.item[i];
    }
  }

  __syncthreads();  // the whole block has read the state
  if (threadIdx.x == 0) {
    __threadfence();
    const unsigned before = atomicAdd(p.finished, 1u);
    if (before == gridDim.x - 1) {
      __threadfence();  // every other block's reads lie before its addition
      p.state[1] = p.state[1] + 1;
      atomicExch(p.finished, 0u);
    }
  }
}

}  // namespace

void random(cudaStream_t stream, const RandomParams& p) {
  // Of no elements, too, the state advances.
  const int64_t blocks = p.count > 0 ? divide_up(p.count, 4 * kBlock) : 1;
  launch(stream, "random", random_kernel, dim3((unsigned)blocks), dim3(kBlock), 0, p,
         aligned_to(p.values, 16));
}

}  // namespace dn::cuda
