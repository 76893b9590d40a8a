#include "engine/operator_rule.h"

namespace dn {

namespace {

int gates_of(int cell) {
  return cell == DN_RECURRENT_LSTM ? 4 : cell == DN_RECURRENT_GRU ? 3 : 1;
}

// Slots: see DN_OPERATOR_RECURRENT. Forward and backward share the first six inputs.
void check(const OperatorView& view) {
  const auto& attributes = view.op().attributes<dn_recurrent_attributes>();
  view.require(attributes.direction == DN_FORWARD || attributes.direction == DN_BACKWARD_DATA,
               "direction is ", attributes.direction, ", expected 1 or 2");
  view.require(attributes.cell >= DN_RECURRENT_TANH && attributes.cell <= DN_RECURRENT_GRU,
               "cell is ", attributes.cell, ", expected 1 to 4");
  view.require(attributes.reverse == 0 || attributes.reverse == 1, "reverse is ",
               attributes.reverse, ", expected 0 or 1");
  const bool forward = attributes.direction == DN_FORWARD;
  const bool lstm = attributes.cell == DN_RECURRENT_LSTM;
  if (forward)
    view.check_counts(2, 6, 1, 4);
  else
    view.check_counts(2, 11, 2, 5);
  constexpr int kLengths = 5;
  const Operator& op = view.op();
  for (int slot = 0; slot < (int)op.inputs().size(); ++slot)
    if (op.has_input(slot))
      view.expect_dtype(slot == kLengths ? "lengths" : "an input", view.input(slot),
                        slot == kLengths ? DN_DTYPE_I32 : DN_DTYPE_F32);
  for (int slot = 0; slot < (int)op.outputs().size(); ++slot)
    if (op.has_output(slot)) view.expect_dtype("an output", view.output(slot), DN_DTYPE_F32);

  view.expect_rank("gates", view.input(0), 3, 3);
  view.expect_rank("weight", view.input(1), 2, 2);
  const Shape& gates = view.input_shape(0);
  const int64_t steps = gates[0], batch = gates[1], hidden = view.input_shape(1)[1];
  if (steps < 1) view.mismatch("gates is ", gates, ", expected one step or more");
  if (hidden < 1) view.mismatch("weight is ", view.input_shape(1), ", expected one unit or more");
  const int64_t width = gates_of(attributes.cell) * hidden;
  const Shape state{batch, hidden}, sequence{steps, batch, hidden};
  view.expect_shape("gates", view.input(0), {steps, batch, width});
  view.expect_shape("weight", view.input(1), {width, hidden});
  const auto input = [&](int slot, const char* what, const Shape& shape) {
    if (op.has_input(slot)) view.expect_shape(what, view.input(slot), shape);
  };
  const auto output = [&](int slot, const char* what, const Shape& shape) {
    if (op.has_output(slot)) view.expect_shape(what, view.output(slot), shape);
  };
  input(2, "bias", {width});
  input(3, "initial_hidden", state);
  input(4, "initial_cell", state);
  input(kLengths, "lengths", {batch});
  const Shape reserve{steps * batch * DN_RECURRENT_RESERVE * hidden};
  const int grad_cell = forward ? 2 : 4;  // the output that only an LSTM has
  if (forward) {
    output(0, "the output", sequence);
    output(1, "final_hidden", state);
    output(2, "final_cell", state);
    output(3, "reserve", reserve);
  } else {
    input(6, "the output", sequence);
    input(7, "reserve", reserve);
    input(8, "grad_output", sequence);
    input(9, "grad_final_hidden", state);
    input(10, "grad_final_cell", state);
    output(0, "grad_gates", gates);
    output(1, "grad_weight", {width, hidden});
    output(2, "grad_bias", {width});
    output(3, "grad_initial_hidden", state);
    output(4, "grad_initial_cell", state);
  }
  view.require(lstm || (!op.has_input(4) && !op.has_output(grad_cell) && !op.has_input(10)),
               "only an LSTM has a cell state");
}

int64_t operations(const OperatorView& view) {
  const Shape& gates = view.input_shape(0);
  const int64_t product = 2 * gates.numel() * view.input_shape(1)[1];
  // Backward: the gradients of the state and of the weight.
  return view.op().attributes<dn_recurrent_attributes>().direction == DN_FORWARD ? product
                                                                                 : 2 * product;
}

const RegisterRule rule({DN_OPERATOR_RECURRENT, "Recurrent", sizeof(dn_recurrent_attributes),
                         nullptr, check, operations});

}  // namespace

}  // namespace dn
