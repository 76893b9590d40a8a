#include <algorithm>
#include <limits>

#include "engine/operator_rule.h"

namespace dn {

namespace {

void check(const OperatorView& view) {
  constexpr int kAny = std::numeric_limits<int>::max();
  view.check_counts(1, kAny, 1, 1);
  const int axis = view.op().attributes<dn_concat_attributes>().axis;
  const Shape& first = view.input_shape(0);
  view.require(axis >= 0 && axis < first.rank(), "axis is ", axis, ", expected 0 to ",
               first.rank() - 1);
  int64_t dims[DN_MAX_RANK];
  std::copy_n(first.data(), first.rank(), dims);
  dims[axis] = 0;
  for (int slot = 0; slot < (int)view.op().inputs().size(); ++slot) {
    const Shape& x = view.input_shape(slot);
    view.expect_dtype("an input", view.input(slot), view.input(0).dtype);
    bool fits = x.rank() == first.rank();
    for (int i = 0; fits && i < x.rank(); ++i) fits = i == axis || x[i] == first[i];
    if (!fits)
      view.mismatch("input ", slot, " is ", x, " and input 0 is ", first,
                    ": they may differ only along axis ", axis);
    dims[axis] += x[axis];
  }
  view.expect_dtype("the output", view.output(0), view.input(0).dtype);
  view.expect_shape("the output", view.output(0), Shape(first.rank(), dims));
}

const RegisterRule rule({DN_OPERATOR_CONCAT, "Concat", sizeof(dn_concat_attributes), nullptr, check,
                         nullptr});

}  // namespace

}  // namespace dn
