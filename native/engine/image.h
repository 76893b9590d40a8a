// The library of the picture decoders, and what it gives the engine.
#pragma once

#include <deepnative.h>

#include <cstdint>
#include <span>

namespace dn {

using ImageBytes = std::span<const uint8_t>;

// Arguments have been checked, but for what only the picture's header tells; limits have their defaults.
// Failures are dn::Error.
struct ImagePlugin {
  int32_t abi_version;
  void (*probe)(ImageBytes file, const dn_image_limits& limits, dn_image_info& info);
  void (*decode)(ImageBytes file, const dn_image_limits& limits, const dn_image_request& request,
                 std::span<uint8_t> planes);
  // Returns the bytes written.
  int64_t (*encode_png)(const uint8_t* planes, int32_t channels, int32_t height, int32_t width,
                        std::span<uint8_t> png);
};

using ImagePluginFunction = const ImagePlugin* (*)();
constexpr const char* kImagePluginSymbol = "dn_image_plugin";
// Without "lib" and suffix: beside the devices' libraries, and not one of them.
constexpr const char* kImageLibrary = "deepnative_image";

}  // namespace dn
