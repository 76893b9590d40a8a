#include "engine/operator_rule.h"

namespace dn {

namespace {

void check_axis(const OperatorView& view, int axis, int64_t x, int64_t y) {
  const auto& attributes = view.op().attributes<dn_pad_attributes>();
  const int64_t begin = attributes.begin[axis], end = attributes.end[axis];
  const int64_t step = attributes.step[axis];
  view.require(begin >= 0 && end >= 0, "axis ", axis, " is padded by ", begin, " and ", end,
               ", expected 0 or more");
  view.require(step >= 1 && (step == 1 || attributes.mode == DN_PAD_CONSTANT), "the step of axis ",
               axis, " is ", step, ", expected 1",
               attributes.mode == DN_PAD_CONSTANT ? " or more" : "");
  if (attributes.mode == DN_PAD_REFLECT)
    view.require((begin == 0 || begin < x) && (end == 0 || end < x), "axis ", axis,
                 " is mirrored by ", begin, " and ", end, ", expected less than its extent, ", x);
  if (attributes.mode == DN_PAD_EDGE)
    view.require(x > 0 || (begin == 0 && end == 0), "axis ", axis, " has no edge: its extent is 0");
  int64_t expected = 0;
  const bool overflow = (x > 0 && (__builtin_mul_overflow(x - 1, step, &expected) ||
                                   __builtin_add_overflow(expected, 1, &expected))) ||
                        __builtin_add_overflow(expected, begin, &expected) ||
                        __builtin_add_overflow(expected, end, &expected);
  if (overflow || y != expected)
    view.mismatch("axis ", axis, " of extent ", x, " has extent ", y, " when padded, expected ",
                  overflow ? std::string("more than fits") : std::to_string(expected));
}

void check(const OperatorView& view) {
  view.check_counts(1, 1, 1, 1);
  const auto& attributes = view.op().attributes<dn_pad_attributes>();
  view.require(attributes.mode >= DN_PAD_CONSTANT && attributes.mode <= DN_PAD_EDGE, "mode is ",
               attributes.mode, ", expected 1 to 3");
  const bool forward = attributes.direction == DN_FORWARD;
  view.require(forward || attributes.direction == DN_BACKWARD_DATA, "direction is ",
               attributes.direction, ", expected 1 or 2");
  view.require(forward || attributes.mode != DN_PAD_CONSTANT,
               "a constant has no backward direction: its gradient is a slice");
  if (!forward) view.expect_float32();
  view.expect_dtype("the output", view.output(0), view.input(0).dtype);
  const Shape& x = forward ? view.input_shape(0) : view.output_shape(0);
  const Shape& y = forward ? view.output_shape(0) : view.input_shape(0);
  view.expect_rank("the output", view.output(0), view.input_shape(0).rank(),
                   view.input_shape(0).rank());
  for (int axis = 0; axis < x.rank(); ++axis) check_axis(view, axis, x[axis], y[axis]);
}

const RegisterRule rule({DN_OPERATOR_PAD, "Pad", sizeof(dn_pad_attributes), nullptr, check,
                         nullptr});

}  // namespace

}  // namespace dn
