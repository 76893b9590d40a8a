// What the headers of picture files say, read without the decoders' libraries.
#pragma once

#include <cstdint>

#include "engine/error.h"
#include "engine/image.h"

namespace dn::image {

template <typename... Parts>
[[noreturn]] void refuse(const Parts&... parts) {
  fail(DN_INVALID_DATA, parts...);
}

// Sizes are those of the stored picture, before it is turned upright.
struct Header {
  dn_image_format format = DN_IMAGE_JPEG;
  int64_t width = 0;
  int64_t height = 0;
  int channels = 1;  // 1 or 3, without opacity
  int bit_depth = 8;
  int orientation = 1;  // EXIF's, 1 .. 8
  bool indexed = false;
  bool alpha = false;
  bool animated = false;
};

// Each follows the file's structure to its end, and refuses one that cannot hold what its header claims.
Header read_jpeg_header(ImageBytes file);
Header read_png_header(ImageBytes file);
Header read_pnm_header(ImageBytes file);

bool is_jpeg(ImageBytes file);
bool is_png(ImageBytes file);
bool is_pnm(ImageBytes file);

// The orientation in an EXIF block (TIFF 6.0), 1 where it says nothing that can be understood.
int exif_orientation(ImageBytes tiff);

inline uint32_t big_endian(const uint8_t* bytes, int count) {
  uint32_t value = 0;
  for (int i = 0; i < count; ++i) value = value << 8 | bytes[i];
  return value;
}

}  // namespace dn::image
