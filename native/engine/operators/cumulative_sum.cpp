#include "engine/operator_rule.h"

namespace dn {

namespace {

void check(const OperatorView& view) {
  view.check_counts(1, 1, 1, 1);
  const auto& attributes = view.op().attributes<dn_cumulative_sum_attributes>();
  const Shape& x = view.input_shape(0);
  view.require(attributes.axis >= 0 && attributes.axis < x.rank(), "axis is ", attributes.axis,
               ", expected an axis of ", x);
  view.expect_float32();
  view.expect_shape("the output", view.output(0), x);
}

int64_t operations(const OperatorView& view) {
  return view.input_shape(0).numel();
}

const RegisterRule rule({DN_OPERATOR_CUMULATIVE_SUM, "CumulativeSum",
                         sizeof(dn_cumulative_sum_attributes), nullptr, check, operations});

}  // namespace

}  // namespace dn
