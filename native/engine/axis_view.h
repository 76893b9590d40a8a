// A row-major tensor seen around one of its axes.
#pragma once

#include "engine/types.h"

namespace dn {

// (outer, extent, inner): the products of the extents before and behind the axis, and its own.
struct AxisView {
  int64_t outer = 1, extent = 1, inner = 1;
};

inline AxisView view_around(const Shape& shape, int axis) {
  AxisView view;
  view.extent = shape[axis];
  for (int i = 0; i < shape.rank(); ++i)
    if (i != axis) (i < axis ? view.outer : view.inner) *= shape[i];
  return view;
}

}  // namespace dn
