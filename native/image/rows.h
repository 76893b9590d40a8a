// Decoders that give a picture's rows from top to bottom.
#pragma once

#include <memory>

#include "image/header.h"

namespace dn::image {

// A part of the stored picture, in pixels.
struct Region {
  int64_t x = 0;
  int64_t y = 0;
  int64_t width = 0;
  int64_t height = 0;
};

enum class Pixels {
  Grey,    // a byte
  Color,   // red, green, blue and one byte more of no meaning
  Indices  // a byte, as it is stored
};

inline int pixel_bytes(Pixels pixels) {
  return pixels == Pixels::Color ? 4 : 1;
}

class Rows {
 public:
  virtual ~Rows();
  // Writes the region's next row, which stands in row_bytes() bytes from byte offset().
  virtual void next(uint8_t* row) = 0;
  int64_t row_bytes() const { return row_bytes_; }
  int64_t offset() const { return offset_; }

 protected:
  int64_t row_bytes_ = 0;
  int64_t offset_ = 0;
};

// The region is of the picture divided by `reduction` (1, 2, 4 or 8), sides rounded up.
std::unique_ptr<Rows> open_jpeg(ImageBytes file, const Header& header,
                                const dn_image_limits& limits, Pixels pixels, int reduction,
                                const Region& region);
std::unique_ptr<Rows> open_png(ImageBytes file, const Header& header, Pixels pixels,
                               const Region& region);
std::unique_ptr<Rows> open_pnm(ImageBytes file, const Header& header, Pixels pixels,
                               const Region& region);

// Returns the bytes written.
int64_t encode_png(const uint8_t* planes, int32_t channels, int32_t height, int32_t width,
                   std::span<uint8_t> png);

// 0.299 R + 0.587 G + 0.114 B (ITU-R BT.601), rounded to nearest.
inline uint8_t luminance(int red, int green, int blue) {
  return (uint8_t)((19595 * red + 38470 * green + 7471 * blue + 32768) >> 16);
}

// v * share / 255, rounded to nearest.
inline uint8_t scaled(int v, int share) {
  const int product = v * share + 128;
  return (uint8_t)((product + (product >> 8)) >> 8);
}

}  // namespace dn::image
