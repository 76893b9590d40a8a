#include "engine/operator_rule.h"

namespace dn {

namespace {

void check(const OperatorView& view) {
  const auto& attributes = view.op().attributes<dn_ctc_loss_attributes>();
  view.require(attributes.zero_infinity == 0 || attributes.zero_infinity == 1, "zero_infinity is ",
               attributes.zero_infinity, ", expected 0 or 1");
  view.check_counts(4, 4, 1, 2);
  view.expect_rank("log_probs", view.input(0), 3, 3);
  view.expect_dtype("log_probs", view.input(0), DN_DTYPE_F32);
  const Shape& log_probs = view.input_shape(0);
  const int64_t steps = log_probs[0], batch = log_probs[1], classes = log_probs[2];
  view.require(attributes.blank >= 0 && attributes.blank < classes, "blank is ", attributes.blank,
               ", expected a class of log_probs ", log_probs);
  if (steps < 1) view.mismatch("log_probs is ", log_probs, ", without steps");
  view.expect_rank("targets", view.input(1), 2, 2);
  view.expect_dtype("targets", view.input(1), DN_DTYPE_I32);
  view.expect_shape("targets", view.input(1), {batch, view.input_shape(1)[1]});
  for (int slot = 2; slot < 4; ++slot) {
    const char* what = slot == 2 ? "input_lengths" : "target_lengths";
    view.expect_shape(what, view.input(slot), {batch});
    view.expect_dtype(what, view.input(slot), DN_DTYPE_I32);
  }
  view.expect_shape("loss", view.output(0), {batch});
  view.expect_dtype("loss", view.output(0), DN_DTYPE_F32);
  if (!view.op().has_output(1)) return;
  view.expect_shape("grad_log_probs", view.output(1), log_probs);
  view.expect_dtype("grad_log_probs", view.output(1), DN_DTYPE_F32);
}

// A state takes the logarithm of three exponentials, forwards and backwards.
int64_t operations(const OperatorView& view) {
  const Shape& log_probs = view.input_shape(0);
  const int64_t states = 2 * view.input_shape(1)[1] + 1;
  return log_probs[0] * log_probs[1] * states * (view.op().has_output(1) ? 24 : 10);
}

const RegisterRule rule({DN_OPERATOR_CTC_LOSS, "CtcLoss", sizeof(dn_ctc_loss_attributes), nullptr,
                         check, operations});

}  // namespace

}  // namespace dn
