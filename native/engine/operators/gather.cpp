#include "engine/operator_rule.h"

namespace dn {

namespace {

void check(const OperatorView& view) {
  const auto& attributes = view.op().attributes<dn_gather_attributes>();
  view.require(attributes.direction == DN_FORWARD, "direction is ", attributes.direction,
               ", expected 1");
  view.require(attributes.mode == DN_GATHER_ROWS, "mode is ", attributes.mode, ", expected 1");
  view.check_counts(2, 3, 1, 2);
  view.expect_rank("x", view.input(0), 1, DN_MAX_RANK);
  view.expect_rank("indices", view.input(1), 1, 1);
  view.expect_dtype("indices", view.input(1), DN_DTYPE_I32);
  view.expect_dtype("the output", view.output(0), view.input(0).dtype);
  view.expect_rank("the output", view.output(0), 1, DN_MAX_RANK);
  const Shape& x = view.input_shape(0);
  const int64_t count = view.input_shape(1)[0], rows = view.output_shape(0)[0];
  int64_t dims[DN_MAX_RANK] = {rows};
  for (int axis = 1; axis < x.rank(); ++axis) dims[axis] = x[axis];
  view.expect_shape("the output", view.output(0), Shape(x.rank(), dims));
  if (view.op().has_input(2)) {
    view.expect_shape("position", view.input(2), {});
    view.expect_dtype("position", view.input(2), DN_DTYPE_I64);
    if (rows > count)
      view.mismatch("the output ", view.output_shape(0), " has more rows than there are indices, ",
                    count);
  } else if (rows != count) {
    view.mismatch("the output ", view.output_shape(0), " has another number of rows than indices ",
                  view.input_shape(1));
  }
  if (view.op().has_output(1))
    view.require(view.op().has_input(2) && view.op().output(1) == view.op().input(2),
                 "output 1 must be the position of input 2");
}

const RegisterRule rule({DN_OPERATOR_GATHER, "Gather", sizeof(dn_gather_attributes), nullptr,
                         check, nullptr});

}  // namespace

}  // namespace dn
