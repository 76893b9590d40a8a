// Picture files made by the tests: PNG with nothing but the standard, JPEG by libjpeg's compressor.
#pragma once

#include <deepnative.h>
#include <gtest/gtest.h>

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "image/libjpeg.h"

using Bytes = std::vector<uint8_t>;

#define EXPECT_REFUSED(call, status, part)                                                    \
  do {                                                                                        \
    EXPECT_EQ(call, status) << dn_last_error();                                               \
    EXPECT_NE(std::string(dn_last_error()).find(part), std::string::npos) << dn_last_error(); \
  } while (0)

// (height, width, values) bytes, the same for the same seed.
Bytes noise(int64_t count, uint32_t seed);

// Gradients with some noise, as a photograph is, for JPEG: (height, width, values).
Bytes scene(int width, int height, int values);

Bytes text_bytes(const std::string& text);
Bytes concat(const std::vector<Bytes>& parts);

Bytes png_chunk(const std::string& type, const Bytes& data);
Bytes png_header(uint32_t width, uint32_t height, int bits, int color, int interlace = 0);
// Rows as they are stored, without filter bytes; `extra` goes before the pixels.
Bytes png_file(int width, int height, int bits, int color, const Bytes& rows,
               const Bytes& extra = {});
// The same by Adam7; 8 bits a value.
Bytes interlaced_png_file(int width, int height, int color, int values, const Bytes& rows);

struct JpegOptions {
  int values = 3;  // of a pixel
  J_COLOR_SPACE from = JCS_RGB;
  J_COLOR_SPACE to = JCS_YCbCr;
  int across = 1;  // sampling of the first component, the others' being 1
  int down = 1;
  int quality = 90;
  bool progressive = false;
  bool adobe = true;  // the marker, where libjpeg would write it
};
Bytes jpeg_file(int width, int height, const Bytes& pixels, const JpegOptions& options = {});

// EXIF with an orientation, as an APP1 segment to put behind the first two bytes of a JPEG.
Bytes exif_segment(int orientation);
Bytes insert(const Bytes& file, size_t at, const Bytes& part);

dn_image_limits limits(int64_t max_pixels = 0, int64_t max_bytes = 0, int32_t max_scans = 0);
dn_image_request request(int channels, int width = 0, int height = 0);
dn_status probe(const Bytes& file, dn_image_info& info, const dn_image_limits& limits = ::limits());
dn_status decode(const Bytes& file, const dn_image_request& request, Bytes& planes,
                 const dn_image_limits& limits = ::limits());

// The whole picture as planes; fails the test where it is refused.
Bytes decoded(const Bytes& file, int channels);
// (height, width, values) as (values, height, width).
Bytes to_planes(const Bytes& pixels, int values);
