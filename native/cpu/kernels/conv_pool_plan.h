// How the conv_pool kernels cut their work and their scratch memory. Shared by all instruction
// sets, so nothing here is inline: an inline function could be emitted with the wrong instructions.
#pragma once

#include <cstddef>
#include <cstdint>

#include "conv_pool.h"

namespace dn::cpu {

// One non-zero pooled gradient: where its patch begins in a block of images, and its value.
struct ConvPoolEntry {
  int32_t where;
  float value;
};

// Output channels that the backward passes handle between two passes over a block of images.
constexpr int64_t kConvPoolChannelGroup = 32;
// Largest number of tile rows in any instruction set; bounds the windows of one forward group.
constexpr int64_t kConvPoolMaxTileRows = 8;
// Floats that vector reads may touch behind a row of a planar image; they are never used.
constexpr int64_t kConvPoolRowSlack = 16;

struct ConvPoolForwardScratch {
  // Shared lists of distances in floats: from a position to tap (block, r, s) or (r, s, c), and
  // from the first position of a window to its tile rows.
  int64_t* tap_offsets;
  int64_t* row_offsets;
  float* conv;                       // per thread: conv results of one group of windows
  float* image;                      // per thread: one zero-padded image; null without padding
  size_t conv_stride, image_stride;  // floats between threads
  size_t bytes;
};
ConvPoolForwardScratch conv_pool_forward_scratch(const ConvPoolParams& params, int threads,
                                                 void* base);

// Both backward passes for C % 16 == 0.
struct ConvPoolBlockScratch {
  float* taps;             // shared: weights, or sums of their gradient, [K][C/16][R*S][16c]
  float* bias_sums;        // shared: [K]
  float* images;           // per thread: [block_images] packed copies of x or dx
  ConvPoolEntry* entries;  // per thread: [kConvPoolChannelGroup][entry_capacity]
  size_t images_stride, entries_stride;
  int64_t block_images;  // images handled together, so that their vectors stay in L1
  int64_t entry_capacity;
  size_t bytes;
};
ConvPoolBlockScratch conv_pool_block_scratch(const ConvPoolParams& params, int threads, void* base);

// backward_weight for C <= 4. The batch is cut into `chunks` (a function of the batch only, so that
// sums do not depend on the number of threads), each with its own sums.
struct ConvPoolPlanarScratch {
  int64_t chunks;
  int64_t band_rows;  // rows of pooling windows handled together
  float* sums;        // [chunks][sums_stride]; the layout is the kernel's choice
  float* bias_sums;   // [chunks][K]
  float* image;       // per thread: [C][padded_h][padded_w], plus kConvPoolRowSlack
  float* patches;  // per thread: [windows of a band][patch_h][patch_pitch] of one channel, plus 32
  float* values;   // per thread: [K/16][windows of a band][16k] pooled gradients
  int32_t* lanes;  // per thread, same shape: where the winning tap is in the image or patch
  size_t sums_stride, image_stride, patches_stride, values_stride;
  int64_t patch_h, patch_pitch;
  int64_t tap_pitch;  // kernel_w rounded up to 8
  size_t bytes;
};
ConvPoolPlanarScratch conv_pool_planar_scratch(const ConvPoolParams& params, int threads,
                                               void* base);

// The strides of the packed, zero-padded copy of one image, and its floats.
ConvPoolLayout conv_pool_padded_layout(const ConvPoolParams& params);
int64_t conv_pool_padded_floats(const ConvPoolParams& params);

}  // namespace dn::cpu
