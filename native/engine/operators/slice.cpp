#include "engine/operator_rule.h"

namespace dn {

namespace {

void check(const OperatorView& view) {
  view.check_counts(1, 1, 1, 1);
  const auto& attributes = view.op().attributes<dn_slice_attributes>();
  const Shape &x = view.input_shape(0), &y = view.output_shape(0);
  view.expect_dtype("the output", view.output(0), view.input(0).dtype);
  view.expect_rank("the output", view.output(0), x.rank(), x.rank());
  for (int axis = 0; axis < x.rank(); ++axis) {
    const int64_t begin = attributes.begin[axis], step = attributes.step[axis];
    view.require(step != 0, "the step of axis ", axis, " is 0");
    view.require(begin >= 0 && begin <= x[axis], "axis ", axis, " begins at ", begin,
                 ", expected 0 to ", x[axis]);
    if (y[axis] == 0) continue;
    int64_t last = 0;
    const bool overflow = __builtin_mul_overflow(y[axis] - 1, step, &last) ||
                          __builtin_add_overflow(last, begin, &last);
    view.require(begin < x[axis] && !overflow && last >= 0 && last < x[axis], "axis ", axis,
                 " takes ", y[axis], " elements from ", begin, " on in steps of ", step,
                 ", but x is ", x);
  }
}

const RegisterRule rule({DN_OPERATOR_SLICE, "Slice", sizeof(dn_slice_attributes), nullptr, check,
                         nullptr});

}  // namespace

}  // namespace dn
