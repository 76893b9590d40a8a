// Any part of any picture at any size. The file's last bytes, which no format looks at, say which.
#include <algorithm>
#include <vector>

#include "fuzz.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t bytes) {
  constexpr size_t kChoices = 8;
  if (bytes < kChoices) return 0;
  const uint8_t* choice = data + bytes - kChoices;
  const dn::ImageBytes file(data, bytes);
  dn_image_info info{};
  if (!survives([&] { plugin().probe(file, kLimits, info); })) return 0;
  dn_image_request request{};
  request.channels = choice[0] & 1 ? 3 : 1;
  request.mirror = choice[0] >> 1 & 1;
  request.values = DN_IMAGE_COLORS;
  request.filter = choice[0] & 4 ? DN_IMAGE_NEAREST : DN_IMAGE_TRIANGLE;
  request.crop_x = choice[1] * info.width / 256;
  request.crop_y = choice[2] * info.height / 256;
  request.crop_width = std::max(1, choice[3] * (info.width - request.crop_x) / 255);
  request.crop_height = std::max(1, choice[4] * (info.height - request.crop_y) / 255);
  request.width = 1 + choice[5];
  request.height = 1 + choice[6];
  std::vector<uint8_t> planes((size_t)(request.channels * request.width * request.height));
  survives([&] { plugin().decode(file, kLimits, request, planes); });
  return 0;
}
