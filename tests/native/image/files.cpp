#include "files.h"

#include <array>
#include <cmath>
#include <cstring>
#include <random>

namespace {

void put(Bytes& to, uint32_t value, int count) {
  for (int i = count - 1; i >= 0; --i) to.push_back((uint8_t)(value >> (8 * i)));
}

uint32_t crc(const Bytes& bytes) {
  uint32_t value = 0xFFFFFFFF;
  for (uint8_t byte : bytes) {
    value ^= byte;
    for (int i = 0; i < 8; ++i) value = value & 1 ? 0xEDB88320 ^ value >> 1 : value >> 1;
  }
  return ~value;
}

// A zlib stream of stored blocks (RFC 1950, 1951).
Bytes stored(const Bytes& data) {
  Bytes stream{0x78, 0x01};
  size_t at = 0;
  do {
    const size_t count = std::min<size_t>(65535, data.size() - at);
    stream.push_back(at + count == data.size());
    for (int i = 0; i < 2; ++i) stream.push_back((uint8_t)(count >> (8 * i)));
    for (int i = 0; i < 2; ++i) stream.push_back((uint8_t)(~count >> (8 * i)));
    stream.insert(stream.end(), data.begin() + (int64_t)at, data.begin() + (int64_t)(at + count));
    at += count;
  } while (at < data.size());
  uint32_t a = 1, b = 0;
  for (uint8_t byte : data) a = (a + byte) % 65521, b = (b + a) % 65521;
  put(stream, b << 16 | a, 4);
  return stream;
}

Bytes png_of(const Bytes& header, const Bytes& extra, const Bytes& filtered) {
  return concat({{0x89, 'P', 'N', 'G', 0x0D, 0x0A, 0x1A, 0x0A},
                 header,
                 extra,
                 png_chunk("IDAT", stored(filtered)),
                 png_chunk("IEND", {})});
}

}  // namespace

Bytes noise(int64_t count, uint32_t seed) {
  std::mt19937 random(seed);
  Bytes bytes((size_t)count);
  for (uint8_t& byte : bytes) byte = (uint8_t)random();
  return bytes;
}

Bytes scene(int width, int height, int values) {
  Bytes pixels = noise((int64_t)width * height * values, 7);
  for (int y = 0; y < height; ++y)
    for (int x = 0; x < width; ++x)
      for (int c = 0; c < values; ++c) {
        uint8_t& pixel = pixels[(size_t)((y * width + x) * values + c)];
        pixel = (uint8_t)(100 + 60 * std::sin(x * 0.15 + c) + 50 * std::cos(y * 0.11 - 2 * c) +
                          pixel % 24);
      }
  return pixels;
}

Bytes text_bytes(const std::string& text) {
  return {text.begin(), text.end()};
}

Bytes concat(const std::vector<Bytes>& parts) {
  Bytes all;
  for (const Bytes& part : parts) all.insert(all.end(), part.begin(), part.end());
  return all;
}

Bytes png_chunk(const std::string& type, const Bytes& data) {
  const Bytes body = concat({text_bytes(type), data});
  Bytes length, check;
  put(length, (uint32_t)data.size(), 4);
  put(check, crc(body), 4);
  return concat({length, body, check});
}

Bytes png_header(uint32_t width, uint32_t height, int bits, int color, int interlace) {
  Bytes data;
  put(data, width, 4);
  put(data, height, 4);
  for (int value : {bits, color, 0, 0, interlace}) data.push_back((uint8_t)value);
  return png_chunk("IHDR", data);
}

Bytes png_file(int width, int height, int bits, int color, const Bytes& rows, const Bytes& extra) {
  const int64_t row_bytes = (int64_t)rows.size() / height;
  Bytes filtered;
  for (int y = 0; y < height; ++y) {
    filtered.push_back(0);
    filtered.insert(filtered.end(), rows.begin() + y * row_bytes,
                    rows.begin() + (y + 1) * row_bytes);
  }
  return png_of(png_header((uint32_t)width, (uint32_t)height, bits, color), extra, filtered);
}

Bytes interlaced_png_file(int width, int height, int color, int values, const Bytes& rows) {
  struct Pass {
    int x, y, step_x, step_y;
  };
  Bytes filtered;
  for (const Pass& pass : {Pass{0, 0, 8, 8}, Pass{4, 0, 8, 8}, Pass{0, 4, 4, 8}, Pass{2, 0, 4, 4},
                           Pass{0, 2, 2, 4}, Pass{1, 0, 2, 2}, Pass{0, 1, 1, 2}}) {
    if (pass.x >= width) continue;
    for (int y = pass.y; y < height; y += pass.step_y) {
      filtered.push_back(0);
      for (int x = pass.x; x < width; x += pass.step_x)
        for (int c = 0; c < values; ++c)
          filtered.push_back(rows[(size_t)((y * width + x) * values + c)]);
    }
  }
  return png_of(png_header((uint32_t)width, (uint32_t)height, 8, color, 1), {}, filtered);
}

Bytes jpeg_file(int width, int height, const Bytes& pixels, const JpegOptions& options) {
  jpeg_compress_struct jpeg{};
  jpeg_error_mgr errors{};
  jpeg.err = jpeg_std_error(&errors);
  jpeg_create_compress(&jpeg);
  unsigned char* memory = nullptr;
  unsigned long bytes = 0;
  jpeg_mem_dest(&jpeg, &memory, &bytes);
  jpeg.image_width = (JDIMENSION)width;
  jpeg.image_height = (JDIMENSION)height;
  jpeg.input_components = options.values;
  jpeg.in_color_space = options.from;
  jpeg_set_defaults(&jpeg);
  jpeg_set_colorspace(&jpeg, options.to);
  jpeg_set_quality(&jpeg, options.quality, TRUE);
  jpeg.comp_info[0].h_samp_factor = options.across;
  jpeg.comp_info[0].v_samp_factor = options.down;
  if (options.progressive) jpeg_simple_progression(&jpeg);
  if (!options.adobe) jpeg.write_Adobe_marker = FALSE;
  jpeg_start_compress(&jpeg, TRUE);
  for (int y = 0; y < height; ++y) {
    auto* row = const_cast<uint8_t*>(&pixels[(size_t)y * (size_t)(width * options.values)]);
    jpeg_write_scanlines(&jpeg, &row, 1);
  }
  jpeg_finish_compress(&jpeg);
  jpeg_destroy_compress(&jpeg);
  Bytes file(memory, memory + bytes);
  free(memory);
  return file;
}

Bytes exif_segment(int orientation) {
  Bytes segment{0xFF, 0xE1, 0, 2 + 6 + 8 + 2 + 12 + 4};
  for (char c : std::string("Exif\0\0", 6)) segment.push_back((uint8_t)c);
  const Bytes tiff{'M',  'M',  0, 42, 0, 0, 0, 8, 0, 1,
                   0x01, 0x12, 0, 3,  0, 0, 0, 1, 0, (uint8_t)orientation,
                   0,    0,    0, 0,  0, 0};
  return concat({segment, tiff});
}

Bytes insert(const Bytes& file, size_t at, const Bytes& part) {
  Bytes all = file;
  all.insert(all.begin() + (int64_t)at, part.begin(), part.end());
  return all;
}

dn_image_limits limits(int64_t max_pixels, int64_t max_bytes, int32_t max_scans) {
  return {sizeof(dn_image_limits), max_scans, max_pixels, max_bytes};
}

dn_image_request request(int channels, int width, int height) {
  dn_image_request request{};
  request.struct_size = sizeof request;
  request.channels = channels;
  request.values = DN_IMAGE_COLORS;
  request.filter = DN_IMAGE_TRIANGLE;
  request.width = width;
  request.height = height;
  return request;
}

dn_status probe(const Bytes& file, dn_image_info& info, const dn_image_limits& limits) {
  info = {};
  info.struct_size = sizeof info;
  return dn_image_probe(file.data(), (int64_t)file.size(), &limits, &info);
}

dn_status decode(const Bytes& file, const dn_image_request& request, Bytes& planes,
                 const dn_image_limits& limits) {
  dn_image_info info;
  const dn_status status = probe(file, info, limits);
  if (status != DN_OK) return status;
  const bool crop = request.crop_width > 0;
  const int64_t width = request.width ? request.width : crop ? request.crop_width : info.width;
  const int64_t height = request.height ? request.height : crop ? request.crop_height : info.height;
  planes.assign((size_t)(request.channels * width * height), 0xA5);
  return dn_image_decode(file.data(), (int64_t)file.size(), &limits, &request, planes.data(),
                         (int64_t)planes.size());
}

Bytes decoded(const Bytes& file, int channels) {
  Bytes planes;
  EXPECT_EQ(decode(file, request(channels), planes), DN_OK) << dn_last_error();
  return planes;
}

Bytes to_planes(const Bytes& pixels, int values) {
  const size_t count = pixels.size() / (size_t)values;
  Bytes planes(pixels.size());
  for (size_t i = 0; i < count; ++i)
    for (size_t c = 0; c < (size_t)values; ++c)
      planes[c * count + i] = pixels[i * (size_t)values + c];
  return planes;
}
