#include "engine/image.h"

#include <dlfcn.h>

#include <string>

#include "engine/checked.h"
#include "engine/library_folder.h"

namespace dn {

namespace {

constexpr int32_t kDefaultScans = 100;
constexpr int64_t kDefaultPixels = int64_t{1} << 27;
constexpr int64_t kDefaultBytes = int64_t{1} << 28;
constexpr int32_t kMaxSide = 65535;

struct Loaded {
  const ImagePlugin* plugin = nullptr;
  std::string reason;  // why there is none
};

Loaded load() {
  const std::string path = (library_folder() / ("lib" + std::string(kImageLibrary) + ".so"));
  void* library = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (!library)
    return {nullptr, text(dlerror(),
                          "; it is built where libjpeg-turbo and libpng are found "
                          "(Debian: libjpeg-dev, libpng-dev)")};
  const auto function = reinterpret_cast<ImagePluginFunction>(dlsym(library, kImagePluginSymbol));
  if (!function) return {nullptr, text(path, " exports no ", kImagePluginSymbol)};
  const ImagePlugin* plugin = function();
  if (plugin->abi_version != DN_ABI_VERSION)
    return {nullptr, text(path, " has interface version ", plugin->abi_version, ", expected ",
                          DN_ABI_VERSION)};
  return {plugin, {}};
}

// Loaded once, by the first picture.
const ImagePlugin& plugin() {
  static const Loaded loaded = load();
  if (!loaded.plugin) fail(DN_UNSUPPORTED, "pictures cannot be read: ", loaded.reason);
  return *loaded.plugin;
}

// With the defaults in the place of zeros.
dn_image_limits checked_limits(const dn_image_limits* given) {
  dn_image_limits limits = checked_struct(given, "limits");
  require(limits.max_scans >= 0 && limits.max_pixels >= 0 && limits.max_bytes >= 0,
          "a limit is below 0");
  if (limits.max_scans == 0) limits.max_scans = kDefaultScans;
  if (limits.max_pixels == 0) limits.max_pixels = kDefaultPixels;
  if (limits.max_bytes == 0) limits.max_bytes = kDefaultBytes;
  return limits;
}

ImageBytes checked_file(const void* data, int64_t bytes, const dn_image_limits& limits) {
  require(bytes >= 0, "bytes is ", bytes, ", expected 0 or more");
  if (bytes == 0) fail(DN_INVALID_DATA, "the file is empty");
  require(data != nullptr, "data is null");
  if (bytes > limits.max_bytes)
    fail(DN_INVALID_DATA, bytes, " bytes, expected at most ", limits.max_bytes);
  return {static_cast<const uint8_t*>(data), (size_t)bytes};
}

const dn_image_request& checked_request(const dn_image_request* given) {
  const dn_image_request& request = checked_struct(given, "request");
  require(request.channels == 1 || request.channels == 3, "channels is ", request.channels,
          ", expected 1 or 3");
  require(request.values == DN_IMAGE_COLORS || request.values == DN_IMAGE_INDICES, "values is ",
          request.values, ", expected a dn_image_values");
  require(request.filter == DN_IMAGE_TRIANGLE || request.filter == DN_IMAGE_NEAREST, "filter is ",
          request.filter, ", expected a dn_image_filter");
  require(request.mirror == 0 || request.mirror == 1, "mirror is ", request.mirror,
          ", expected 0 or 1");
  require((request.width > 0 && request.height > 0) || (request.width == 0 && request.height == 0),
          "the result's size is ", request.width, " x ", request.height,
          ", expected both above 0, or both 0");
  require(request.width <= kMaxSide && request.height <= kMaxSide, "the result's size is ",
          request.width, " x ", request.height, ", expected at most ", kMaxSide, " a side");
  require((request.crop_width > 0 && request.crop_height > 0) ||
              (request.crop_width == 0 && request.crop_height == 0 && request.crop_x == 0 &&
               request.crop_y == 0),
          "the crop's size is ", request.crop_width, " x ", request.crop_height,
          ", expected both above 0, or all of the crop 0");
  require(request.crop_x >= 0 && request.crop_y >= 0, "the crop begins at (", request.crop_x, ", ",
          request.crop_y, "), expected 0 or more");
  require(request.values == DN_IMAGE_COLORS ||
              (request.channels == 1 && request.filter == DN_IMAGE_NEAREST),
          "indices need one channel and DN_IMAGE_NEAREST");
  return request;
}

}  // namespace

}  // namespace dn

extern "C" {

dn_status dn_image_probe(const void* data, int64_t bytes, const dn_image_limits* limits,
                         dn_image_info* info) {
  return dn::guard([&] {
    dn::checked_struct(info, "info");
    const dn_image_limits all = dn::checked_limits(limits);
    const dn::ImageBytes file = dn::checked_file(data, bytes, all);
    dn_image_info result{};
    result.struct_size = sizeof result;
    dn::plugin().probe(file, all, result);
    *info = result;
  });
}

dn_status dn_image_decode(const void* data, int64_t bytes, const dn_image_limits* limits,
                          const dn_image_request* request, void* planes, int64_t plane_bytes) {
  return dn::guard([&] {
    const dn_image_request& wanted = dn::checked_request(request);
    const dn_image_limits all = dn::checked_limits(limits);
    const dn::ImageBytes file = dn::checked_file(data, bytes, all);
    dn::require(planes != nullptr, "planes is null");
    dn::require(plane_bytes >= 0, "plane_bytes is ", plane_bytes, ", expected 0 or more");
    dn::plugin().decode(file, all, wanted, {static_cast<uint8_t*>(planes), (size_t)plane_bytes});
  });
}

dn_status dn_image_encode_png(const void* planes, int64_t plane_bytes, int32_t channels,
                              int32_t height, int32_t width, void* png, int64_t png_bytes,
                              int64_t* written) {
  return dn::guard([&] {
    dn::require(planes != nullptr, "planes is null");
    dn::require(png != nullptr, "png is null");
    dn::checked(written, "written");
    dn::require(channels == 1 || channels == 3, "channels is ", channels, ", expected 1 or 3");
    dn::require(height > 0 && width > 0 && height <= dn::kMaxSide && width <= dn::kMaxSide,
                "the size is ", width, " x ", height, ", expected 1 to ", dn::kMaxSide, " a side");
    const int64_t expected = (int64_t)channels * height * width;
    dn::require(plane_bytes == expected, "plane_bytes is ", plane_bytes, ", expected ", expected);
    dn::require(png_bytes >= 0, "png_bytes is ", png_bytes, ", expected 0 or more");
    *written = dn::plugin().encode_png(static_cast<const uint8_t*>(planes), channels, height, width,
                                       {static_cast<uint8_t*>(png), (size_t)png_bytes});
  });
}

}  // extern "C"
