// The marker segments of a JPEG file (ITU-T T.81, annex B).
#include <algorithm>
#include <cstring>
#include <string_view>

#include "image/header.h"

namespace dn::image {

namespace {

enum Marker : uint8_t {
  kSof0 = 0xC0,
  kSof1 = 0xC1,
  kSof2 = 0xC2,
  kDht = 0xC4,
  kJpg = 0xC8,
  kDac = 0xCC,
  kSof15 = 0xCF,
  kRst0 = 0xD0,
  kRst7 = 0xD7,
  kSoi = 0xD8,
  kEoi = 0xD9,
  kSos = 0xDA,
  kApp1 = 0xE1,
  kTem = 0x01
};

constexpr std::string_view kExif("Exif\0\0", 6);

bool is_frame(uint8_t marker) {
  return marker >= kSof0 && marker <= kSof15 && marker != kDht && marker != kJpg && marker != kDac;
}

// Fewest bits of entropy-coded data: a code each for the first coefficient of a block and, unless later
// passes bring them, for the end of the others. Arithmetic coding has no such bound.
void check_claim(const Header& header, uint8_t marker, ImageBytes components, size_t bytes) {
  const int bits = marker == kSof0 || marker == kSof1 ? 2 : marker == kSof2 ? 1 : 0;
  int most_across = 1, most_down = 1;
  for (size_t i = 0; i < components.size(); i += 3) {
    most_across = std::max(most_across, components[i + 1] >> 4);
    most_down = std::max(most_down, components[i + 1] & 15);
  }
  int64_t blocks = 0;
  for (size_t i = 0; i < components.size(); i += 3) {
    const int64_t across = header.width * (components[i + 1] >> 4) / most_across / 8;
    blocks += across * (header.height * (components[i + 1] & 15) / most_down / 8);
  }
  if (blocks * bits / 8 > (int64_t)bytes)
    refuse("damaged: ", bytes, " bytes of pixels cannot hold the ", header.width, " x ",
           header.height, " that its header claims");
}

void read_frame(ImageBytes segment, Header& header) {
  if (segment.size() < 6 || segment.size() != 6 + 3 * (size_t)segment[5])
    refuse("damaged: a frame header of ", segment.size(), " bytes");
  header.bit_depth = segment[0];
  header.height = big_endian(&segment[1], 2);
  header.width = big_endian(&segment[3], 2);
  const int components = segment[5];
  if (header.width == 0 || header.height == 0)
    refuse("the header claims ", header.width, " x ", header.height, ", expected at least 1 x 1");
  if (components != 1 && components != 3 && components != 4)
    refuse(components, " components, expected 1, 3 or 4");
  if (header.bit_depth != 8) refuse(header.bit_depth, " bits a value, of a JPEG expected 8");
  header.channels = components == 1 ? 1 : 3;
}

}  // namespace

bool is_jpeg(ImageBytes file) {
  return file.size() >= 3 && file[0] == 0xFF && file[1] == kSoi && file[2] == 0xFF;
}

Header read_jpeg_header(ImageBytes file) {
  Header header;
  header.format = DN_IMAGE_JPEG;
  uint8_t frame = 0;
  ImageBytes components;
  size_t at = 2;
  while (true) {
    const auto* mark =
        at < file.size() ? (const uint8_t*)std::memchr(&file[at], 0xFF, file.size() - at) : nullptr;
    if (mark) at = (size_t)(mark - file.data());
    while (mark && at < file.size() && file[at] == 0xFF) ++at;
    if (!mark || at >= file.size()) refuse("truncated in its headers, at byte ", file.size());
    const uint8_t marker = file[at++];
    if (marker == 0 || marker == kTem || (marker >= kRst0 && marker <= kSoi)) continue;
    if (marker == kEoi) refuse("ends at byte ", at, " before it has any pixels");
    const size_t length = file.size() - at >= 2 ? big_endian(&file[at], 2) : 0;
    if (length > file.size() - at || file.size() - at < 2)
      refuse("truncated in its headers, at byte ", file.size());
    if (length < 2) refuse("damaged: a segment of ", length, " bytes at byte ", at);
    const ImageBytes segment = file.subspan(at + 2, length - 2);
    at += length;
    if (is_frame(marker)) {
      if (frame) refuse("damaged: two frame headers");
      read_frame(segment, header);
      frame = marker;
      components = segment.subspan(6);
    } else if (marker == kApp1 && segment.size() > kExif.size() &&
               std::memcmp(segment.data(), kExif.data(), kExif.size()) == 0) {
      header.orientation = exif_orientation(segment.subspan(kExif.size()));
    } else if (marker == kSos) {
      break;
    }
  }
  if (!frame) refuse("damaged: pixels without a frame header");
  // In entropy-coded data 0xFF is never followed by this byte, so the mark is the picture's own, or one of a
  // further picture behind it.
  for (size_t end = file.size(); end >= at + 2; --end) {
    if (file[end - 1] != kEoi || file[end - 2] != 0xFF) continue;
    check_claim(header, frame, components, end - 2 - at);
    return header;
  }
  refuse("truncated: no end mark in the ", file.size(), " bytes");
}

}  // namespace dn::image
