// PBM, PGM and PPM (netpbm), text (P1, P2, P3) and binary (P4, P5, P6), one picture a file.
#include <string_view>
#include <vector>

#include "image/rows.h"

namespace dn::image {

namespace {

constexpr int64_t kMaxSide = (int64_t{1} << 31) - 1;
constexpr int kMaxMaximum = 65535;

bool is_space(uint8_t value) {
  return value == ' ' || (value >= 9 && value <= 13);
}

class Parser {
 public:
  explicit Parser(ImageBytes file) : file_(file) {
    kind_ = file[1] - '0';
    at_ = 2;
    width_ = number("width", 1, kMaxSide);
    height_ = number("height", 1, kMaxSide);
    maximum_ = bitmap() ? 1 : (int)number("maximum", 1, kMaxMaximum);
    // Exactly one white space stands between the header and binary pixels.
    if (!is_text() && (at_ >= file.size() || !is_space(file[at_++])))
      refuse("no white space after the header");
    check_size();
  }

  bool is_text() const { return kind_ <= 3; }
  bool bitmap() const { return kind_ == 1 || kind_ == 4; }
  int channels() const { return kind_ == 3 || kind_ == 6 ? 3 : 1; }
  int64_t width() const { return width_; }
  int64_t height() const { return height_; }
  int maximum() const { return maximum_; }

  int bit_depth() const {
    int bits = 1;
    while (maximum_ >> bits) ++bits;
    return bits;
  }

  // One row of values 0 .. maximum.
  void row(std::vector<uint16_t>& values) {
    if (kind_ == 4) {
      for (size_t x = 0; x < values.size(); ++x) values[x] = file_[at_ + x / 8] >> (7 - x % 8) & 1;
      at_ += (values.size() + 7) / 8;
      return;
    }
    for (uint16_t& value : values) value = (uint16_t)(is_text() ? text_value() : binary_value());
  }

  void skip_row() {
    std::vector<uint16_t> values((size_t)(width_ * channels()));
    if (is_text()) return row(values);
    at_ += (size_t)binary_row_bytes();
  }

  void expect_end() {
    if (is_text()) skip_space();
    if (at_ < file_.size()) refuse(file_.size() - at_, " bytes follow the image");
  }

 private:
  int64_t binary_row_bytes() const {
    return kind_ == 4 ? (width_ + 7) / 8 : width_ * channels() * (maximum_ > 255 ? 2 : 1);
  }

  void check_size() const {
    const auto left = (int64_t)(file_.size() - at_);
    // A text pixel takes a digit and, but for the last and in bitmaps, a separator.
    const int64_t most = left + 1;
    const bool fits = is_text() ? height_ <= most && width_ <= most / height_ &&
                                      width_ * height_ * channels() * (bitmap() ? 1 : 2) - 1 <= left
                                : binary_row_bytes() <= left && height_ <= left &&
                                      (left % height_ == 0 && left / height_ == binary_row_bytes());
    if (!fits)
      refuse(left, " bytes of pixels do not make ", width_, " x ", height_, " (maximum ", maximum_,
             ")");
  }

  int text_value() {
    if (!bitmap()) return (int)number("pixel", 0, maximum_);
    skip_space();
    if (at_ >= file_.size() || (file_[at_] != '0' && file_[at_] != '1'))
      refuse("no 0 or 1 for the pixel at byte ", at_);
    return file_[at_++] - '0';
  }

  int binary_value() {
    int value = file_[at_++];
    if (maximum_ > 255) value = value << 8 | file_[at_++];
    if (value > maximum_)
      refuse("the pixel before byte ", at_, " is ", value, ", expected at most ", maximum_);
    return value;
  }

  int64_t number(const char* what, int64_t minimum, int64_t maximum) {
    const size_t before = at_;
    skip_space();
    if (at_ == before) refuse("no white space before the ", what, " at byte ", at_);
    const size_t start = at_;
    int64_t value = 0;
    for (; at_ < file_.size() && file_[at_] >= '0' && file_[at_] <= '9'; ++at_) {
      value = value * 10 + (file_[at_] - '0');
      if (value > maximum) refuse("the ", what, " at byte ", start, " is more than ", maximum);
    }
    if (at_ == start) refuse("no number for the ", what, " at byte ", start);
    if (value < minimum)
      refuse("the ", what, " at byte ", start, " is ", value, ", expected at least ", minimum);
    return value;
  }

  // A comment runs from # to the end of the line and counts as white space.
  void skip_space() {
    for (; at_ < file_.size(); ++at_) {
      if (file_[at_] == '#') {
        while (at_ + 1 < file_.size() && file_[at_] != '\n' && file_[at_] != '\r') ++at_;
      } else if (!is_space(file_[at_])) {
        return;
      }
    }
  }

  ImageBytes file_;
  int kind_ = 0;
  size_t at_ = 0;
  int64_t width_ = 0;
  int64_t height_ = 0;
  int maximum_ = 0;
};

class PnmRows final : public Rows {
 public:
  PnmRows(ImageBytes file, Pixels pixels, const Region& region)
      : parser_(file),
        pixels_(pixels),
        region_(region),
        values_((size_t)(parser_.width() * parser_.channels())) {
    row_bytes_ = region.width * pixel_bytes(pixels);
    for (int64_t y = 0; y < region.y; ++y) parser_.skip_row();
    left_ = region.height;
  }

  void next(uint8_t* row) override {
    parser_.row(values_);
    for (int64_t x = 0; x < region_.width; ++x) {
      if (parser_.channels() == 1) {
        const uint8_t value = byte_of(values_[(size_t)(region_.x + x)]);
        if (pixels_ == Pixels::Color)
          row[4 * x] = row[4 * x + 1] = row[4 * x + 2] = row[4 * x + 3] = value;
        else
          row[x] = value;
        continue;
      }
      const uint16_t* stored = &values_[(size_t)(3 * (region_.x + x))];
      const uint8_t red = byte_of(stored[0]), green = byte_of(stored[1]), blue = byte_of(stored[2]);
      if (pixels_ == Pixels::Color) {
        row[4 * x] = red, row[4 * x + 1] = green, row[4 * x + 2] = blue, row[4 * x + 3] = 255;
      } else {
        row[x] = luminance(red, green, blue);
      }
    }
    if (--left_ == 0 && region_.y + region_.height == parser_.height()) parser_.expect_end();
  }

 private:
  uint8_t byte_of(int value) const {
    const int maximum = parser_.maximum();
    if (pixels_ == Pixels::Indices) return (uint8_t)value;
    if (parser_.bitmap()) return value ? 0 : 255;  // 1 is ink
    return (uint8_t)(maximum == 255 ? value : (value * 255 + maximum / 2) / maximum);
  }

  Parser parser_;
  Pixels pixels_;
  Region region_;
  std::vector<uint16_t> values_;
  int64_t left_ = 0;
};

}  // namespace

bool is_pnm(ImageBytes file) {
  return file.size() >= 2 && file[0] == 'P' && file[1] >= '1' && file[1] <= '6';
}

Header read_pnm_header(ImageBytes file) {
  const Parser parser(file);
  Header header;
  header.format = DN_IMAGE_PNM;
  header.width = parser.width();
  header.height = parser.height();
  header.channels = parser.channels();
  header.bit_depth = parser.bit_depth();
  return header;
}

std::unique_ptr<Rows> open_pnm(ImageBytes file, const Header& header, Pixels pixels,
                               const Region& region) {
  if (pixels == Pixels::Indices && (header.channels != 1 || header.bit_depth > 8))
    refuse("colours or more than 8 bits a value, for indices expected grey of up to 8 bits");
  return std::make_unique<PnmRows>(file, pixels, region);
}

}  // namespace dn::image
