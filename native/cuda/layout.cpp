#include "cuda/layout.h"

namespace dn::cuda {

LayoutRef channels_last(const Shape& shape, DType dtype) {
  if (shape.rank() < 3 || shape[1] == 1) return nullptr;
  int64_t positions = 1;
  for (int axis = 2; axis < shape.rank(); ++axis) positions *= shape[axis];
  if (positions == 1) return nullptr;
  return std::make_shared<ChannelsLast>(shape, dtype);
}

AxisOrder axis_order(const Shape& shape, const LayoutRef& layout) {
  AxisOrder order;
  const int rank = shape.rank();
  for (int i = 0; i < rank; ++i) order.of[i] = i;
  if (!layout) return order;
  for (int i = 1; i + 1 < rank; ++i) order.of[i] = i + 1;
  order.of[rank - 1] = 1;
  return order;
}

Strides strides_of(const Shape& shape, const LayoutRef& layout) {
  const AxisOrder order = axis_order(shape, layout);
  Strides strides;
  int64_t stride = 1;
  for (int i = shape.rank() - 1; i >= 0; --i) {
    strides.of[order.of[i]] = stride;
    stride *= shape[order.of[i]];
  }
  return strides;
}

}  // namespace dn::cuda
