// The chunks of a PNG file (W3C Portable Network Graphics, third edition).
#include <cstring>
#include <string>

#include "image/header.h"

namespace dn::image {

namespace {

constexpr uint8_t kSignature[8] = {0x89, 'P', 'N', 'G', 0x0D, 0x0A, 0x1A, 0x0A};
constexpr size_t kChunkFrame = 12;  // length, type and check value
constexpr uint32_t kMaxLength = 0x7FFFFFFF;
// Deflate cannot pack better than this (zlib's technical notes).
constexpr int64_t kMaxDeflateRatio = 1032;

enum ColorType { kGrey = 0, kRgb = 2, kPalette = 3, kGreyAlpha = 4, kRgbAlpha = 6 };

// A chunk's name in messages: what is no letter becomes "?".
std::string name_of(const uint8_t* type) {
  std::string name;
  for (int i = 0; i < 4; ++i)
    name += (type[i] | 32) >= 'a' && (type[i] | 32) <= 'z' ? (char)type[i] : '?';
  return name;
}

int read_start(ImageBytes data, Header& header) {
  if (data.size() != 13) refuse("damaged: IHDR of ", data.size(), " bytes, expected 13");
  const uint32_t width = big_endian(&data[0], 4), height = big_endian(&data[4], 4);
  const int bits = data[8], color = data[9];
  if (width == 0 || height == 0 || width > kMaxLength || height > kMaxLength)
    refuse("the header claims ", width, " x ", height, ", expected at least 1 x 1");
  bool fits = false;
  int values = 1;
  switch (color) {
    case kGrey:
      fits = bits == 1 || bits == 2 || bits == 4 || bits == 8 || bits == 16;
      break;
    case kPalette:
      fits = bits == 1 || bits == 2 || bits == 4 || bits == 8;
      break;
    case kRgb:
    case kGreyAlpha:
    case kRgbAlpha:
      fits = bits == 8 || bits == 16;
      values = color == kRgb ? 3 : color == kGreyAlpha ? 2 : 4;
      break;
  }
  if (!fits) refuse("damaged: colour type ", color, " with ", bits, " bits a value");
  if (data[10] != 0 || data[11] != 0 || data[12] > 1)
    refuse("damaged: unknown compression, filter or interlacing");
  header.width = width;
  header.height = height;
  header.bit_depth = bits;
  header.channels = color == kGrey || color == kGreyAlpha ? 1 : 3;
  header.indexed = color == kPalette;
  header.alpha = color == kGreyAlpha || color == kRgbAlpha;
  return bits * values;
}

}  // namespace

bool is_png(ImageBytes file) {
  return file.size() >= sizeof kSignature &&
         std::memcmp(file.data(), kSignature, sizeof kSignature) == 0;
}

Header read_png_header(ImageBytes file) {
  Header header;
  header.format = DN_IMAGE_PNG;
  int pixel_bits = 0;
  int64_t packed_bytes = 0;
  for (size_t at = sizeof kSignature;;) {
    if (file.size() - at < kChunkFrame)
      refuse("truncated at byte ", file.size(), ", before its end mark");
    const uint32_t length = big_endian(&file[at], 4);
    const uint8_t* type = &file[at + 4];
    const auto is = [&](const char* name) { return std::memcmp(type, name, 4) == 0; };
    if (length > file.size() - at - kChunkFrame)
      refuse("truncated: the chunk ", name_of(type), " at byte ", at, " claims ", length, " bytes");
    const ImageBytes data = file.subspan(at + 8, length);
    at += kChunkFrame + length;
    if ((pixel_bits == 0) != is("IHDR"))
      refuse("damaged: the chunk ", name_of(type), pixel_bits ? " once more" : " before IHDR");
    if (is("IHDR")) {
      pixel_bits = read_start(data, header);
    } else if (is("tRNS")) {
      header.alpha = true;
    } else if (is("acTL")) {
      header.animated = true;
    } else if (is("eXIf")) {
      header.orientation = exif_orientation(data);
    } else if (is("IDAT")) {
      packed_bytes += length;
    } else if (is("IEND")) {
      break;
    }
  }
  if (packed_bytes == 0) refuse("ends before it has any pixels");
  if (header.width * header.height / 8 > packed_bytes * kMaxDeflateRatio / pixel_bits)
    refuse("damaged: ", packed_bytes, " bytes of pixels cannot hold the ", header.width, " x ",
           header.height, " that its header claims");
  return header;
}

}  // namespace dn::image
