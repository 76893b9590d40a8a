#include "engine/operator_rule.h"

namespace dn {

namespace {

void check(const OperatorView& view) {
  const auto& attributes = view.op().attributes<dn_optimizer_attributes>();
  const bool adam = attributes.rule == DN_OPTIMIZER_ADAM;
  view.require(adam || attributes.rule == DN_OPTIMIZER_SGD, "rule is ", attributes.rule,
               ", expected 1 or 2");
  const int count = attributes.count;
  view.require(count >= 1, "count is ", count, ", expected at least 1");
  view.require(attributes.weight_decay >= 0, "weight_decay is ", attributes.weight_decay);
  if (adam) {
    view.require(attributes.beta1 >= 0 && attributes.beta1 < 1 && attributes.beta2 >= 0 &&
                     attributes.beta2 < 1 && attributes.epsilon > 0,
                 "beta1 is ", attributes.beta1, ", beta2 ", attributes.beta2, ", epsilon ",
                 attributes.epsilon, "; expected [0, 1), [0, 1), more than 0");
  } else {
    view.require(attributes.momentum >= 0 && attributes.momentum < 1, "momentum is ",
                 attributes.momentum, ", expected [0, 1)");
    view.require(!attributes.nesterov || attributes.momentum > 0, "Nesterov needs a momentum");
  }
  const int states = adam ? 2 : attributes.momentum > 0 ? 1 : 0;
  const int first = adam ? 2 : 1;
  const int inputs = first + count * (2 + states), outputs = count * (1 + states) + adam;
  view.check_counts(inputs, inputs, outputs, outputs);
  view.expect_shape("learning_rate", view.input(0), {});
  view.expect_dtype("learning_rate", view.input(0), DN_DTYPE_F32);
  if (adam) {
    view.expect_shape("step", view.input(1), {});
    view.expect_dtype("step", view.input(1), DN_DTYPE_I64);
    view.require(view.op().output(outputs - 1) == view.op().input(1),
                 "the last output must be the step of input 1");
  }
  for (int i = 0; i < count; ++i) {
    for (int role = 0; role < 2 + states; ++role) {
      const int slot = first + role * count + i;
      view.expect_shape(role == 0   ? "a parameter"
                        : role == 1 ? "a gradient"
                                    : "a state",
                        view.input(slot), view.input_shape(first + i));
      if (role == 1) {
        view.expect_float("a gradient", view.input(slot));
        continue;
      }
      view.expect_dtype(role == 0 ? "a parameter" : "a state", view.input(slot), DN_DTYPE_F32);
      const int output = (role == 0 ? 0 : role - 1) * count + i;
      view.require(view.op().output(output) == view.op().input(slot), "output ", output,
                   " must be the same tensor as input ", slot);
    }
  }
}

const RegisterRule rule({DN_OPERATOR_OPTIMIZER, "Optimizer", sizeof(dn_optimizer_attributes),
                         nullptr, check, nullptr});

}  // namespace

}  // namespace dn
