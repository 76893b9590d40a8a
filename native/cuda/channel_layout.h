// The arrangements that the kernels of normalisation and pooling read and write.
#pragma once

#include "cuda/candidates.h"

namespace dn::cuda {

// The layout to work in for an activation: the one it has; channels last where that is still open.
inline LayoutRef working_layout(const CompileView& view, int tensor) {
  const TensorDeclaration& x = view.tensor(tensor);
  return view.free(tensor) ? channels_last(x.shape, x.dtype) : view.layout(tensor);
}

// The same arrangement of a tensor of another shape or type.
inline Slot slot_like(const CompileView& view, int tensor, const LayoutRef& layout) {
  const TensorDeclaration& t = view.tensor(tensor);
  return {tensor, layout ? channels_last(t.shape, t.dtype) : nullptr};
}

inline int64_t positions_of(const Shape& shape) {
  int64_t positions = 1;
  for (int axis = 2; axis < shape.rank(); ++axis) positions *= shape[axis];
  return positions;
}

// Whether the channels lie side by side.
inline bool channels_are_last(const Shape& shape, const LayoutRef& layout) {
  return layout || shape[1] == 1 || positions_of(shape) == 1;
}

}  // namespace dn::cuda
