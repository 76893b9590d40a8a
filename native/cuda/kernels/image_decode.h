// image_decode: images of bytes to normalised numbers, placed, bent and recoloured at random.
#pragma once

#include <cuda_runtime.h>
#include <deepnative.h>

#include <cstdint>

namespace dn::cuda {

struct ImageDecodeParams {
  const uint8_t* images = nullptr;    // (count, channels, height, width)
  int64_t* state = nullptr;           // {seed, offset}; the offset advances by 1. null: the middle
  void* y = nullptr;                  // (count, out_height, out_width, channels)
  dn_dtype dtype = DN_DTYPE_F32;      // f32, bf16 or f16
  const void* masks = nullptr;        // (count, height, width); null: none
  int32_t* mask_y = nullptr;          // (count, out_height, out_width)
  dn_dtype mask_dtype = DN_DTYPE_U8;  // u8 or i32
  int64_t count = 0;
  int32_t channels = 1;  // 1 .. DN_MAX_IMAGE_CHANNELS
  int32_t height = 0, width = 0, out_height = 0, out_width = 0;
  dn_image_decode_attributes attributes = {};
};
void image_decode(cudaStream_t stream, const ImageDecodeParams& p);

}  // namespace dn::cuda
