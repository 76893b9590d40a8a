// Batch normalisation, alone and with the addition and relu that follow it, or their gradient before
// its own.
#include "cuda/kernels/batch_norm.h"

#include <limits>

#include "cuda/channel_layout.h"
#include "engine/patterns.h"

namespace dn::cuda {

namespace {

BatchNormView view_of(const TensorDeclaration& x, const LayoutRef& layout) {
  BatchNormView v{};
  v.dtype = x.dtype;
  v.channels_last = channels_are_last(x.shape, layout);
  v.batch = x.shape[0];
  v.positions = positions_of(x.shape);
  v.channels = (int32_t)x.shape[1];
  return v;
}

const dn_batch_norm_attributes& attributes_of(const Operator& op) {
  return op.attributes<dn_batch_norm_attributes>();
}

std::string refuse(const CompileView& view, int op) {
  return view.tensor(view.op(op).input(0)).shape[1] > std::numeric_limits<int32_t>::max()
             ? "has more than 2^31 channels"
             : "";
}

// ---- forward ----

KernelPlan plan_forward(const CompileView& view, int index, const std::optional<ReluAfter>& after) {
  const Operator& op = view.op(index);
  const auto& attributes = attributes_of(op);
  const bool training = attributes.mode == DN_BATCH_NORM_TRAINING;
  const int x = op.input(0), residual = after ? after->residual : -1;
  const LayoutRef layout = working_layout(view, x);
  KernelPlan plan;
  for (int id : op.inputs()) plan.inputs.push_back(row_major_slot(id));
  plan.inputs[0].layout = layout;
  if (residual >= 0) plan.inputs.push_back({residual, layout});
  for (int id : op.outputs()) plan.outputs.push_back(row_major_slot(id));
  plan.outputs[0] = {after ? after->output : op.output(0), layout};
  const int residual_slot = residual >= 0 ? (int)plan.inputs.size() - 1 : -1;
  plan.in_place = {residual >= 0 ? residual_slot : 0};
  const BatchNormView shape = view_of(view.tensor(x), layout);
  const bool relu = after && after->relu;
  if (training) plan.scratch_bytes = batch_norm_scratch_bytes(shape);
  plan.kernel = make_launcher(view, [=](cudaStream_t stream, const Arguments& a) {
    const void* added = residual_slot >= 0 ? a.inputs[residual_slot] : nullptr;
    if (training)
      batch_norm_training(stream, {shape, a.inputs[0], added, in(a, 1), in(a, 2), a.outputs[0],
                                   out(a, 1), out(a, 2), out(a, 3), out(a, 4), a.scratch,
                                   attributes.epsilon, attributes.momentum, relu});
    else
      batch_norm_inference(stream, {shape, a.inputs[0], added, in(a, 1), in(a, 2), in(a, 3),
                                    in(a, 4), a.outputs[0], attributes.epsilon, relu});
  });
  return plan;
}

class BatchNormRelu final : public Candidate {
 public:
  std::string name() const override { return "own:batch_norm_relu"; }
  int kind() const override { return DN_OPERATOR_BATCH_NORM; }

  std::vector<int> match(const CompileView& view, int first, std::string& reason) const override {
    reason = refuse(view, first);
    if (!reason.empty()) return {};
    const Operator& op = view.op(first);
    if (attributes_of(op).mode == DN_BATCH_NORM_BACKWARD) {
      reason = "not the forward direction";
      return {};
    }
    if (const auto after = relu_after(view, op.output(0))) return {first, after->op};
    reason = "no relu or addition follows";
    return {};
  }

  KernelPlan plan(const CompileView& view, std::span<const int> operators) const override {
    return plan_forward(view, operators[0], relu_after(view, view.op(operators[0]).output(0)));
  }
};

// ---- backward ----

KernelPlan plan_backward(const CompileView& view, int index,
                         const std::optional<ReluGradientBeforeNorm>& before) {
  const Operator& op = view.op(index);
  const int x = op.input(0);
  const LayoutRef layout = working_layout(view, x);
  const BatchNormView shape = view_of(view.tensor(x), layout);
  constexpr int kGradient = 4, kFirstExtra = 5;
  KernelPlan plan;
  for (int id : op.inputs()) plan.inputs.push_back(row_major_slot(id));
  for (int id : op.outputs()) plan.outputs.push_back(row_major_slot(id));
  plan.inputs[0].layout = plan.outputs[0].layout = layout;
  plan.inputs[kGradient] = {before ? before->relu.gradient : op.input(kGradient), layout};
  ReluGradient relu = ReluGradient::None;
  bool other = false, masked = false;
  if (before && before->bias >= 0) {
    relu = ReluGradient::FromInput;
    plan.inputs.push_back(row_major_slot(before->bias));
  } else if (before) {
    relu = ReluGradient::FromOutput;
    plan.inputs.push_back({before->relu.y, layout});
    other = before->relu.other >= 0;
    if (other) plan.inputs.push_back({before->relu.other, layout});
    masked = before->needs_masked;
    if (masked) plan.outputs.push_back({before->relu.output, layout});
  }
  plan.in_place = {kGradient};
  plan.scratch_bytes = batch_norm_scratch_bytes(shape);
  plan.kernel = make_launcher(view, [=](cudaStream_t stream, const Arguments& a) {
    BatchNormBackward p{};
    p.view = shape;
    p.x = a.inputs[0];
    p.weight = in(a, 1), p.mean = in(a, 2), p.inv_std = in(a, 3);
    p.dy = a.inputs[kGradient];
    p.dx = a.outputs[0];
    p.dweight = out(a, 1), p.dbias = out(a, 2);
    p.scratch = a.scratch;
    p.relu = relu;
    if (relu == ReluGradient::FromInput) p.bias = in(a, kFirstExtra);
    if (relu == ReluGradient::FromOutput) {
      p.y = a.inputs[kFirstExtra];
      p.dy_other = other ? a.inputs[kFirstExtra + 1] : nullptr;
      p.masked = masked ? a.outputs[3] : a.outputs[0];
    }
    batch_norm_backward(stream, p);
  });
  return plan;
}

class BatchNormReluBackward final : public Candidate {
 public:
  std::string name() const override { return "own:batch_norm_relu_backward"; }
  int kind() const override { return DN_OPERATOR_POINTWISE; }

  std::vector<int> match(const CompileView& view, int first, std::string& reason) const override {
    const auto found = relu_gradient_before_norm(view, first, reason);
    if (found) reason = refuse(view, found->backward);
    return reason.empty() ? std::vector<int>{first, found->backward} : std::vector<int>{};
  }

  KernelPlan plan(const CompileView& view, std::span<const int> operators) const override {
    std::string reason;
    return plan_backward(view, operators[1], relu_gradient_before_norm(view, operators[0], reason));
  }
};

KernelPlan plan(const CompileView& view, int op) {
  return attributes_of(view.op(op)).mode == DN_BATCH_NORM_BACKWARD ? plan_backward(view, op, {})
                                                                   : plan_forward(view, op, {});
}

const RegisterOperator batch_norm({"own:batch_norm", DN_OPERATOR_BATCH_NORM, 100, refuse, plan});
const RegisterCandidate relu(std::make_unique<BatchNormRelu>());
const RegisterCandidate relu_backward(std::make_unique<BatchNormReluBackward>());

}  // namespace

}  // namespace dn::cuda
