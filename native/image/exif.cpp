#include "image/header.h"

namespace dn::image {

namespace {

constexpr uint32_t kOrientationTag = 0x0112;
constexpr uint32_t kShortType = 3;
constexpr size_t kHeaderBytes = 8;
constexpr size_t kEntryBytes = 12;

}  // namespace

int exif_orientation(ImageBytes tiff) {
  if (tiff.size() < kHeaderBytes) return 1;
  const bool little = tiff[0] == 'I' && tiff[1] == 'I';
  if (!little && !(tiff[0] == 'M' && tiff[1] == 'M')) return 1;
  const auto number = [&](size_t at, int count) {
    uint32_t value = 0;
    for (int i = 0; i < count; ++i)
      value = value << 8 | tiff[at + (size_t)(little ? count - 1 - i : i)];
    return value;
  };
  if (number(2, 2) != 42) return 1;
  const size_t directory = number(4, 4);
  if (directory < kHeaderBytes || directory > tiff.size() - 2) return 1;
  const size_t entries = number(directory, 2);
  for (size_t i = 0; i < entries; ++i) {
    const size_t at = directory + 2 + i * kEntryBytes;
    if (at + kEntryBytes > tiff.size()) return 1;
    if (number(at, 2) != kOrientationTag) continue;
    const uint32_t value = number(at + 8, 2);
    return number(at + 2, 2) == kShortType && value >= 1 && value <= 8 ? (int)value : 1;
  }
  return 1;
}

}  // namespace dn::image
