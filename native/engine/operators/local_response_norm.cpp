#include "engine/operator_rule.h"

namespace dn {

namespace {

void check(const OperatorView& view) {
  const auto& attributes = view.op().attributes<dn_local_response_norm_attributes>();
  const bool forward = attributes.direction == DN_FORWARD;
  view.require(forward || attributes.direction == DN_BACKWARD_DATA, "direction is ",
               attributes.direction, ", expected 1 or 2");
  view.require(attributes.size >= 1, "size is ", attributes.size, ", expected 1 or more");
  view.check_counts(forward ? 1 : 2, forward ? 1 : 2, 1, 1);
  view.expect_float32();
  view.expect_rank("the input", view.input(0), 2, DN_MAX_RANK);
  const Shape& x = view.input_shape(0);
  if (!forward) view.expect_shape("grad_output", view.input(1), x);
  view.expect_shape(forward ? "the output" : "grad_input", view.output(0), x);
}

int64_t operations(const OperatorView& view) {
  const auto& attributes = view.op().attributes<dn_local_response_norm_attributes>();
  return (attributes.size + 6) * view.input_shape(0).numel();
}

const RegisterRule rule({DN_OPERATOR_LOCAL_RESPONSE_NORM, "LocalResponseNorm",
                         sizeof(dn_local_response_norm_attributes), nullptr, check, operations});

}  // namespace

}  // namespace dn
