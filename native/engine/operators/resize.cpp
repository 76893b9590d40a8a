#include "engine/operator_rule.h"

namespace dn {

namespace {

void check(const OperatorView& view) {
  view.check_counts(1, 1, 1, 1);
  const auto& attributes = view.op().attributes<dn_resize_attributes>();
  const bool forward = attributes.direction == DN_FORWARD;
  view.require(forward || attributes.direction == DN_BACKWARD_DATA, "direction is ",
               attributes.direction, ", expected 1 or 2");
  view.require(attributes.mode >= DN_RESIZE_NEAREST && attributes.mode <= DN_RESIZE_AREA,
               "mode is ", attributes.mode, ", expected 1 to 3");
  view.require(attributes.mode != DN_RESIZE_LINEAR ||
                   attributes.coordinates == DN_RESIZE_HALF_PIXEL ||
                   attributes.coordinates == DN_RESIZE_ALIGN_CORNERS,
               "coordinates are ", attributes.coordinates, ", expected 1 or 2");
  const int spatial = attributes.spatial_rank;
  view.require(spatial >= 1 && spatial <= DN_MAX_SPATIAL_RANK, "spatial_rank is ", spatial,
               ", expected 1 to ", DN_MAX_SPATIAL_RANK);
  view.expect_float32();
  view.expect_rank("the input", view.input(0), spatial + 2, spatial + 2);
  view.expect_rank("the output", view.output(0), spatial + 2, spatial + 2);
  const Shape &x = view.input_shape(0), &y = view.output_shape(0);
  if (x[0] != y[0] || x[1] != y[1])
    view.mismatch("the output is ", y, ", but the input ", x, " has other samples or channels");
  for (int axis = 2; axis < spatial + 2; ++axis)
    view.require(x[axis] > 0 && y[axis] > 0, "a spatial extent is 0: ", x, " to ", y);
}

int64_t operations(const OperatorView& view) {
  const auto& attributes = view.op().attributes<dn_resize_attributes>();
  const int64_t numel = std::max(view.input_shape(0).numel(), view.output_shape(0).numel());
  if (attributes.mode == DN_RESIZE_NEAREST)
    return attributes.direction == DN_FORWARD ? 0 : view.input_shape(0).numel();
  return attributes.mode == DN_RESIZE_AREA ? numel : numel << attributes.spatial_rank;
}

const RegisterRule rule({DN_OPERATOR_RESIZE, "Resize", sizeof(dn_resize_attributes), nullptr, check,
                         operations});

}  // namespace

}  // namespace dn
