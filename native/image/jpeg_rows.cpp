// JPEG by libjpeg-turbo.

#include <csetjmp>
#include <vector>

#include "image/libjpeg.h"
#include "image/rows.h"

namespace dn::image {

namespace {

// Columns that upsampling of chroma looks at beside a pixel, with room to spare.
constexpr int64_t kMargin = 8;
// What some encoders leave between the pixels and the end mark; after damage much more is left over.
constexpr int kPaddingBytes = 16;
// Row buffers and tables, beside the coefficients of a progressive picture.
constexpr int64_t kOwnMemory = int64_t{64} << 20;

class JpegRows final : public Rows {
 public:
  JpegRows(ImageBytes file, const Header& header, const dn_image_limits& limits, Pixels pixels,
           int reduction, const Region& region)
      : pixels_(pixels), limits_(limits) {
    jpeg_.err = jpeg_std_error(&errors_);
    jpeg_.client_data = this;
    errors_.error_exit = [](j_common_ptr jpeg) { self(jpeg).leave(jpeg); };
    errors_.emit_message = [](j_common_ptr jpeg, int level) { self(jpeg).message(jpeg, level); };
    progress_.progress_monitor = [](j_common_ptr jpeg) { self(jpeg).check_scans(jpeg); };
    try {
      protect([&] {
        jpeg_create_decompress(&jpeg_);
        jpeg_.progress = &progress_;
        // Per pixel: 64 coefficients of 2 bytes a block, of up to 4 components.
        jpeg_.mem->max_memory_to_use = (long)(kOwnMemory + 12 * header.width * header.height);
        jpeg_mem_src(&jpeg_, file.data(), (unsigned long)file.size());
        jpeg_read_header(&jpeg_, TRUE);
      });
      start(header, reduction, region);
    } catch (...) {
      jpeg_destroy_decompress(&jpeg_);
      throw;
    }
  }

  ~JpegRows() override { jpeg_destroy_decompress(&jpeg_); }

  void next(uint8_t* row) override {
    uint8_t* target = inks_.empty() ? row : inks_.data();
    protect([&] {
      // A suspended source would return 0; this one never is.
      jpeg_read_scanlines(&jpeg_, &target, 1);
      if (--left_ == 0 && jpeg_.output_scanline == jpeg_.output_height)
        jpeg_finish_decompress(&jpeg_);
    });
    if (!inks_.empty()) convert_inks(row);
  }

 private:
  static JpegRows& self(j_common_ptr jpeg) { return *static_cast<JpegRows*>(jpeg->client_data); }

  // Runs calls of libjpeg, whose errors come back here by longjmp: `body` must own nothing.
  template <typename Body>
  void protect(Body&& body) {
    if (setjmp(back_)) no_memory_ ? throw std::bad_alloc() : refuse(text_);
    body();
  }

  [[noreturn]] void leave(j_common_ptr jpeg) {
    char found[JMSG_LENGTH_MAX];
    jpeg->err->format_message(jpeg, found);
    const int code = jpeg->err->msg_code;
    no_memory_ = code == JERR_OUT_OF_MEMORY;
    const bool ends = code == JWRN_JPEG_EOF || code == JWRN_HIT_MARKER || code == JERR_INPUT_EOF;
    std::snprintf(text_, sizeof text_, "%s: %s", ends ? "truncated or damaged" : "damaged", found);
    std::longjmp(back_, 1);
  }

  void message(j_common_ptr jpeg, int level) {
    if (level >= 0) return;
    const int code = jpeg->err->msg_code;
    if (code == JWRN_JFIF_MAJOR || code == JWRN_ADOBE_XFORM) return;
    if (code == JWRN_EXTRANEOUS_DATA && jpeg->err->msg_parm.i[0] <= kPaddingBytes) return;
    leave(jpeg);
  }

  void check_scans(j_common_ptr jpeg) {
    if (!jpeg->is_decompressor || jpeg_.input_scan_number <= limits_.max_scans) return;
    std::snprintf(text_, sizeof text_, "more than %d passes over the picture",
                  (int)limits_.max_scans);
    std::longjmp(back_, 1);
  }

  void start(const Header& header, int reduction, const Region& region) {
    if (jpeg_.image_width != header.width || jpeg_.image_height != header.height)
      refuse("damaged: two sizes in its headers");
    const bool inks = jpeg_.num_components == 4;
    const bool color = pixels_ == Pixels::Color;
    jpeg_.out_color_space = inks ? JCS_CMYK : color ? JCS_EXT_RGBX : JCS_GRAYSCALE;
    jpeg_.scale_num = 1;
    jpeg_.scale_denom = (unsigned)reduction;
    protect([&] {
      jpeg_start_decompress(&jpeg_);
      // Columns: whole blocks, and the neighbours that upsampling looks at.
      const int64_t whole = jpeg_.output_width;
      const int64_t begin = region.x > kMargin ? region.x - kMargin : 0;
      int64_t end = region.x + region.width + kMargin;
      if (end > whole) end = whole;
      if (end - begin < whole) {
        JDIMENSION first = (JDIMENSION)begin, count = (JDIMENSION)(end - begin);
        jpeg_crop_scanline(&jpeg_, &first, &count);
        offset_ = region.x - first;
      } else {
        offset_ = region.x;
      }
      if (region.y > 0) jpeg_skip_scanlines(&jpeg_, (JDIMENSION)region.y);
    });
    if (offset_ < 0 || offset_ + region.width > jpeg_.output_width ||
        jpeg_.output_components != (inks || color ? 4 : 1))
      fail(DN_INTERNAL, "libjpeg gave another part of the picture than was asked for");
    left_ = region.height;
    const int64_t width = jpeg_.output_width;
    if (inks) inks_.resize((size_t)(4 * width));
    offset_ *= pixel_bytes(pixels_);
    row_bytes_ = width * pixel_bytes(pixels_);
  }

  // Adobe stores 255 - ink.
  void convert_inks(uint8_t* row) const {
    const int flip = jpeg_.saw_Adobe_marker ? 0 : 255;
    for (size_t x = 0; x < inks_.size() / 4; ++x) {
      const uint8_t* ink = &inks_[4 * x];
      const int black = ink[3] ^ flip;
      const uint8_t red = scaled(ink[0] ^ flip, black), green = scaled(ink[1] ^ flip, black),
                    blue = scaled(ink[2] ^ flip, black);
      if (pixels_ == Pixels::Color) {
        row[4 * x] = red, row[4 * x + 1] = green, row[4 * x + 2] = blue, row[4 * x + 3] = 255;
      } else {
        row[x] = luminance(red, green, blue);
      }
    }
  }

  Pixels pixels_;
  const dn_image_limits& limits_;
  jpeg_decompress_struct jpeg_{};
  jpeg_error_mgr errors_{};
  jpeg_progress_mgr progress_{};
  std::jmp_buf back_;
  char text_[JMSG_LENGTH_MAX + 64] = "";
  bool no_memory_ = false;
  std::vector<uint8_t> inks_;
  int64_t left_ = 0;
};

}  // namespace

std::unique_ptr<Rows> open_jpeg(ImageBytes file, const Header& header,
                                const dn_image_limits& limits, Pixels pixels, int reduction,
                                const Region& region) {
  if (pixels == Pixels::Indices) refuse("a JPEG, which holds no indices: expected PNG or PNM");
  return std::make_unique<JpegRows>(file, header, limits, pixels, reduction, region);
}

}  // namespace dn::image
