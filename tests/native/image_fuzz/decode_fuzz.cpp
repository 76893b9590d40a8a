// Any bytes are a picture, or refused: probed, and decoded as colours, as grey and as indices.
#include <cstdlib>
#include <vector>

#include "fuzz.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t bytes) {
  const dn::ImageBytes file(data, bytes);
  dn_image_info info{};
  if (!survives([&] { plugin().probe(file, kLimits, info); })) return 0;
  if (info.width < 1 || info.height < 1 || (int64_t)info.width * info.height > kLimits.max_pixels)
    std::abort();
  for (int kind = 0; kind < 3; ++kind) {
    dn_image_request request{};
    request.channels = kind == 0 ? 3 : 1;
    request.values = kind == 2 ? DN_IMAGE_INDICES : DN_IMAGE_COLORS;
    request.filter = kind == 2 ? DN_IMAGE_NEAREST : DN_IMAGE_TRIANGLE;
    std::vector<uint8_t> planes((size_t)(request.channels * info.width) * (size_t)info.height);
    survives([&] { plugin().decode(file, kLimits, request, planes); });
  }
  return 0;
}
