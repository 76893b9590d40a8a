#include "engine/operator_rule.h"

namespace dn {

namespace {

// rows: (first, x[1], x[2], ..).
Shape rows_of(const Shape& x, int64_t first) {
  int64_t dims[DN_MAX_RANK] = {first};
  for (int axis = 1; axis < x.rank(); ++axis) dims[axis] = x[axis];
  return Shape(x.rank(), dims);
}

void check_rows_forward(const OperatorView& view) {
  view.check_counts(2, 3, 1, 2);
  view.expect_rank("x", view.input(0), 1, DN_MAX_RANK);
  view.expect_rank("indices", view.input(1), 1, 1);
  view.expect_dtype("the output", view.output(0), view.input(0).dtype);
  view.expect_rank("the output", view.output(0), 1, DN_MAX_RANK);
  const int64_t count = view.input_shape(1)[0], rows = view.output_shape(0)[0];
  view.expect_shape("the output", view.output(0), rows_of(view.input_shape(0), rows));
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

void check_rows_backward(const OperatorView& view) {
  view.check_counts(2, 2, 1, 1);
  view.expect_rank("grad_output", view.input(0), 1, DN_MAX_RANK);
  view.expect_dtype("grad_output", view.input(0), DN_DTYPE_F32);
  view.expect_dtype("grad_input", view.output(0), DN_DTYPE_F32);
  view.expect_rank("grad_input", view.output(0), 1, DN_MAX_RANK);
  view.expect_shape("indices", view.input(1), {view.input_shape(0)[0]});
  const int64_t rows = view.output_shape(0)[0];
  view.expect_shape("grad_input", view.output(0), rows_of(view.input_shape(0), rows));
  const int32_t padding = view.op().attributes<dn_gather_attributes>().padding_index;
  view.require(padding >= -1 && padding < rows, "padding_index is ", padding,
               ", expected -1 or a row of ", view.output_shape(0));
}

void check_along(const OperatorView& view, bool forward) {
  view.check_counts(2, 2, 1, 1);
  const char* first = forward ? "x" : "grad_output";
  const char* last = forward ? "the output" : "grad_input";
  const TensorDeclaration& large = forward ? view.input(0) : view.output(0);
  const TensorDeclaration& small = forward ? view.output(0) : view.input(0);
  if (!forward) view.expect_dtype(first, view.input(0), DN_DTYPE_F32);
  view.expect_dtype(last, view.output(0), view.input(0).dtype);
  const int rank = view.input_shape(1).rank(),
            axis = view.op().attributes<dn_gather_attributes>().axis;
  view.require(axis >= 0 && axis < rank, "axis is ", axis, ", expected an axis of the indices ",
               view.input_shape(1));
  view.expect_rank(forward ? first : last, large, rank, rank);
  view.expect_shape(forward ? last : first, small, view.input_shape(1));
  for (int i = 0; i < rank; ++i)
    if (i != axis && large.shape[i] != view.input_shape(1)[i])
      view.mismatch("indices are ", view.input_shape(1), ", but ", forward ? first : last, " is ",
                    large.shape, ", which differs along axis ", i);
}

void check(const OperatorView& view) {
  const auto& attributes = view.op().attributes<dn_gather_attributes>();
  const bool forward = attributes.direction == DN_FORWARD;
  view.require(forward || attributes.direction == DN_BACKWARD_DATA, "direction is ",
               attributes.direction, ", expected 1 or 2");
  view.require(attributes.mode == DN_GATHER_ROWS || attributes.mode == DN_GATHER_ALONG, "mode is ",
               attributes.mode, ", expected 1 or 2");
  if (attributes.mode == DN_GATHER_ALONG) {
    check_along(view, forward);
  } else {
    view.require(attributes.axis == 0, "axis is ", attributes.axis, ", expected 0 for rows");
    if (forward)
      check_rows_forward(view);
    else
      check_rows_backward(view);
  }
  view.expect_dtype("indices", view.input(1), DN_DTYPE_I32);
}

int64_t operations(const OperatorView& view) {
  const bool forward = view.op().attributes<dn_gather_attributes>().direction == DN_FORWARD;
  return forward ? 0 : view.input_shape(0).numel();
}

const RegisterRule rule({DN_OPERATOR_GATHER, "Gather", sizeof(dn_gather_attributes), nullptr, check,
                         operations});

}  // namespace

}  // namespace dn
