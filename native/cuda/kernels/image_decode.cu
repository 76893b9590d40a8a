// image_decode: images of bytes to normalised numbers; definition: dn_image_decode_attributes.
// Math      y = (byte - mean[c]) * scale[c] over a window of the image, placed and mirrored by Philox;
//           `sampled`: at places between pixels, bilinearly, recoloured. The same for masks, nearest.
// Tensors   images (N, C, H, W) u8 | state (2) i64 | y (N, H', W', C) f32, bf16 or f16 |
//           masks (N, H, W) u8 or i32 | mask windows (N, H', W') i32.
// Grid      one thread = one position of y, all channels; one block = 256 positions of one sample.
//           What a sample draws is computed by every block, the elastic grid into shared memory.
//           The state advances in a kernel of one thread.
// Cost      bytes = N * C * (H' * W' of the image + sizeof(y) * H' * W'); ops = 2 * N * C * H' * W';
//           sampled: the four bytes of a place come from the cache; ops = about 15 + 12 C a position,
//           with an elastic grid 50 more and 100 a node and block.
// Floor     bytes / DRAM bandwidth. Example 256x3x224x224 to bf16: 116 MB -> 24.1 us at 4.8 TB/s (H200
//           data sheet), also sampled.
// Deterministic: yes, and equal to the CPU's bits: image_augment.h leaves no sum of products to contract.
// Why so    every channel's bytes of 32 neighbours are one sector; their C results lie side by side in
//           the layout of the convolution that follows.
#include "cuda/kernels/image_decode.h"
#include "cuda/kernels/index.cuh"
#include "cuda/kernels/launch.cuh"
#include "cuda/kernels/philox.cuh"

#define DN_AUGMENT_DEVICE
#include "engine/image_augment.h"

namespace dn::cuda {

namespace {

constexpr int kBlock = 256;

// What a block shares.
struct Drawn {
  augment::Sample sample;
  uint32_t words[4 * augment::kBlocks];
};

struct Position {
  int64_t sample;
  uint32_t at;  // in the window
  int32_t i, j;
};

__device__ __forceinline__ PhiloxWords draw_block(const ImageDecodeParams& p, int64_t sample,
                                                  uint32_t block) {
  const uint64_t seed = (uint64_t)p.state[0];
  return philox({{(uint32_t)sample, block, (uint32_t)p.state[1], (uint32_t)p.attributes.stream}},
                (uint32_t)seed, (uint32_t)(seed >> 32));
}

// The sample's words, by as many threads as there are blocks of them.
__device__ __forceinline__ void draw_words(const ImageDecodeParams& p, int64_t sample,
                                           Drawn& drawn) {
  if (p.state && threadIdx.x < augment::kBlocks) {
    const PhiloxWords words = draw_block(p, sample, threadIdx.x);
    DN_UNROLL
    for (int k = 0; k < 4; ++k) drawn.words[4 * threadIdx.x + k] = words.word[k];
  }
  __syncthreads();  // the words are there for the thread that uses them
}

__device__ __forceinline__ void store_mask(const ImageDecodeParams& p, const Position& at,
                                           int32_t row, int32_t column) {
  const bool inside = row >= 0 && row < p.height && column >= 0 && column < p.width;
  const int64_t from = (at.sample * p.height + row) * p.width + column;
  const int64_t to = at.sample * p.out_height * p.out_width + (int64_t)at.at;
  if (!inside)
    p.mask_y[to] = p.attributes.ignore_index;
  else if (p.mask_dtype == DN_DTYPE_U8)
    p.mask_y[to] = static_cast<const uint8_t*>(p.masks)[from];
  else
    p.mask_y[to] = static_cast<const int32_t*>(p.masks)[from];
}

template <typename T, int kChannels>
__device__ __forceinline__ void store_pixel(const ImageDecodeParams& p,
                                            const augment::Settings& settings,
                                            const augment::Sample& sample, const Position& at,
                                            const float (&bytes)[kChannels]) {
  T* y =
      static_cast<T*>(p.y) + (at.sample * p.out_height * p.out_width + (int64_t)at.at) * kChannels;
  const bool cut = augment::is_cut(settings, sample, at.i, at.j);
  DN_UNROLL
  for (int c = 0; c < kChannels; ++c)
    y[c] = from_float<T>(cut ? 0.0f : (bytes[c] - p.attributes.mean[c]) * p.attributes.scale[c]);
}

template <typename T, int kChannels>
__global__ void __launch_bounds__(kBlock)
    image_decode_kernel(const ImageDecodeParams p, const augment::Settings settings,
                        FastDivider width, unsigned tiles) {
  DN_SHARED(Drawn, drawn, [1]);
  Position at;
  at.sample = blockIdx.x / tiles;
  draw_words(p, at.sample, drawn[0]);
  augment::Sample& sample = drawn[0].sample;
  if (threadIdx.x == 0) augment::draw_window(settings, p.state ? drawn[0].words : nullptr, sample);
  __syncthreads();  // one thread drew for the block
  at.at = blockIdx.x % tiles * kBlock + threadIdx.x;
  if (at.at >= (uint32_t)p.out_height * (uint32_t)p.out_width) return;
  at.i = (int32_t)width.divide(at.at), at.j = (int32_t)at.at - at.i * p.out_width;
  const int32_t mode = p.attributes.padding_mode;
  const int32_t row = augment::whole_place(
      sample.top + (sample.vertical_flip ? p.out_height - 1 - at.i : at.i), p.height, mode);
  const int32_t column = augment::whole_place(
      sample.left + (sample.flip ? p.out_width - 1 - at.j : at.j), p.width, mode);
  const bool inside = row >= 0 && column >= 0;
  const int64_t plane = (int64_t)p.height * p.width;
  const uint8_t* image = p.images + at.sample * kChannels * plane + (int64_t)row * p.width + column;
  float bytes[kChannels];
  DN_UNROLL
  for (int c = 0; c < kChannels; ++c) bytes[c] = inside ? (float)image[c * plane] : 0.0f;
  store_pixel<T, kChannels>(p, settings, sample, at, bytes);
  if (p.masks) store_mask(p, at, row, column);
}

// Four nodes of four grid rows, downwards, then to the right: as the CPU adds.
__device__ __forceinline__ float elastic_at(const float* nodes, int32_t columns,
                                            const float (&down)[4], const float (&right)[4]) {
  float line[4];
  DN_UNROLL
  for (int k = 0; k < 4; ++k)
    line[k] = augment::spline(down[0], down[1], down[2], down[3], nodes[k], nodes[columns + k],
                              nodes[2 * columns + k], nodes[3 * columns + k]);
  return augment::spline(right[0], right[1], right[2], right[3], line[0], line[1], line[2],
                         line[3]);
}

__device__ __forceinline__ void displace(const augment::Settings& s, const float* node_row,
                                         const float* node_column, const Position& at, float& row,
                                         float& column) {
  const float i = (float)at.i / s.attributes.elastic_pitch;
  const float j = (float)at.j / s.attributes.elastic_pitch;
  const float cell_i = floorf(i), cell_j = floorf(j);
  float down[4], right[4];
  augment::spline_weights(i - cell_i, down);
  augment::spline_weights(j - cell_j, right);
  const int32_t first = (int32_t)cell_i * s.node_columns + (int32_t)cell_j;
  row += elastic_at(node_row + first, s.node_columns, down, right);
  column += elastic_at(node_column + first, s.node_columns, down, right);
}

// The byte at a place of one channel, or of its surroundings.
__device__ __forceinline__ float byte_at(const ImageDecodeParams& p, const uint8_t* image,
                                         int32_t row, int32_t column) {
  const bool inside = row >= 0 && row < p.height && column >= 0 && column < p.width;
  return inside ? (float)image[(int64_t)row * p.width + column] : 0.0f;
}

template <typename T, int kChannels>
__global__ void __launch_bounds__(kBlock)
    image_decode_sampled_kernel(const ImageDecodeParams p, const augment::Settings settings,
                                FastDivider width, unsigned tiles) {
  DN_SHARED(Drawn, drawn, [1]);
  DN_DYN_SHARED(float, nodes);  // rows, then columns
  Position at;
  at.sample = blockIdx.x / tiles;
  const int32_t node_count = settings.node_rows * settings.node_columns;
  for (int32_t k = (int32_t)threadIdx.x; k < node_count; k += kBlock) {
    const PhiloxWords words = draw_block(p, at.sample, (uint32_t)(augment::kBlocks + k / 2));
    const bool second = k % 2 != 0;
    augment::elastic_node(settings, second ? words.word[2] : words.word[0],
                          second ? words.word[3] : words.word[1], nodes + node_count + k,
                          nodes + k);
  }
  draw_words(p, at.sample, drawn[0]);
  augment::Sample& sample = drawn[0].sample;
  if (threadIdx.x == 0) augment::draw_sample(settings, drawn[0].words, sample);
  __syncthreads();  // sample and nodes are there for all
  at.at = blockIdx.x % tiles * kBlock + threadIdx.x;
  if (at.at >= (uint32_t)p.out_height * (uint32_t)p.out_width) return;
  at.i = (int32_t)width.divide(at.at), at.j = (int32_t)at.at - at.i * p.out_width;
  const float v = fmaf(-0.5f, (float)(p.out_height - 1), (float)at.i);
  const float u = fmaf(-0.5f, (float)(p.out_width - 1), (float)at.j);
  float row = fmaf(sample.row_u, u, fmaf(sample.row_v, v, sample.row_0));
  float column = fmaf(sample.column_u, u, fmaf(sample.column_v, v, sample.column_0));
  if (node_count > 0) displace(settings, nodes, nodes + node_count, at, row, column);
  row = augment::bounded_place(row, p.height, p.attributes.padding_mode);
  column = augment::bounded_place(column, p.width, p.attributes.padding_mode);
  const float top = floorf(row), left = floorf(column);
  const float row_part = row - top, column_part = column - left;
  const int32_t i = (int32_t)top, j = (int32_t)left;
  const int64_t plane = (int64_t)p.height * p.width;
  const uint8_t* image = p.images + at.sample * kChannels * plane;
  float bytes[kChannels];
  DN_UNROLL
  for (int c = 0; c < kChannels; ++c, image += plane)
    bytes[c] = augment::between(
        row_part,
        augment::between(column_part, byte_at(p, image, i, j), byte_at(p, image, i, j + 1)),
        augment::between(column_part, byte_at(p, image, i + 1, j),
                         byte_at(p, image, i + 1, j + 1)));
  if (settings.colors) {
    if constexpr (kChannels == 3) {
      augment::recolor(sample, bytes[0], bytes[1], bytes[2]);
    } else {
      DN_UNROLL
      for (int c = 0; c < kChannels; ++c)
        bytes[c] = augment::limited(fmaf(sample.color[0], bytes[c], sample.color_offset[c]));
    }
  }
  store_pixel<T, kChannels>(p, settings, sample, at, bytes);
  if (p.masks) store_mask(p, at, (int32_t)floorf(row + 0.5f), (int32_t)floorf(column + 0.5f));
}

__global__ void image_decode_advance_kernel(int64_t* state) {
  ++state[1];
}

template <typename T, int kChannels>
void decode(cudaStream_t stream, const ImageDecodeParams& p) {
  const int64_t tiles = divide_up((int64_t)p.out_height * p.out_width, kBlock);
  const augment::Settings settings = augment::settings_of(
      p.attributes, p.state != nullptr, p.channels, p.height, p.width, p.out_height, p.out_width);
  const bool sampled = settings.samples || settings.colors;
  const size_t shared = 2 * sizeof(float) * (size_t)(settings.node_rows * settings.node_columns);
  launch(stream, sampled ? "image_decode_sampled" : "image_decode",
         sampled ? image_decode_sampled_kernel<T, kChannels> : image_decode_kernel<T, kChannels>,
         dim3((unsigned)(p.count * tiles)), dim3(kBlock), shared, p, settings,
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
