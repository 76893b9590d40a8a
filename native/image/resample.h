// Separable resampling of a picture's rows, in integers: the same bits on every machine.
#pragma once

#include <vector>

#include "image/rows.h"

namespace dn::image {

// Along one axis, what each position of the result is the weighted sum of.
class Taps {
 public:
  // The result's `count` positions cover `extent` source positions from `begin` on; only 0 .. source - 1 exist.
  static Taps triangle(int64_t source, double begin, double extent, int64_t count);
  static Taps nearest(int64_t source, int64_t count);

  int64_t count() const { return (int64_t)first_.size(); }
  int64_t source() const { return source_; }
  int64_t first(int64_t i) const { return first_[(size_t)i]; }
  int64_t length(int64_t i) const { return length_[(size_t)i]; }
  // For position i: even many, of Q14, which add up to 1; the last may be a 0 behind the length.
  const int16_t* weights(int64_t i) const { return &weights_[(size_t)(i * stride_)]; }
  int64_t max_length() const { return stride_; }
  bool identity() const { return identity_; }

 private:
  Taps(int64_t source, int64_t count, int64_t max_length);
  void set(int64_t i, int64_t first, const std::vector<double>& weights);

  int64_t source_;
  int64_t stride_;
  bool identity_ = false;
  std::vector<int64_t> first_;
  std::vector<int64_t> length_;
  std::vector<int16_t> weights_;
};

// Where the pixel in column i and row j of the result, as the stored picture lies, goes in each plane.
struct Placement {
  int64_t base = 0;
  int64_t column_step = 1;
  int64_t row_step = 0;
};

// Grey and indices fill the first plane, colours three of `plane` bytes each.
void resample(Rows& rows, Pixels pixels, const Taps& columns, const Taps& lines,
              const Placement& placement, uint8_t* planes, int64_t plane);

}  // namespace dn::image
