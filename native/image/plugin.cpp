// The functions that libdeepnative calls.
#include <cstring>
#include <string>
#include <string_view>

#include "image/resample.h"

namespace dn::image {

Rows::~Rows() = default;

namespace {

// Kinds that people try; the bytes "?" stand for any.
struct Other {
  std::string_view start;
  const char* name;
};
using namespace std::string_view_literals;
constexpr Other kOthers[] = {
    {"GIF8"sv, "a GIF"},       {"BM"sv, "a BMP"},           {"RIFF????WEBP"sv, "a WebP"},
    {"II*\0"sv, "a TIFF"},     {"MM\0*"sv, "a TIFF"},       {"????ftyp"sv, "a HEIF, AVIF or film"},
    {"\0\0\1\0"sv, "an icon"}, {"\xFF\x0A"sv, "a JPEG XL"}, {"\0\0\0\x0CjP"sv, "a JPEG 2000"},
    {"%PDF"sv, "a PDF"},       {"<svg"sv, "an SVG"},        {"<?xml"sv, "XML"},
    {"P7\n"sv, "a PAM"}};

bool begins(ImageBytes file, std::string_view start) {
  if (file.size() < start.size()) return false;
  for (size_t i = 0; i < start.size(); ++i)
    if (start[i] != '?' && (uint8_t)start[i] != file[i]) return false;
  return true;
}

[[noreturn]] void refuse_kind(ImageBytes file) {
  for (const Other& other : kOthers)
    if (begins(file, other.start))
      refuse(other.name, ", which is not read: expected JPEG, PNG or PNM");
  std::string start;
  for (size_t i = 0; i < file.size() && i < 4; ++i) {
    constexpr char digits[] = "0123456789abcdef";
    if (i > 0) start += ' ';
    start += {digits[file[i] >> 4], digits[file[i] & 15]};
  }
  refuse("begins with the bytes ", start, ": expected JPEG, PNG or PNM");
}

Header read_header(ImageBytes file, const dn_image_limits& limits) {
  Header header = is_jpeg(file)  ? read_jpeg_header(file)
                  : is_png(file) ? read_png_header(file)
                  : is_pnm(file) ? read_pnm_header(file)
                                 : (refuse_kind(file), Header{});
  // Resampling keeps some numbers for every column and row.
  constexpr int64_t kMaxSide = 1 << 20;
  if (header.width > kMaxSide || header.height > kMaxSide)
    refuse(header.width, " x ", header.height, " pixels, expected sides of at most ", kMaxSide);
  if (header.width > limits.max_pixels / header.height)
    refuse(header.width, " x ", header.height, " pixels, expected at most ", limits.max_pixels);
  return header;
}

bool turned(const Header& header) {
  return header.orientation >= 5;
}

void probe(ImageBytes file, const dn_image_limits& limits, dn_image_info& info) {
  const Header header = read_header(file, limits);
  info.format = header.format;
  info.width = (int32_t)(turned(header) ? header.height : header.width);
  info.height = (int32_t)(turned(header) ? header.width : header.height);
  info.channels = header.channels;
  info.bit_depth = header.bit_depth;
  info.indexed = header.indexed;
  info.alpha = header.alpha;
  info.animated = header.animated;
  info.orientation = header.orientation;
}

// The crop as the picture is stored, and where the result's pixels go. EXIF 2.32, tag 0x0112: along which
// side of the upright picture the stored rows and columns begin.
struct Geometry {
  Region region;      // stored
  int64_t width = 0;  // of the result, in the stored picture's axes
  int64_t height = 0;
  Placement placement;

  Geometry(const Header& header, const dn_image_request& request) {
    const int turn = header.orientation;
    const bool swapped = turned(header);
    const bool from_right = turn == 2 || turn == 3 || turn == 7 || turn == 8;
    const bool from_below = turn == 3 || turn == 4 || turn == 6 || turn == 7;
    const int64_t whole_width = swapped ? header.height : header.width;
    const int64_t whole_height = swapped ? header.width : header.height;
    const Region all{0, 0, whole_width, whole_height};
    const Region crop = request.crop_width == 0 ? all
                                                : Region{request.crop_x, request.crop_y,
                                                         request.crop_width, request.crop_height};
    require(crop.x + crop.width <= whole_width && crop.y + crop.height <= whole_height,
            "the crop of ", crop.width, " x ", crop.height, " at (", crop.x, ", ", crop.y,
            ") leaves the picture of ", whole_width, " x ", whole_height);
    const int64_t upright_width = request.width ? request.width : crop.width;
    const int64_t upright_height = request.width ? request.height : crop.height;

    region = swapped ? Region{crop.y, crop.x, crop.height, crop.width} : crop;
    if (from_right) region.x = header.width - region.x - region.width;
    if (from_below) region.y = header.height - region.y - region.height;
    width = swapped ? upright_height : upright_width;
    height = swapped ? upright_width : upright_height;

    // Steps in the upright result for one stored column and one stored row.
    const int64_t right = request.mirror ? -1 : 1;
    const int64_t down = upright_width;
    placement.column_step = (swapped ? down : right) * (from_right ? -1 : 1);
    placement.row_step = (swapped ? right : down) * (from_below ? -1 : 1);
    if (placement.column_step < 0) placement.base -= (width - 1) * placement.column_step;
    if (placement.row_step < 0) placement.base -= (height - 1) * placement.row_step;
  }
};

// How far libjpeg may shrink the picture itself: what is left to the filter is a factor of 2 or more, so that
// the difference is not seen.
int reduction_of(const Geometry& geometry) {
  for (int reduction = 8; reduction > 1; reduction /= 2)
    if (geometry.region.width >= 2 * reduction * geometry.width &&
        geometry.region.height >= 2 * reduction * geometry.height)
      return reduction;
  return 1;
}

// The positions of a reduced axis that cover the crop, and how the result lies in them.
Taps reduced_taps(int64_t begin, int64_t extent, int64_t whole, int reduction, int64_t count,
                  int64_t& region_begin, int64_t& region_extent) {
  region_begin = begin / reduction;
  const int64_t end =
      std::min((begin + extent + reduction - 1) / reduction, (whole + reduction - 1) / reduction);
  region_extent = end - region_begin;
  return Taps::triangle(region_extent, (double)begin / reduction - (double)region_begin,
                        (double)extent / reduction, count);
}

void decode(ImageBytes file, const dn_image_limits& limits, const dn_image_request& request,
            std::span<uint8_t> planes) {
  const Header header = read_header(file, limits);
  const Geometry geometry(header, request);
  const int64_t plane = geometry.width * geometry.height;
  require((int64_t)planes.size() == plane * request.channels, "plane_bytes is ", planes.size(),
          ", expected ", plane * request.channels);
  // Grey pictures are resampled once, whatever is asked for.
  const Pixels pixels = request.values == DN_IMAGE_INDICES              ? Pixels::Indices
                        : request.channels == 3 && header.channels == 3 ? Pixels::Color
                                                                        : Pixels::Grey;
  Region region = geometry.region;
  const bool smooth = request.filter == DN_IMAGE_TRIANGLE;
  const int reduction = smooth && header.format == DN_IMAGE_JPEG ? reduction_of(geometry) : 1;
  Region reduced = region;
  const Taps columns = smooth ? reduced_taps(region.x, region.width, header.width, reduction,
                                             geometry.width, reduced.x, reduced.width)
                              : Taps::nearest(region.width, geometry.width);
  const Taps lines = smooth ? reduced_taps(region.y, region.height, header.height, reduction,
                                           geometry.height, reduced.y, reduced.height)
                            : Taps::nearest(region.height, geometry.height);
  const std::unique_ptr<Rows> rows =
      header.format == DN_IMAGE_JPEG  ? open_jpeg(file, header, limits, pixels, reduction, reduced)
      : header.format == DN_IMAGE_PNG ? open_png(file, header, pixels, reduced)
                                      : open_pnm(file, header, pixels, reduced);
  resample(*rows, pixels, columns, lines, geometry.placement, planes.data(), plane);
  if (pixels == Pixels::Grey && request.channels == 3) {
    std::memcpy(planes.data() + plane, planes.data(), (size_t)plane);
    std::memcpy(planes.data() + 2 * plane, planes.data(), (size_t)plane);
  }
}

constexpr ImagePlugin kPlugin{DN_ABI_VERSION, probe, decode, encode_png};

}  // namespace

}  // namespace dn::image

extern "C" DN_API const dn::ImagePlugin* dn_image_plugin() {
  return &dn::image::kPlugin;
}
