// image_decode: images of bytes to normalised numbers; definition: dn_image_decode_attributes.
// Math      y = (byte - mean[c]) * scale[c] over a window of the image, placed and mirrored by Philox.
// Tensors   images (N, C, H, W) u8 | state (2) i64 | y (N, H', W', C) f32, bf16 or f16.
// Grid      one thread = one position of y, all channels; one block = 256 positions of one sample.
//           The state advances in a kernel of one thread.
// Cost      bytes = N * C * (H' * W' of the image + sizeof(y) * H' * W'); ops = 2 * N * C * H' * W'.
// Floor     bytes / DRAM bandwidth. Example 256x3x224x224 to bf16: 116 MB -> 24.1 us at 4.8 TB/s (H200
//           data sheet).
// Deterministic: yes, and equal to the CPU's bits: a difference and a product cannot be contracted.
// Why so    every channel's bytes of 32 neighbours are one sector; their C results lie side by side in
//           the layout of the convolution that follows.
#include "cuda/kernels/image_decode.h"
#include "cuda/kernels/index.cuh"
#include "cuda/kernels/launch.cuh"
#include "cuda/kernels/philox.cuh"

namespace dn::cuda {

namespace {

constexpr int kBlock = 256;

struct Window {
  int32_t top, left;
  bool flip;
};

__device__ __forceinline__ Window place(const ImageDecodeParams& p, int64_t sample) {
  const uint32_t tops = (uint32_t)(p.height + 2 * p.padding - p.out_height + 1);
  const uint32_t lefts = (uint32_t)(p.width + 2 * p.padding - p.out_width + 1);
  if (!p.state) return {(int32_t)((tops - 1) / 2), (int32_t)((lefts - 1) / 2), false};
  const uint64_t seed = (uint64_t)p.state[0];
  const PhiloxWords words = philox({{(uint32_t)sample, (uint32_t)((uint64_t)sample >> 32),
                                     (uint32_t)p.state[1], (uint32_t)p.stream}},
                                   (uint32_t)seed, (uint32_t)(seed >> 32));
  return {(int32_t)__umulhi(words.word[0], tops), (int32_t)__umulhi(words.word[1], lefts),
          philox_uniform(words.word[2]) < p.flip_probability};
}

// The place in the image of a place with padding; -1: a byte of 0.
__device__ __forceinline__ int32_t source(const ImageDecodeParams& p, int32_t at, int32_t extent) {
  at -= p.padding;
  if (at >= 0 && at < extent) return at;
  if (p.padding_mode == DN_PADDING_ZERO) return -1;
  return at < 0 ? -at : 2 * (extent - 1) - at;
}

template <typename T, int kChannels>
__global__ void __launch_bounds__(kBlock)
    image_decode_kernel(const ImageDecodeParams p, FastDivider width, unsigned tiles) {
  DN_SHARED(Window, window, [1]);
  const int64_t sample = blockIdx.x / tiles;
  if (threadIdx.x == 0) window[0] = place(p, sample);
  __syncthreads();  // one thread drew for the block
  const uint32_t at = blockIdx.x % tiles * kBlock + threadIdx.x;
  if (at >= (uint32_t)p.out_height * (uint32_t)p.out_width) return;
  const int32_t i = (int32_t)width.divide(at), j = (int32_t)at - i * p.out_width;
  const int32_t row = source(p, window[0].top + i, p.height);
  const int32_t column =
      source(p, window[0].left + (window[0].flip ? p.out_width - 1 - j : j), p.width);
  const bool inside = row >= 0 && column >= 0;
  const int64_t plane = (int64_t)p.height * p.width;
  const uint8_t* image = p.images + sample * kChannels * plane + (int64_t)row * p.width + column;
  T* y = static_cast<T*>(p.y) + (sample * p.out_height * p.out_width + (int64_t)at) * kChannels;
  DN_UNROLL
  for (int c = 0; c < kChannels; ++c) {
    const float byte = inside ? (float)image[c * plane] : 0.0f;
    y[c] = from_float<T>((byte - p.mean[c]) * p.scale[c]);
  }
}

__global__ void image_decode_advance_kernel(int64_t* state) {
  ++state[1];
}

template <typename T, int kChannels>
void decode(cudaStream_t stream, const ImageDecodeParams& p) {
  const int64_t tiles = divide_up((int64_t)p.out_height * p.out_width, kBlock);
  launch(stream, "image_decode", image_decode_kernel<T, kChannels>,
         dim3((unsigned)(p.count * tiles)), dim3(kBlock), 0, p,
         FastDivider(p.out_width > 0 ? p.out_width : 1), (unsigned)tiles);
}

template <typename T>
void decode_as(cudaStream_t stream, const ImageDecodeParams& p) {
  switch (p.channels) {
    case 1:
      return decode<T, 1>(stream, p);
    case 2:
      return decode<T, 2>(stream, p);
    case 3:
      return decode<T, 3>(stream, p);
    default:
      return decode<T, 4>(stream, p);
  }
}

}  // namespace

void image_decode(cudaStream_t stream, const ImageDecodeParams& p) {
  if (p.dtype == DN_DTYPE_F32)
    decode_as<float>(stream, p);
  else if (p.dtype == DN_DTYPE_BF16)
    decode_as<__nv_bfloat16>(stream, p);
  else
    decode_as<__half>(stream, p);
  if (p.state)
    launch(stream, "image_decode_advance", image_decode_advance_kernel, dim3(1), dim3(1), 0,
           p.state);
}

}  // namespace dn::cuda
