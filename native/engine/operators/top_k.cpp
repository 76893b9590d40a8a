#include "engine/operator_rule.h"

namespace dn {

namespace {

void check(const OperatorView& view) {
  view.check_counts(1, 1, 2, 2);
  const auto& attributes = view.op().attributes<dn_top_k_attributes>();
  const Shape& x = view.input_shape(0);
  view.require(attributes.axis >= 0 && attributes.axis < x.rank(), "axis is ", attributes.axis,
               ", expected an axis of ", x);
  if (x[attributes.axis] > INT32_MAX)
    view.mismatch("x is ", x, ", expected fewer than 2^31 elements along the axis");
  view.require(attributes.k >= 1 && attributes.k <= x[attributes.axis], "k is ", attributes.k,
               ", expected 1 to ", x[attributes.axis]);
  view.expect_dtype("x", view.input(0), DN_DTYPE_F32);
  view.expect_dtype("values", view.output(0), DN_DTYPE_F32);
  view.expect_dtype("indices", view.output(1), DN_DTYPE_I32);
  int64_t dims[DN_MAX_RANK];
  for (int axis = 0; axis < x.rank(); ++axis) dims[axis] = x[axis];
  dims[attributes.axis] = attributes.k;
  view.expect_shape("values", view.output(0), Shape(x.rank(), dims));
  view.expect_shape("indices", view.output(1), Shape(x.rank(), dims));
}

const RegisterRule rule({DN_OPERATOR_TOP_K, "TopK", sizeof(dn_top_k_attributes), nullptr, check,
                         nullptr});

}  // namespace

}  // namespace dn
