// PNG by libpng.
#include <png.h>

#include <csetjmp>
#include <cstdio>
#include <cstring>
#include <vector>

#include "image/rows.h"

namespace dn::image {

namespace {

// Chunks of no use here: skipped without being unpacked. Five bytes a name.
constexpr png_byte kIgnored[] =
    "acTL\0bKGD\0cHRM\0eXIf\0fcTL\0fdAT\0gAMA\0hIST\0iCCP\0iTXt\0oFFs\0pCAL\0pHYs\0sBIT\0sCAL\0"
    "sPLT\0sRGB\0sTER\0tEXt\0tIME\0zTXt";
constexpr int kIgnoredCount = sizeof kIgnored / 5;

// What reading and writing share: libpng's errors come back by longjmp.
class Session {
 public:
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;

 protected:
  Session() = default;

  // `body` must own nothing.
  template <typename Body>
  void protect(Body&& body) {
    if (setjmp(back_)) no_memory_ ? throw std::bad_alloc() : refuse(text_);
    body();
  }

  [[noreturn]] static void leave(png_structp png, png_const_charp found) {
    auto& session = *static_cast<Session*>(png_get_error_ptr(png));
    // It has no codes: "Out of memory", "Insufficient memory ...".
    session.no_memory_ = std::strstr(found, "memory") != nullptr;
    std::snprintf(session.text_, sizeof session.text_, "damaged: %s", found);
    std::longjmp(session.back_, 1);
  }

  // Of chunks that are passed over, and of data behind the picture.
  static void ignore(png_structp, png_const_charp) {}

 private:
  std::jmp_buf back_;
  char text_[256] = "";
  bool no_memory_ = false;
};

class PngRows final : public Rows, Session {
 public:
  PngRows(ImageBytes file, const Header& header, Pixels pixels, const Region& region)
      : file_(file), header_(header), pixels_(pixels), region_(region) {
    row_bytes_ = region.width * pixel_bytes(pixels);
    try {
      start();
    } catch (...) {
      png_destroy_read_struct(&png_, &info_, nullptr);
      throw;
    }
  }

  ~PngRows() override { png_destroy_read_struct(&png_, &info_, nullptr); }

  void next(uint8_t* row) override {
    const uint8_t* stored = stored_.data();
    if (interlaced_) {
      stored += (size_t)(at_ * stored_bytes_);
    } else {
      protect([&] { png_read_row(png_, stored_.data(), nullptr); });
    }
    ++at_;
    if (at_ == header_.height) protect([&] { png_read_end(png_, nullptr); });
    convert(stored + region_.x * values_, row);
  }

 private:
  static void read(png_structp png, png_bytep to, size_t bytes) {
    auto& rows = *static_cast<PngRows*>(png_get_io_ptr(png));
    if (bytes > rows.file_.size() - rows.read_) png_error(png, "the file ends too early");
    std::memcpy(to, rows.file_.data() + rows.read_, bytes);
    rows.read_ += bytes;
  }

  void start() {
    Session* session = this;
    png_ = png_create_read_struct(PNG_LIBPNG_VER_STRING, session, leave, ignore);
    info_ = png_ ? png_create_info_struct(png_) : nullptr;
    if (!info_) throw std::bad_alloc();
    protect([&] {
      png_set_read_fn(png_, this, read);
      png_set_user_limits(png_, (png_uint_32)header_.width, (png_uint_32)header_.height);
      // No limit: it would also count for the chunks that are skipped; the others are small by their kind.
      png_set_chunk_malloc_max(png_, 0);
      png_set_keep_unknown_chunks(png_, PNG_HANDLE_CHUNK_NEVER, kIgnored, kIgnoredCount);
      png_read_info(png_, info_);
      interlaced_ = png_get_interlace_type(png_, info_) != PNG_INTERLACE_NONE;
      if (pixels_ == Pixels::Indices)
        png_set_packing(png_);
      else
        png_set_expand(png_);
      png_set_scale_16(png_);
      if (png_get_color_type(png_, info_) & PNG_COLOR_MASK_COLOR && pixels_ != Pixels::Indices)
        png_set_filler(png_, 255, PNG_FILLER_AFTER);
      if (interlaced_) png_set_interlace_handling(png_);
      png_read_update_info(png_, info_);
    });
    if (png_get_image_width(png_, info_) != header_.width ||
        png_get_image_height(png_, info_) != header_.height)
      refuse("damaged: two sizes in its headers");
    values_ = png_get_channels(png_, info_);
    has_alpha_ = header_.alpha && (values_ == 2 || values_ == 4);
    stored_bytes_ = (int64_t)png_get_rowbytes(png_, info_);
    if (stored_bytes_ != header_.width * values_)
      fail(DN_INTERNAL, "libpng gives rows of ", stored_bytes_, " bytes, expected ",
           header_.width * values_);
    read_first_rows();
  }

  // All of an interlaced picture; else what is above the region.
  void read_first_rows() {
    stored_.resize((size_t)(stored_bytes_ * (interlaced_ ? header_.height : 1)));
    if (interlaced_) {
      std::vector<png_bytep> rows((size_t)header_.height);
      for (size_t y = 0; y < rows.size(); ++y) rows[y] = &stored_[y * (size_t)stored_bytes_];
      png_bytepp all = rows.data();
      protect([&] { png_read_image(png_, all); });
      at_ = region_.y;
    } else {
      protect([&] {
        for (; at_ < region_.y; ++at_) png_read_row(png_, stored_.data(), nullptr);
      });
    }
  }

  void convert(const uint8_t* from, uint8_t* to) const {
    if (values_ == pixel_bytes(pixels_) && !has_alpha_) {
      std::memcpy(to, from, (size_t)row_bytes_);
      return;
    }
    for (int64_t x = 0; x < region_.width; ++x, from += values_) {
      const int alpha = has_alpha_ ? from[values_ - 1] : 255;
      const auto on_white = [&](int value) { return (int)scaled(value, alpha) + 255 - alpha; };
      const int red = on_white(from[0]);
      const int green = values_ == 4 ? on_white(from[1]) : red;
      const int blue = values_ == 4 ? on_white(from[2]) : red;
      if (pixels_ == Pixels::Color) {
        to[4 * x] = (uint8_t)red, to[4 * x + 1] = (uint8_t)green, to[4 * x + 2] = (uint8_t)blue;
        to[4 * x + 3] = 255;
      } else {
        to[x] = values_ == 4 ? luminance(red, green, blue) : (uint8_t)red;
      }
    }
  }

  ImageBytes file_;
  size_t read_ = 0;
  const Header header_;
  Pixels pixels_;
  Region region_;
  png_structp png_ = nullptr;
  png_infop info_ = nullptr;
  int64_t values_ = 1;  // bytes of a pixel as libpng gives it: grey, grey and opacity, or four
  bool has_alpha_ = false;
  bool interlaced_ = false;
  int64_t stored_bytes_ = 0;
  std::vector<uint8_t> stored_;
  int64_t at_ = 0;  // the next row
};

class PngWriter : Session {
 public:
  PngWriter(const uint8_t* planes, int32_t channels, int32_t height, int32_t width,
            std::span<uint8_t> to)
      : to_(to) {
    const int64_t plane = (int64_t)height * width;
    std::vector<uint8_t> row((size_t)(width * (int64_t)channels));
    uint8_t* pixels = row.data();
    Session* session = this;
    png_ = png_create_write_struct(PNG_LIBPNG_VER_STRING, session, leave, ignore);
    info_ = png_ ? png_create_info_struct(png_) : nullptr;
    if (!info_) {
      png_destroy_write_struct(&png_, &info_);
      throw std::bad_alloc();
    }
    try {
      protect([&] {
        png_set_write_fn(png_, this, write, [](png_structp) {});
        png_set_IHDR(png_, info_, (png_uint_32)width, (png_uint_32)height, 8,
                     channels == 1 ? PNG_COLOR_TYPE_GRAY : PNG_COLOR_TYPE_RGB, PNG_INTERLACE_NONE,
                     PNG_COMPRESSION_TYPE_DEFAULT, PNG_FILTER_TYPE_DEFAULT);
        png_write_info(png_, info_);
        for (int64_t y = 0; y < height; ++y) {
          for (int64_t x = 0; x < width; ++x)
            for (int c = 0; c < channels; ++c)
              pixels[x * channels + c] = planes[c * plane + y * width + x];
          png_write_row(png_, pixels);
        }
        png_write_end(png_, nullptr);
      });
    } catch (...) {
      png_destroy_write_struct(&png_, &info_);
      if (full_) fail(DN_INVALID_ARGUMENT, "png_bytes is ", to.size(), ", which is too little");
      throw;
    }
  }

  ~PngWriter() { png_destroy_write_struct(&png_, &info_); }
  int64_t written() const { return (int64_t)written_; }

 private:
  static void write(png_structp png, png_bytep from, size_t bytes) {
    auto& writer = *static_cast<PngWriter*>(png_get_io_ptr(png));
    writer.full_ = bytes > writer.to_.size() - writer.written_;
    if (writer.full_) png_error(png, "no room");
    std::memcpy(writer.to_.data() + writer.written_, from, bytes);
    writer.written_ += bytes;
  }

  std::span<uint8_t> to_;
  size_t written_ = 0;
  bool full_ = false;
  png_structp png_ = nullptr;
  png_infop info_ = nullptr;
};

}  // namespace

std::unique_ptr<Rows> open_png(ImageBytes file, const Header& header, Pixels pixels,
                               const Region& region) {
  if (pixels == Pixels::Indices &&
      (header.bit_depth > 8 || (!header.indexed && (header.channels != 1 || header.alpha))))
    refuse("colours, opacity or 16 bits a value, for indices expected a palette or grey");
  return std::make_unique<PngRows>(file, header, pixels, region);
}

int64_t encode_png(const uint8_t* planes, int32_t channels, int32_t height, int32_t width,
                   std::span<uint8_t> png) {
  return PngWriter(planes, channels, height, width, png).written();
}

}  // namespace dn::image
