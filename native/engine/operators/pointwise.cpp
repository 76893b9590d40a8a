#include "engine/operator_rule.h"
#include "engine/operators/broadcast.h"

namespace dn {

namespace {

constexpr int kMaxArguments = 64;

void adopt(Operator& op) {
  op.adopt_expression(&dn_pointwise_attributes::instructions);
}

void check(const OperatorView& view) {
  view.check_counts(0, kMaxArguments, 1, kMaxArguments);
  const int inputs = (int)view.op().inputs().size(), outputs = (int)view.op().outputs().size();
  for (int slot = 0; slot < inputs; ++slot) view.input(slot);
  check_expression(view, inputs, outputs);
  for (int slot = 1; slot < outputs; ++slot)
    view.expect_shape("an output", view.output(slot), view.output_shape(0));
  Shape shape;
  for (int slot = 0; slot < inputs; ++slot) shape = broadcast(view, shape, view.input_shape(slot));
  if (outputs > 0 && !(broadcast(view, shape, view.output_shape(0)) == view.output_shape(0)))
    view.mismatch("the output is ", view.output_shape(0), ", to which the inputs' ", shape,
                  " does not broadcast");
}

int64_t operations(const OperatorView& view) {
  int64_t per_element = 0;
  for (const dn_instruction& instruction : view.op().expression())
    per_element += instruction.opcode >= DN_OPCODE_ADD;
  return per_element * view.output_shape(0).numel();
}

const RegisterRule rule({DN_OPERATOR_POINTWISE, "Pointwise", sizeof(dn_pointwise_attributes), adopt,
                         check, operations});

}  // namespace

Shape broadcast(const OperatorView& view, const Shape& a, const Shape& b) {
  const int rank = std::max(a.rank(), b.rank());
  int64_t dims[DN_MAX_RANK] = {};
  for (int axis = 0; axis < rank; ++axis) {
    const int in_a = axis - (rank - a.rank()), in_b = axis - (rank - b.rank());
    const int64_t from_a = in_a >= 0 ? a[in_a] : 1, from_b = in_b >= 0 ? b[in_b] : 1;
    if (from_a != from_b && from_a != 1 && from_b != 1)
      view.mismatch("the inputs ", a, " and ", b, " do not broadcast");
    dims[axis] = from_a == 1 ? from_b : from_a;
  }
  return Shape(rank, dims);
}

}  // namespace dn
