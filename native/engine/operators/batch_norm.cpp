#include "engine/operator_rule.h"

namespace dn {

namespace {

void check(const OperatorView& view) {
  const auto& attributes = view.op().attributes<dn_batch_norm_attributes>();
  const int mode = attributes.mode;
  view.require(mode >= DN_BATCH_NORM_TRAINING && mode <= DN_BATCH_NORM_BACKWARD, "mode is ", mode,
               ", expected 1 to 3");
  view.require(attributes.epsilon > 0, "epsilon is ", attributes.epsilon, ", expected more than 0");
  view.require(attributes.momentum >= 0 && attributes.momentum <= 1, "momentum is ",
               attributes.momentum, ", expected 0 to 1");
  const int outputs = mode == DN_BATCH_NORM_TRAINING ? 5 : mode == DN_BATCH_NORM_BACKWARD ? 3 : 1;
  view.check_counts(5, 5, outputs, outputs);
  view.expect_float("the input", view.input(0));
  const DType dtype = view.input(0).dtype;
  view.expect_dtype(mode == DN_BATCH_NORM_BACKWARD ? "grad_input" : "the output", view.output(0),
                    dtype);
  if (mode == DN_BATCH_NORM_BACKWARD) view.expect_dtype("grad_output", view.input(4), dtype);
  for (int slot = 1; slot < (mode == DN_BATCH_NORM_BACKWARD ? 4 : 5); ++slot)
    view.expect_dtype("a parameter or statistic", view.input(slot), DN_DTYPE_F32);
  for (int slot = 1; slot < outputs; ++slot)
    view.expect_dtype("a statistic or gradient", view.output(slot), DN_DTYPE_F32);
  view.expect_rank("the input", view.input(0), 2, DN_MAX_RANK);
  const Shape& x = view.input_shape(0);
  const Shape per_channel{x[1]};
  if (mode == DN_BATCH_NORM_BACKWARD) {
    for (int slot = 1; slot < 4; ++slot)
      view.expect_shape("a statistic", view.input(slot), per_channel);
    view.expect_shape("grad_output", view.input(4), x);
    view.expect_shape("grad_input", view.output(0), x);
    for (int slot = 1; slot < 3; ++slot)
      view.expect_shape("a gradient", view.output(slot), per_channel);
    return;
  }
  const char* names[] = {"", "weight", "bias", "running_mean", "running_var"};
  for (int slot = 1; slot < 5; ++slot)
    view.expect_shape(names[slot], view.input(slot), per_channel);
  view.expect_shape("the output", view.output(0), x);
  if (mode == DN_BATCH_NORM_INFERENCE) return;
  if (x.numel() / std::max<int64_t>(x[1], 1) < 2)
    view.mismatch("the input ", x, " has one value a channel; training needs at least 2");
  for (int slot = 1; slot < 5; ++slot)
    view.expect_shape("a statistic", view.output(slot), per_channel);
  view.require(
      view.op().output(3) == view.op().input(3) && view.op().output(4) == view.op().input(4),
      "outputs 3 and 4 must be the running statistics of inputs 3 and 4");
}

int64_t operations(const OperatorView& view) {
  return 8 * view.input_shape(0).numel();
}

const RegisterRule rule({DN_OPERATOR_BATCH_NORM, "BatchNorm", sizeof(dn_batch_norm_attributes),
                         nullptr, check, operations});

}  // namespace

}  // namespace dn
