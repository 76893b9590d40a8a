#include "engine/operator_rule.h"

namespace dn {

namespace {

void check(const OperatorView& view) {
  view.check_counts(1, 1, 1, 1);
  view.expect_dtype("the output", view.output(0), view.input(0).dtype);
  if (view.input_shape(0).numel() != view.output_shape(0).numel())
    view.mismatch("cannot reshape ", view.input_shape(0), " to ", view.output_shape(0));
}

const RegisterRule rule({DN_OPERATOR_RESHAPE, "Reshape", 0, nullptr, check, nullptr});

}  // namespace

}  // namespace dn
