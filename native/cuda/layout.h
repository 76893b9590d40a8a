// Physical layouts of the CUDA device.
#pragma once

#include "engine/candidate.h"

namespace dn::cuda {

// Axis 1 is innermost: activations (N, C, spatial...) stored (N, spatial..., C), weights
// (K, C/g, R, S) stored (K, R, S, C/g). Dense.
class ChannelsLast final : public Layout {
 public:
  ChannelsLast(const Shape& shape, DType dtype) : shape_(shape), dtype_(dtype) {}
  int64_t bytes() const override { return shape_.numel() * size_of(dtype_); }
  bool equals(const Layout& other) const override {
    return shape_ == static_cast<const ChannelsLast&>(other).shape_;
  }
  std::string name() const override { return "channels-last"; }

 private:
  Shape shape_;
  DType dtype_;
};

// Null, i.e. row-major, where both arrangements are the same: rank below 3, or one channel, or one
// position.
LayoutRef channels_last(const Shape& shape, DType dtype);

// The distance in elements between neighbours along each axis of `shape`.
struct Strides {
  int64_t of[DN_MAX_RANK] = {};
};
Strides strides_of(const Shape& shape, const LayoutRef& layout);

// The axes in the order of memory, outermost first.
struct AxisOrder {
  int of[DN_MAX_RANK] = {};
};
AxisOrder axis_order(const Shape& shape, const LayoutRef& layout);

}  // namespace dn::cuda
