#include "engine/operator_rule.h"

namespace dn {

namespace {

void check(const OperatorView& view) {
  view.check_counts(1, 1, 1, 1);
  const auto& attributes = view.op().attributes<dn_reduce_attributes>();
  const Shape& x = view.input_shape(0);
  view.require(attributes.mode >= DN_REDUCE_SUM && attributes.mode <= DN_REDUCE_ARGMAX, "mode is ",
               attributes.mode, ", expected 1 to 4");
  view.require(attributes.axes > 0 && attributes.axes < (1 << x.rank()), "axes is the bit set ",
               attributes.axes, ", expected at least one axis of ", x);
  const bool argmax = attributes.mode == DN_REDUCE_ARGMAX;
  view.require(!argmax || __builtin_popcount(attributes.axes) == 1, "argmax takes one axis");
  view.expect_dtype("the input", view.input(0), DN_DTYPE_F32);
  view.expect_dtype("the output", view.output(0), argmax ? DN_DTYPE_I32 : DN_DTYPE_F32);

  int64_t dims[DN_MAX_RANK];
  int rank = 0;
  for (int axis = 0; axis < x.rank(); ++axis) {
    const bool reduced = attributes.axes >> axis & 1;
    view.require(!reduced || x[axis] > 0 || attributes.mode <= DN_REDUCE_SUM,
                 "there is nothing to reduce: the input is ", x);
    if (!reduced || attributes.keep_dims) dims[rank++] = reduced ? 1 : x[axis];
  }
  view.expect_shape("the output", view.output(0), Shape(rank, dims));
}

int64_t operations(const OperatorView& view) {
  return view.input_shape(0).numel();
}

const RegisterRule rule({DN_OPERATOR_REDUCE, "Reduce", sizeof(dn_reduce_attributes), nullptr, check,
                         operations});

}  // namespace

}  // namespace dn
