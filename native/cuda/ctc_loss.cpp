// Connectionist temporal classification.
#include "cuda/kernels/ctc_loss.h"

#include "cuda/candidates.h"

namespace dn::cuda {

namespace {

KernelPlan plan(const CompileView& view, int op) {
  const Operator& operation = view.op(op);
  const auto& attributes = operation.attributes<dn_ctc_loss_attributes>();
  const Shape& log_probs = view.tensor(operation.input(0)).shape;
  const bool gradient = operation.has_output(1);
  CtcLossParams params;
  params.steps = log_probs[0];
  params.batch = log_probs[1];
  params.classes = log_probs[2];
  params.most_labels = view.tensor(operation.input(1)).shape[1];
  params.blank = attributes.blank;
  params.zero_infinity = attributes.zero_infinity != 0;
  KernelPlan plan;
  for (int id : operation.inputs()) plan.inputs.push_back(row_major_slot(id));
  for (int id : operation.outputs())
    if (id >= 0) plan.outputs.push_back(row_major_slot(id));
  plan.scratch_bytes =
      ctc_loss_scratch_bytes(params.steps, params.batch, params.most_labels, gradient);
  const std::string label = view.view(op).label();
  FaultTable& faults = device_of(view).faults();
  const auto bad_input_length = faults.reserve([label, params](int64_t sample, int32_t length) {
    return text(label, ": input length ", length, " of sample ", sample, " is outside 1 to ",
                params.steps);
  });
  const auto bad_target_length = faults.reserve([label, params](int64_t sample, int32_t length) {
    return text(label, ": target length ", length, " of sample ", sample, " is outside 0 to ",
                params.most_labels);
  });
  const auto bad_label = faults.reserve([label, params](int64_t place, int32_t value) {
    return text(label, ": label ", value, " at ", place % params.most_labels, " of sample ",
                place / params.most_labels, " is the blank or outside the classes 0 to ",
                params.classes - 1);
  });
  plan.kernel = make_launcher(view, [=](cudaStream_t stream, const Arguments& a) {
    CtcLossParams call = params;
    call.log_probs = in(a, 0);
    call.targets = in<int32_t>(a, 1);
    call.input_lengths = in<int32_t>(a, 2);
    call.target_lengths = in<int32_t>(a, 3);
    call.loss = out(a, 0);
    call.grad_log_probs = gradient ? out(a, 1) : nullptr;
    call.scratch = static_cast<float*>(a.scratch);
    call.bad_input_length = bad_input_length->device;
    call.bad_target_length = bad_target_length->device;
    call.bad_label = bad_label->device;
    ctc_loss(stream, call);
  });
  return plan;
}

const RegisterOperator ctc_loss_candidate({"own:ctc_loss", DN_OPERATOR_CTC_LOSS, 100, nullptr,
                                           plan});

}  // namespace

}  // namespace dn::cuda
