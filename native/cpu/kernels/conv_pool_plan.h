// How the conv_pool kernels cut their work and their scratch memory. Shared by all instruction
// sets, so nothing here is inline: an inline function could be emitted with the wrong instructions.
#pragma once

#include <cstddef>
#include <cstdint>

#include "conv_pool.h"

namespace dn::cpu {

// One non-zero pooled gradient: where it acts (an offset, or an output channel) and its value.
struct ConvPoolEntry {
  int32_t where;
  float value;
};

// Output channels that backward_weight handles between two passes over a block of images.
constexpr int64_t kConvPoolChannelGroup = 32;
// Largest number of tile rows in any instruction set; bounds the windows of one forward group.
constexpr int64_t kConvPoolMaxTileRows = 8;
// Floats that vector reads may touch behind a row of a planar image; they are never used.
constexpr int64_t kConvPoolRowSlack = 16;

struct ConvPoolForwardScratch {
  int64_t*
      tap_offsets;  // shared; per (block, r, s) or (r, s, c): floats from a position to its tap
  float* conv;      // per thread: conv results of one group of windows
  float* image;     // per thread: one zero-padded image; null without padding
  size_t conv_stride, image_stride;  // floats between threads
  size_t bytes;
};
ConvPoolForwardScratch conv_pool_forward_scratch(const ConvPoolParams& params, int threads,
                                                 void* base);

struct ConvPoolWeightScratch {
  float* bias_sums;        // [K]
  float* sums;             // C % 16: [K][C/16][R*S][16c]
  ConvPoolEntry* entries;  // per thread: [kConvPoolChannelGroup][entry_capacity]
  float* images;           // per thread: zero-padded block of images; null without padding
  size_t entries_stride, images_stride;
  int64_t block_images;  // images handled together, so that their vectors stay in L1
  int64_t entry_capacity;
  size_t bytes;
};
ConvPoolWeightScratch conv_pool_weight_scratch(const ConvPoolParams& params, int threads,
                                               void* base);

// backward_weight for C <= 4. The batch is cut into `chunks` (a function of the batch only, so that
// sums do not depend on the number of threads), each with its own sums.
struct ConvPoolPlanarScratch {
  int64_t chunks;
  float* sums;       // [chunks][sums_stride]; layout is the kernel's choice
  float* bias_sums;  // [chunks][K]
  float* image;      // per thread: [C][padded_h][image_pitch], plus kConvPoolRowSlack
  float* patches;    // per thread: [pooled_w][patch_h][patch_pitch] of one channel, plus 32
  float* values;     // per thread: [K/16][pooled_w][16k] pooled gradients of one row of windows
  int32_t* lanes;    // same shape: index of the winning tap within its patch
  size_t sums_stride, image_stride, patches_stride, values_stride;
  int64_t image_pitch, patch_h, patch_pitch;
  int64_t tap_pitch;  // kernel_w rounded up to 8
  size_t bytes;
};
ConvPoolPlanarScratch conv_pool_planar_scratch(const ConvPoolParams& params, int threads,
                                               void* base);

struct ConvPoolDataScratch {
  float* weights;          // shared: [K][C/16][R*S][16c]
  ConvPoolEntry* entries;  // per thread: [pool_h*pool_w][K]
  float* image;            // per thread: padded gradient of one image; null without padding
  size_t entries_stride, image_stride;
  size_t bytes;
};
ConvPoolDataScratch conv_pool_data_scratch(const ConvPoolParams& params, int threads, void* base);

// The strides of the zero-padded copy of one image, and its floats.
ConvPoolLayout conv_pool_padded_layout(const ConvPoolParams& params);
int64_t conv_pool_padded_floats(const ConvPoolParams& params);

}  // namespace dn::cpu
