// Files that are not what they say, and requests that do not fit.
#include "files.h"

namespace {

dn_status decode_any(const Bytes& file, const dn_image_limits& given = limits()) {
  Bytes planes;
  return decode(file, request(3), planes, given);
}

dn_status probe_any(const Bytes& file, const dn_image_limits& given = limits()) {
  dn_image_info info;
  return probe(file, info, given);
}

Bytes small_jpeg(bool progressive = false) {
  JpegOptions options;
  options.across = options.down = 2;
  options.progressive = progressive;
  return jpeg_file(24, 20, scene(24, 20, 3), options);
}

Bytes small_png() {
  return png_file(7, 5, 8, 2, noise(3 * 7 * 5, 31));
}

// The bytes of the frame header's two sides.
Bytes with_jpeg_size(Bytes file, int width, int height) {
  for (size_t i = 2; i + 8 < file.size(); ++i)
    if (file[i] == 0xFF && (file[i + 1] == 0xC0 || file[i + 1] == 0xC2)) {
      file[i + 5] = (uint8_t)(height >> 8), file[i + 6] = (uint8_t)height;
      file[i + 7] = (uint8_t)(width >> 8), file[i + 8] = (uint8_t)width;
      return file;
    }
  ADD_FAILURE() << "no frame header";
  return file;
}

}  // namespace

TEST(BadImage, EveryTruncationIsRefusedFromTheStructure) {
  const Bytes files[] = {small_jpeg(), small_jpeg(true), small_png(),
                         text_bytes("P6 2 2 255\nabcdefghijkl"), text_bytes("P5 3 1 65535 abcdef")};
  for (const Bytes& file : files) {
    ASSERT_EQ(decode_any(file), DN_OK) << dn_last_error();
    for (size_t bytes = 0; bytes < file.size(); ++bytes)
      EXPECT_EQ(probe_any(Bytes(file.begin(), file.begin() + (int64_t)bytes)), DN_INVALID_DATA)
          << bytes << " of " << file.size();
  }
  EXPECT_REFUSED(probe_any({}), DN_INVALID_DATA, "empty");
}

TEST(BadImage, PixelsThatEndTooEarlyAreRefused) {
  // The end mark comes, but not all of the pixels.
  for (bool progressive : {false, true}) {
    Bytes file = small_jpeg(progressive);
    file.erase(file.end() - 40, file.end() - 2);
    EXPECT_REFUSED(decode_any(file), DN_INVALID_DATA, "truncated or damaged");
  }
  const Bytes rows = noise(3 * 7 * 4, 31);
  const Bytes header = png_header(7, 5, 8, 2);
  Bytes file = png_file(7, 4, 8, 2, rows);
  std::copy(header.begin(), header.end(), file.begin() + 8);
  EXPECT_EQ(decode_any(file), DN_INVALID_DATA);
}

TEST(BadImage, DamageNeverDoesMoreThanFail) {
  const Bytes files[] = {small_jpeg(), small_jpeg(true), small_png(),
                         png_file(7, 5, 8, 3, noise(35, 32), png_chunk("PLTE", noise(768, 33))),
                         text_bytes("P3 2 2 255 1 2 3 4 5 6 7 8 9 10 11 12")};
  for (const Bytes& file : files)
    for (size_t i = 0; i < file.size(); ++i)
      for (uint8_t flip : {0x01, 0x80, 0xFF}) {
        Bytes damaged = file;
        damaged[i] ^= flip;
        const dn_status status = decode_any(damaged, limits(1 << 16));
        EXPECT_TRUE(status == DN_OK || status == DN_INVALID_DATA)
            << i << " " << (int)flip << ": " << status << " " << dn_last_error();
      }
}

TEST(BadImage, DamagedPngsAreAlwaysNoticed) {
  const Bytes file = small_png();
  for (size_t i = 8; i < file.size(); ++i) {
    Bytes damaged = file;
    damaged[i] ^= 0x10;
    EXPECT_EQ(decode_any(damaged), DN_INVALID_DATA) << i;
  }
}

TEST(BadImage, HugeClaimsAreRefusedFromTheHeader) {
  EXPECT_REFUSED(probe_any(with_jpeg_size(small_jpeg(), 65500, 65500)), DN_INVALID_DATA,
                 "cannot hold the 65500 x 65500");
  EXPECT_REFUSED(probe_any(with_jpeg_size(small_jpeg(true), 65500, 65500)), DN_INVALID_DATA,
                 "cannot hold");
  EXPECT_REFUSED(probe_any(with_jpeg_size(small_jpeg(), 0, 10)), DN_INVALID_DATA, "0 x 10");
  for (auto [width, height] : {std::pair{0x7FFFFFFFu, 0x7FFFFFFFu}, {0x7FFFFFFFu, 1u}}) {
    Bytes png = small_png();
    const Bytes header = png_header(width, height, 16, 6);
    std::copy(header.begin(), header.end(), png.begin() + 8);
    EXPECT_REFUSED(probe_any(png), DN_INVALID_DATA, "cannot hold");
  }
  EXPECT_REFUSED(probe_any(text_bytes("P5 2147483647 2147483647 255 abc")), DN_INVALID_DATA,
                 "do not make");
  EXPECT_REFUSED(probe_any(text_bytes("P6 99999999999999999999 2 255 abc")), DN_INVALID_DATA,
                 "width");
  Bytes line = text_bytes("P4 1048577 1\n");
  line.resize(line.size() + 1048577 / 8 + 1);
  EXPECT_REFUSED(probe_any(line), DN_INVALID_DATA, "sides of at most 1048576");
}

TEST(BadImage, LimitsHold) {
  const Bytes png = small_png(), jpeg = small_jpeg(true);
  EXPECT_EQ(decode_any(png, limits(35)), DN_OK);
  EXPECT_REFUSED(decode_any(png, limits(34)), DN_INVALID_DATA, "7 x 5 pixels, expected at most 34");
  EXPECT_REFUSED(decode_any(jpeg, limits(479)), DN_INVALID_DATA, "24 x 20");
  EXPECT_EQ(decode_any(png, limits(0, (int64_t)png.size())), DN_OK);
  EXPECT_REFUSED(decode_any(png, limits(0, (int64_t)png.size() - 1)), DN_INVALID_DATA,
                 "bytes, expected at most");
  EXPECT_EQ(decode_any(jpeg, limits(0, 0, 10)), DN_OK) << dn_last_error();
  EXPECT_REFUSED(decode_any(jpeg, limits(0, 0, 3)), DN_INVALID_DATA, "more than 3 passes");
}

TEST(BadImage, OtherKindsAreNamed) {
  const std::pair<std::string, const char*> kinds[] = {
      {"GIF89a 1234", "a GIF"},
      {"RIFF1234WEBPVP8 ", "a WebP"},
      {"BM123456", "a BMP"},
      {std::string("II*\0abcd", 8), "a TIFF"},
      {std::string("\0\0\0 ftypheic", 12), "a HEIF"},
      {"<svg xmlns", "an SVG"},
      {"hello, world", "68 65 6c 6c"},
      {"P7\nWIDTH", "a PAM"},
      {"x", "begins with the bytes 78"}};
  for (const auto& [start, says] : kinds) {
    EXPECT_REFUSED(probe_any(text_bytes(start)), DN_INVALID_DATA, says);
    EXPECT_NE(std::string(dn_last_error()).find("expected JPEG, PNG or PNM"), std::string::npos);
  }
}

TEST(BadImage, BrokenPnmSaysWhere) {
  const std::pair<const char*, const char*> files[] = {
      {"P5 2 2 255 abc", "do not make 2 x 2"},
      {"P5 2 2 255 abcde", "do not make 2 x 2"},
      {"P5 0 2 255 ", "at least 1"},
      {"P5 1 1 0 a", "maximum"},
      {"P5 1 1 65536 a", "maximum"},
      {"P5 1 1 10 \x0b", "is 11, expected at most 10"},
      {"P5 1 1 255", "no white space"},
      {"P5 x", "no number"},
      {"P5", "no white space"},
      {"P2 2 1 255 1", "do not make 2 x 1"},
      {"P2 2 1 255 11 ", "no number"},
      {"P2 2 1 255 1 256", "more than 255"},
      {"P2 2 1 255 1 2 3", "follow the image"},
      {"P2 2 1 255 1 -2", "no number"},
      {"P1 2 1 12", "no 0 or 1"},
      {"P4 9 1\nx", "do not make 9 x 1"}};
  for (const auto& [file, says] : files)
    EXPECT_REFUSED(decode_any(text_bytes(file)), DN_INVALID_DATA, says);
}

TEST(BadImage, JpegsThatAreNotDecoded) {
  Bytes file = small_jpeg();
  for (size_t i = 2; i + 4 < file.size(); ++i)
    if (file[i] == 0xFF && file[i + 1] == 0xC0) {
      file[i + 4] = 12;
      break;
    }
  EXPECT_REFUSED(probe_any(file), DN_INVALID_DATA, "12 bits");
  EXPECT_REFUSED(probe_any(Bytes{0xFF, 0xD8, 0xFF, 0xD9}), DN_INVALID_DATA, "before it has any");
  // Bytes behind the end mark are somebody else's.
  EXPECT_EQ(decode_any(concat({small_jpeg(), noise(300, 34)})), DN_OK) << dn_last_error();
  EXPECT_EQ(decode_any(concat({small_png(), noise(300, 34)})), DN_OK) << dn_last_error();
}

TEST(BadImage, RequestsAreChecked) {
  const Bytes file = small_png();
  Bytes planes((size_t)3 * 35);
  const auto fails = [&](const std::function<void(dn_image_request&)>& change, const char* says,
                         int64_t bytes = 3 * 35) {
    dn_image_request wanted = request(3);
    change(wanted);
    const dn_image_limits given = limits();
    EXPECT_REFUSED(
        dn_image_decode(file.data(), (int64_t)file.size(), &given, &wanted, planes.data(), bytes),
        DN_INVALID_ARGUMENT, says);
  };
  fails([](auto& r) { r.channels = 2; }, "channels is 2");
  fails([](auto& r) { r.values = 3; }, "values is 3");
  fails([](auto& r) { r.filter = 0; }, "filter is 0");
  fails([](auto& r) { r.mirror = 2; }, "mirror is 2");
  fails([](auto& r) { r.width = 3; }, "3 x 0");
  fails([](auto& r) { r.width = r.height = 65536; }, "65536");
  fails([](auto& r) { r.width = r.height = -1; }, "-1 x -1");
  fails([](auto& r) { r.crop_x = 1; }, "crop");
  fails([](auto& r) { r.crop_x = -1, r.crop_width = r.crop_height = 2; }, "(-1, 0)");
  fails([](auto& r) { r.crop_x = 6, r.crop_width = 2, r.crop_height = 5; }, "leaves the picture");
  fails([](auto& r) { r.crop_x = 0x7FFFFFFF, r.crop_width = 0x7FFFFFFF, r.crop_height = 1; },
        "leaves the picture");
  fails([](auto& r) { r.values = DN_IMAGE_INDICES; }, "indices");
  fails([](auto&) {}, "plane_bytes is 104", 104);
}
