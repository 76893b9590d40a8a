// image_augment: one sample of image_decode; definition: dn_image_decode_attributes.
#pragma once

#include <cstdint>

#include "engine/image_augment.h"
#include "isa.h"

namespace dn::cpu {

struct AugmentJob {
  const augment::Settings* settings;
  const uint32_t* words;  // of the sample: augment_blocks() Philox blocks of four
  const uint8_t* image;   // (C, H, W)
  float* y;               // (C, H', W')
  const void* mask;       // (H, W), u8 or i32; null: none
  bool wide_mask;         // i32
  int32_t* mask_y;        // (H', W')
  void* scratch;          // augment_scratch_bytes(), 64-byte aligned
};

struct AugmentTable {
  // A sample whose settings have `samples` or `colors`.
  void (*sample)(const AugmentJob&);
  // y = (byte - mean) * scale of a row, or of it from the right.
  void (*normalize)(const uint8_t* x, int64_t n, bool backwards, float mean, float scale, float* y);
};

static inline int64_t augment_nodes(const augment::Settings& s) {
  return (int64_t)s.node_rows * s.node_columns;
}
static inline int64_t augment_blocks(const augment::Settings& s) {
  return augment::kBlocks + (augment_nodes(s) + 1) / 2;
}
int64_t augment_scratch_bytes(const augment::Settings& s);

}  // namespace dn::cpu

DN_DECLARE_ISA_TABLES(AugmentTable, augment_table)
