#include "engine/operator_rule.h"

namespace dn {

namespace {

void check_softmax(const OperatorView& view) {
  const auto& attributes = view.op().attributes<dn_softmax_attributes>();
  const bool forward = attributes.direction == DN_FORWARD;
  view.require(forward || attributes.direction == DN_BACKWARD_DATA, "direction is ",
               attributes.direction, ", expected 1 or 2");
  const int inputs = forward ? 1 : 2;
  view.check_counts(inputs, inputs, 1, 1);
  view.expect_float("the input", view.input(0));
  if (!forward) view.expect_dtype("grad_output", view.input(1), view.input(0).dtype);
  view.expect_dtype("the output", view.output(0), view.input(0).dtype);
  const Shape& x = view.input_shape(0);
  view.require(attributes.axis >= 0 && attributes.axis < x.rank(), "axis is ", attributes.axis,
               ", expected an axis of ", x);
  if (!forward) view.expect_shape("grad_output", view.input(1), x);
  view.expect_shape("the output", view.output(0), x);
}

void check_cross_entropy(const OperatorView& view) {
  const auto& attributes = view.op().attributes<dn_softmax_cross_entropy_attributes>();
  view.require(attributes.label_smoothing >= 0 && attributes.label_smoothing <= 1,
               "label_smoothing is ", attributes.label_smoothing, ", expected 0 to 1");
  view.require(attributes.ignore == 0 || attributes.ignore == 1, "ignore is ", attributes.ignore,
               ", expected 0 or 1");
  view.check_counts(2, 3, 1, 2);
  view.expect_rank("logits", view.input(0), 2, DN_MAX_RANK);
  view.expect_float("logits", view.input(0));
  view.expect_dtype("labels", view.input(1), DN_DTYPE_I32);
  const Shape& logits = view.input_shape(0);
  view.require(logits[1] >= 1, "logits is ", logits, ", without classes");
  int64_t dims[DN_MAX_RANK] = {logits[0]};
  for (int axis = 2; axis < logits.rank(); ++axis) dims[axis - 1] = logits[axis];
  const Shape positions(logits.rank() - 1, dims);
  view.expect_shape("labels", view.input(1), positions);
  if (view.op().has_input(2)) {
    view.expect_shape("weight", view.input(2), positions);
    view.expect_dtype("weight", view.input(2), DN_DTYPE_F32);
  }
  view.expect_shape("loss", view.output(0), {});
  view.expect_dtype("loss", view.output(0), DN_DTYPE_F32);
  if (!view.op().has_output(1)) return;
  view.expect_shape("grad_logits", view.output(1), logits);
  view.expect_dtype("grad_logits", view.output(1), view.input(0).dtype);
}

int64_t operations(const OperatorView& view) {
  return 5 * view.input_shape(0).numel();
}

const RegisterRule softmax({DN_OPERATOR_SOFTMAX, "Softmax", sizeof(dn_softmax_attributes), nullptr,
                            check_softmax, operations});
const RegisterRule cross_entropy({DN_OPERATOR_SOFTMAX_CROSS_ENTROPY, "SoftmaxCrossEntropy",
                                  sizeof(dn_softmax_cross_entropy_attributes), nullptr,
                                  check_cross_entropy, operations});

}  // namespace

}  // namespace dn
