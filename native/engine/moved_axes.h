// What slice and pad do along each axis, for devices to rearrange with the tensor's own axes.
#pragma once

#include <algorithm>
#include <vector>

#include "engine/operator_rule.h"

namespace dn {

// Slice: y[i] = x[begin + i * step]. Pad: y[begin + i * step] = x[i]; `end` more elements follow.
struct MovedAxis {
  int64_t x = 1, y = 1;  // extents
  int64_t begin = 0, end = 0, step = 1;
};
using MovedAxes = std::vector<MovedAxis>;

inline MovedAxes sliced_axes(const Operator& op, const Shape& x, const Shape& y) {
  const auto& attributes = op.attributes<dn_slice_attributes>();
  MovedAxes axes;
  for (int i = 0; i < x.rank(); ++i)
    axes.push_back({x[i], y[i], attributes.begin[i], 0, attributes.step[i]});
  return axes;
}

inline MovedAxes padded_axes(const Operator& op, const Shape& x, const Shape& y) {
  const auto& attributes = op.attributes<dn_pad_attributes>();
  MovedAxes axes;
  for (int i = 0; i < x.rank(); ++i)
    axes.push_back({x[i], y[i], attributes.begin[i], attributes.end[i], attributes.step[i]});
  return axes;
}

// The axes as they lie in memory, outermost first, where axis 1 is innermost.
inline void put_channels_last(MovedAxes& axes) {
  std::rotate(axes.begin() + 1, axes.begin() + 2, axes.end());
}

// The same padding with as few axes as describe it. Where places are `mirrored` (reflect, edge), what
// lies inside a padded axis stays apart from it.
inline MovedAxes joined_padding(const MovedAxes& axes, bool mirrored) {
  const auto is_padded = [](const MovedAxis& a) { return a.begin > 0 || a.end > 0 || a.step > 1; };
  MovedAxes joined;
  for (const MovedAxis& axis : axes) {
    if (axis.x == 1 && axis.y == 1) continue;
    MovedAxis* outer = joined.empty() ? nullptr : &joined.back();
    if (outer && !is_padded(axis) && (!is_padded(*outer) || (outer->step == 1 && !mirrored)))
      *outer = {outer->x * axis.x, outer->y * axis.y, outer->begin * axis.y, outer->end * axis.y,
                outer->step};
    else
      joined.push_back(axis);
  }
  if (joined.empty()) joined.push_back({});
  return joined;
}

// Row-major strides in elements of x or y, of axes outermost first.
inline std::vector<int64_t> strides_of(const MovedAxes& axes, int64_t MovedAxis::*extent) {
  std::vector<int64_t> strides(axes.size(), 1);
  for (int i = (int)axes.size() - 2; i >= 0; --i)
    strides[(size_t)i] = strides[(size_t)i + 1] * (axes[(size_t)i + 1].*extent);
  return strides;
}

}  // namespace dn
