#include "engine/operator_rule.h"

namespace dn {

namespace {

// Extents before and behind an axis, multiplied.
int64_t product(const Shape& shape, int begin, int end) {
  int64_t product = 1;
  for (int axis = begin; axis < end; ++axis) product *= shape[axis];
  return product;
}

void check(const OperatorView& view) {
  const auto& attributes = view.op().attributes<dn_group_norm_attributes>();
  const bool forward = attributes.direction == DN_FORWARD;
  view.require(forward || attributes.direction == DN_BACKWARD_DATA, "direction is ",
               attributes.direction, ", expected 1 or 2");
  view.require(attributes.epsilon > 0, "epsilon is ", attributes.epsilon, ", expected more than 0");
  if (forward)
    view.check_counts(1, 3, 1, 3);
  else
    view.check_counts(1, 5, 1, 3);  // the weight may be absent
  view.expect_float("the input", view.input(0));
  const DType dtype = view.input(0).dtype;
  const Shape& x = view.input_shape(0);
  const int axis = attributes.axis;
  view.require(axis >= 0 && axis < x.rank(), "axis is ", axis, ", expected an axis of ", x);
  const int64_t channels = x[axis];
  view.require(attributes.groups >= 1 && channels % attributes.groups == 0, "groups is ",
               attributes.groups, ", expected a divisor of the ", channels, " channels of ", x);
  if (channels * product(x, axis + 1, x.rank()) == 0)
    view.mismatch("the input ", x, " has groups without elements");
  const Shape statistics{product(x, 0, axis), attributes.groups};
  const Shape per_channel{channels};
  const auto expect = [&](const char* what, const TensorDeclaration& tensor, const Shape& shape) {
    view.expect_dtype(what, tensor, DN_DTYPE_F32);
    view.expect_shape(what, tensor, shape);
  };
  if (view.op().has_input(1)) expect("weight", view.input(1), per_channel);
  view.expect_dtype(forward ? "the output" : "grad_input", view.output(0), dtype);
  view.expect_shape(forward ? "the output" : "grad_input", view.output(0), x);
  if (forward) {
    if (view.op().has_input(2)) expect("bias", view.input(2), per_channel);
    if (view.op().has_output(1)) expect("mean", view.output(1), statistics);
    if (view.op().has_output(2)) expect("inv_std", view.output(2), statistics);
    return;
  }
  expect("mean", view.input(2), statistics);
  expect("inv_std", view.input(3), statistics);
  view.expect_dtype("grad_output", view.input(4), dtype);
  view.expect_shape("grad_output", view.input(4), x);
  if (view.op().has_output(1)) expect("grad_weight", view.output(1), per_channel);
  if (view.op().has_output(2)) expect("grad_bias", view.output(2), per_channel);
}

int64_t operations(const OperatorView& view) {
  return 8 * view.input_shape(0).numel();
}

const RegisterRule rule({DN_OPERATOR_GROUP_NORM, "GroupNorm", sizeof(dn_group_norm_attributes),
                         nullptr, check, operations});

}  // namespace

}  // namespace dn
