#include "conformance.h"
#include "cuda/kernels/launch.cuh"

namespace dn {
namespace cuda {
namespace conformance {

namespace {

template <typename T>
__device__ T shuffle(Shuffle kind, T value, int operand, int width) {
  switch (kind) {
    case Shuffle::Index:
      return __shfl_sync(kFullMask, value, operand, width);
    case Shuffle::Up:
      return __shfl_up_sync(kFullMask, value, operand, width);
    case Shuffle::Down:
      return __shfl_down_sync(kFullMask, value, operand, width);
    default:
      return __shfl_xor_sync(kFullMask, value, operand, width);
  }
}

template <typename T>
__global__ void shuffle_all_kernel(Shuffle kind, int width, const T* in, T* out) {
  T value = in[threadIdx.x];
  for (int operand = 0; operand < 32; operand++) {
    out[operand * 32 + threadIdx.x] = shuffle(kind, value, operand, width);
  }
}

__global__ void vote_kernel(uint32_t mask, const int* predicate, uint32_t* out) {
  int lane = threadIdx.x;
  if (!(mask >> lane & 1)) return;
  out[lane] = __ballot_sync(mask, predicate[lane]);
  out[32 + lane] = __any_sync(mask, predicate[lane]) != 0;
  out[64 + lane] = __all_sync(mask, predicate[lane]) != 0;
}

template <int kWidth>
__global__ void warp_reduce_kernel(const float* in, float* out) {
  float value = in[threadIdx.x];
  out[threadIdx.x] = warp_sum<kWidth>(value);
  out[32 + threadIdx.x] = warp_max<kWidth>(value);
}

__global__ void mma_kernel(Mma kind, const uint32_t* a, const uint32_t* b, float* d) {
  int lane = threadIdx.x;
  unsigned fragment_a[4], fragment_b[2];
  float accumulator[4];
  for (int i = 0; i < 4; i++) fragment_a[i] = a[lane * 4 + i];
  for (int i = 0; i < 2; i++) fragment_b[i] = b[lane * 2 + i];
  for (int i = 0; i < 4; i++) accumulator[i] = d[lane * 4 + i];
  if (kind == Mma::Bf16) mma_m16n8k16_bf16(accumulator, fragment_a, fragment_b);
  if (kind == Mma::F16) mma_m16n8k16_f16(accumulator, fragment_a, fragment_b);
  if (kind == Mma::Tf32) mma_m16n8k8_tf32(accumulator, fragment_a, fragment_b);
  for (int i = 0; i < 4; i++) d[lane * 4 + i] = accumulator[i];
}

__global__ void ldmatrix_kernel(int matrices, bool transposed, const uint16_t* rows, const int* row,
                                uint32_t* out) {
  DN_SHARED(uint16_t, tile, [64][8]);
  int lane = threadIdx.x;
  for (int i = lane; i < 512; i += 32) tile[i / 8][i % 8] = rows[i];
  __syncwarp();  // the rows are written
  const void* address = tile[row[lane]];
  if (matrices == 4) {
    unsigned fragment[4];
    if (transposed) {
      ldmatrix_x4_trans(fragment, address);
    } else {
      ldmatrix_x4(fragment, address);
    }
    for (int i = 0; i < 4; i++) out[lane * 4 + i] = fragment[i];
  } else {
    unsigned fragment[2];
    if (transposed) {
      ldmatrix_x2_trans(fragment, address);
    } else {
      ldmatrix_x2(fragment, address);
    }
    for (int i = 0; i < 2; i++) out[lane * 2 + i] = fragment[i];
  }
}

template <int kBytes>
__global__ void copy_async_kernel(const uint8_t* in, const int* predicate, uint8_t* out) {
  DN_SHARED(uint8_t, buffer, [64 * kBytes]);
  int t = threadIdx.x;
  for (int i = 0; i < kBytes; i++) buffer[t * kBytes + i] = 0xab;
  bool copies = predicate[t] != 0;
  if (kBytes == 16) {
    cp_async16(buffer + t * kBytes, copies ? in + t * kBytes : in, copies);
  } else {
    cp_async4(buffer + t * kBytes, copies ? in + t * kBytes : in, copies);
  }
  cp_async_commit();
  cp_async_wait<0>();
  __syncthreads();  // all copies are done
  for (int i = t; i < 64 * kBytes; i += 64) out[i] = buffer[i];
}

__global__ void copy_async_groups_kernel(const uint32_t* in, uint32_t* out) {
  DN_SHARED(uint32_t, buffer, [4][32]);
  int lane = threadIdx.x;
  for (int g = 0; g < 4; g++) {
    cp_async4(&buffer[g][lane], in + g * 32 + lane, true);
    cp_async_commit();
  }
  cp_async_wait<3>();
  out[lane] = buffer[0][lane];
  cp_async_wait<2>();
  out[32 + lane] = buffer[1][lane];
  cp_async_wait<1>();
  out[64 + lane] = buffer[2][lane];
  cp_async_wait<0>();
  out[96 + lane] = buffer[3][lane];
}

__global__ void decode_kernel(bool bf16, float* out) {
  int code = blockIdx.x * blockDim.x + threadIdx.x;
  unsigned short bits = static_cast<unsigned short>(code);
  out[code] = bf16 ? to_float(__ushort_as_bfloat16(bits)) : to_float(__ushort_as_half(bits));
}

__global__ void encode_kernel(bool bf16, const float* values, int count, uint16_t* codes) {
  int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i >= count) return;
  codes[i] = bf16 ? __bfloat16_as_ushort(from_float<__nv_bfloat16>(values[i]))
                  : __half_as_ushort(from_float<__half>(values[i]));
}

__global__ void round_to_tf32_kernel(const float* values, int count, uint32_t* bits) {
  int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i < count) bits[i] = tf32_bits(values[i]);
}

__global__ void bits_kernel(const uint32_t* x, const uint32_t* y, int count, uint32_t* out) {
  int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i >= count) return;
  uint32_t* to = out + i * kBitResults;
  to[0] = __umulhi(x[i], y[i]);
  to[1] = __brev(x[i]);
  to[2] = __popc(x[i]);
  to[3] = __clz(static_cast<int>(x[i]));
  to[4] = __ffs(static_cast<int>(x[i]));
  to[5] = __byte_perm(x[i], y[i], 0x5140);
}

__global__ void to_integers_kernel(const float* values, int count, uint32_t* out) {
  int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i >= count) return;
  uint32_t* to = out + i * kIntResults;
  to[0] = static_cast<uint32_t>(__float2int_rn(values[i]));
  to[1] = static_cast<uint32_t>(__float2int_rd(values[i]));
  to[2] = static_cast<uint32_t>(__float2int_ru(values[i]));
  to[3] = static_cast<uint32_t>(__float2int_rz(values[i]));
  to[4] = __float2uint_rz(values[i]);
}

__global__ void atomics_kernel(const int* values, int count, int* sum_max_min) {
  int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i >= count) return;
  atomicAdd(sum_max_min, values[i]);
  atomicMax(sum_max_min + 1, values[i]);
  atomicMin(sum_max_min + 2, values[i]);
}

}  // namespace

void shuffle_all(cudaStream_t stream, Shuffle kind, int width, const uint32_t* in, uint32_t* out) {
  launch(stream, "shuffle_all", shuffle_all_kernel<uint32_t>, 1, 32, 0, kind, width, in, out);
}
void shuffle_all(cudaStream_t stream, Shuffle kind, int width, const double* in, double* out) {
  launch(stream, "shuffle_all", shuffle_all_kernel<double>, 1, 32, 0, kind, width, in, out);
}

void vote(cudaStream_t stream, uint32_t mask, const int* predicate, uint32_t* out) {
  launch(stream, "vote", vote_kernel, 1, 32, 0, mask, predicate, out);
}

void warp_reduce(cudaStream_t stream, int width, const float* in, float* out) {
  auto kernel = width == 32   ? warp_reduce_kernel<32>
                : width == 16 ? warp_reduce_kernel<16>
                              : warp_reduce_kernel<8>;
  launch(stream, "warp_reduce", kernel, 1, 32, 0, in, out);
}

void mma(cudaStream_t stream, Mma kind, const uint32_t* a, const uint32_t* b, float* d) {
  launch(stream, "mma", mma_kernel, 1, 32, 0, kind, a, b, d);
}

void ldmatrix(cudaStream_t stream, int matrices, bool transposed, const uint16_t* rows,
              const int* row, uint32_t* out) {
  launch(stream, "ldmatrix", ldmatrix_kernel, 1, 32, 0, matrices, transposed, rows, row, out);
}

void copy_async(cudaStream_t stream, int bytes, const uint8_t* in, const int* predicate,
                uint8_t* out) {
  auto kernel = bytes == 16 ? copy_async_kernel<16> : copy_async_kernel<4>;
  launch(stream, "copy_async", kernel, 1, 64, 0, in, predicate, out);
}

void copy_async_groups(cudaStream_t stream, const uint32_t* in, uint32_t* out) {
  launch(stream, "copy_async_groups", copy_async_groups_kernel, 1, 32, 0, in, out);
}

void decode(cudaStream_t stream, bool bf16, float* out) {
  launch(stream, "decode", decode_kernel, 256, 256, 0, bf16, out);
}

void encode(cudaStream_t stream, bool bf16, const float* values, int count, uint16_t* codes) {
  launch(stream, "encode", encode_kernel, blocks_for(count, 256), 256, 0, bf16, values, count,
         codes);
}

void round_to_tf32(cudaStream_t stream, const float* values, int count, uint32_t* bits) {
  launch(stream, "round_to_tf32", round_to_tf32_kernel, blocks_for(count, 256), 256, 0, values,
         count, bits);
}

void bits(cudaStream_t stream, const uint32_t* x, const uint32_t* y, int count, uint32_t* out) {
  launch(stream, "bits", bits_kernel, blocks_for(count, 256), 256, 0, x, y, count, out);
}

void to_integers(cudaStream_t stream, const float* values, int count, uint32_t* out) {
  launch(stream, "to_integers", to_integers_kernel, blocks_for(count, 256), 256, 0, values, count,
         out);
}

void atomics(cudaStream_t stream, const int* values, int count, int* sum_max_min) {
  launch(stream, "atomics", atomics_kernel, blocks_for(count, 256), 256, 0, values, count,
         sum_max_min);
}

}  // namespace conformance
}  // namespace cuda
}  // namespace dn
