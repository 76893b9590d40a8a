// image_decode: images of bytes to normalised numbers, cropped and mirrored.
#pragma once

#include <cuda_runtime.h>
#include <deepnative.h>

#include <cstdint>

namespace dn::cuda {

struct ImageDecodeParams {
  const uint8_t* images = nullptr;  // (count, channels, height, width)
  int64_t* state = nullptr;         // {seed, offset}; the offset advances by 1. null: the middle
  void* y = nullptr;                // (count, out_height, out_width, channels)
  dn_dtype dtype = DN_DTYPE_F32;    // f32, bf16 or f16
  int64_t count = 0;
  int32_t channels = 1;  // 1 .. DN_MAX_IMAGE_CHANNELS
  int32_t height = 0, width = 0, out_height = 0, out_width = 0;
  int32_t padding = 0;
  dn_padding_mode padding_mode = DN_PADDING_ZERO;
  float flip_probability = 0;
  int32_t stream = 0;  // dn_image_decode_attributes.stream
  float mean[DN_MAX_IMAGE_CHANNELS] = {};
  float scale[DN_MAX_IMAGE_CHANNELS] = {};
};
void image_decode(cudaStream_t stream, const ImageDecodeParams& p);

}  // namespace dn::cuda
