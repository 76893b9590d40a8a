#include "engine/operator_rule.h"

namespace dn {

namespace {

void check(const OperatorView& view) {
  view.check_counts(1, 1, 1, 1);
  const int64_t* permutation = view.op().attributes<dn_transpose_attributes>().permutation;
  const Shape& x = view.input_shape(0);
  int64_t dims[DN_MAX_RANK];
  int named = 0;
  for (int axis = 0; axis < x.rank(); ++axis) {
    const int64_t from = permutation[axis];
    view.require(from >= 0 && from < x.rank() && !(named >> from & 1), "axis ", axis,
                 " is made of axis ", from, ", expected each of 0 to ", x.rank() - 1, " once");
    named |= 1 << from;
    dims[axis] = x[(int)from];
  }
  view.expect_dtype("the output", view.output(0), view.input(0).dtype);
  view.expect_shape("the output", view.output(0), Shape(x.rank(), dims));
}

const RegisterRule rule({DN_OPERATOR_TRANSPOSE, "Transpose", sizeof(dn_transpose_attributes),
                         nullptr, check, nullptr});

}  // namespace

}  // namespace dn
