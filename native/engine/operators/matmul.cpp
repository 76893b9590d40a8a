#include <algorithm>

#include "engine/operator_rule.h"

namespace dn {

namespace {

constexpr int kFirstEpilogueInput = 3;
constexpr int kMaxEpilogueInputs = 16;

void adopt(Operator& op) {
  op.adopt_expression(&dn_matmul_attributes::epilogue);
}

void check(const OperatorView& view) {
  view.check_counts(2, kFirstEpilogueInput + kMaxEpilogueInputs, 1, 1);
  const DType dtype = view.input(0).dtype;
  view.expect_float("a", view.input(0));
  view.expect_dtype("b", view.input(1), dtype);
  view.expect_dtype_or_float32("the output", view.output(0), dtype);
  if (view.op().has_input(2)) view.expect_dtype_or_float32("bias", view.input(2), dtype);
  for (int slot = kFirstEpilogueInput; slot < (int)view.op().inputs().size(); ++slot)
    view.expect_dtype("an epilogue input", view.input(slot), view.output(0).dtype);
  const auto& attributes = view.op().attributes<dn_matmul_attributes>();
  view.expect_rank("a", view.input(0), 2, DN_MAX_RANK);
  view.expect_rank("b", view.input(1), 2, DN_MAX_RANK);
  const Shape &a = view.input_shape(0), &b = view.input_shape(1);
  const int64_t a_rows = a[a.rank() - 2], a_columns = a[a.rank() - 1];
  const int64_t b_rows = b[b.rank() - 2], b_columns = b[b.rank() - 1];
  const int64_t rows = attributes.transpose_a ? a_columns : a_rows;
  const int64_t depth = attributes.transpose_a ? a_rows : a_columns;
  const int64_t columns = attributes.transpose_b ? b_rows : b_columns;
  const int64_t b_depth = attributes.transpose_b ? b_columns : b_rows;
  if (depth != b_depth)
    view.mismatch("a is ", a, attributes.transpose_a ? " transposed" : "", " and b is ", b,
                  attributes.transpose_b ? " transposed" : "", ": the depths are ", depth, " and ",
                  b_depth);

  const Shape& batch = a.rank() > 2 ? a : b;
  if (a.rank() > 2 && b.rank() > 2)
    if (a.rank() != b.rank() || !std::equal(a.data(), a.data() + a.rank() - 2, b.data()))
      view.mismatch("a is ", a, " and b is ", b, ": the leading dimensions differ");
  int64_t dims[DN_MAX_RANK];
  std::copy(batch.data(), batch.data() + batch.rank(), dims);
  dims[batch.rank() - 2] = rows;
  dims[batch.rank() - 1] = columns;
  view.expect_shape("the output", view.output(0), Shape(batch.rank(), dims));
  if (view.op().has_input(2)) view.expect_shape("bias", view.input(2), {columns});
  for (int slot = kFirstEpilogueInput; slot < (int)view.op().inputs().size(); ++slot)
    view.expect_shape("an epilogue input", view.input(slot), view.output_shape(0));
  if (!view.op().expression().empty())
    check_expression(view, 1 + std::max(0, (int)view.op().inputs().size() - kFirstEpilogueInput),
                     1);
}

int64_t operations(const OperatorView& view) {
  const auto& attributes = view.op().attributes<dn_matmul_attributes>();
  const Shape& a = view.input_shape(0);
  return 2 * view.output_shape(0).numel() * a[a.rank() - (attributes.transpose_a ? 2 : 1)];
}

const RegisterRule rule({DN_OPERATOR_MATMUL, "MatMul", sizeof(dn_matmul_attributes), adopt, check,
                         operations});

}  // namespace

}  // namespace dn
