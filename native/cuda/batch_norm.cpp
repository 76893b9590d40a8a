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

// What is before the gradient of a batch norm.
struct Before {
  ReluGradientOf relu;
  bool needs_masked;  // others read the gradient behind the relu
  int bias;           // of the forward operator, where the mask can be computed from x; else -1
};

// The bias of the batch norm whose relu's output y is, if nothing else went into y and what the
// mask depends on is unchanged before operator `last`.
int bias_behind(const CompileView& view, const Operator& backward, int y, int last) {
  const int producer = view.tensor(y).producer;
  if (producer < 0) return -1;
  for (int id : view.op(producer).inputs()) {
    const int first = id < 0 ? -1 : view.tensor(id).producer;
    if (first < 0 || view.op(first).kind() != DN_OPERATOR_BATCH_NORM) continue;
    const Operator& forward = view.op(first);
    if (attributes_of(forward).mode != DN_BATCH_NORM_TRAINING || forward.output(0) != id) continue;
    const auto after = relu_after(view, id);
    if (!after || after->op != producer || !after->relu || after->residual >= 0) continue;
    if (forward.input(0) != backward.input(0) || forward.input(1) != backward.input(1) ||
        forward.output(1) != backward.input(2) || forward.output(2) != backward.input(3))
      continue;
    for (int index = first + 1; index < last; ++index)
      for (int written : view.op(index).outputs())
        if (written >= 0 && (written == forward.input(0) || written == forward.input(1) ||
                             written == forward.input(2)))
          return -1;
    return forward.input(2);
  }
  return -1;
}

KernelPlan plan_backward(const CompileView& view, int index, const std::optional<Before>& before) {
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
    Before before;
    int backward = -1;
    reason = find(view, first, before, backward);
    return reason.empty() ? std::vector<int>{first, backward} : std::vector<int>{};
  }

  KernelPlan plan(const CompileView& view, std::span<const int> operators) const override {
    Before before;
    int backward = -1;
    find(view, operators[0], before, backward);
    return plan_backward(view, backward, before);
  }

 private:
  static std::string find(const CompileView& view, int first, Before& before, int& backward) {
    const auto relu = relu_gradient_of(view, first);
    if (!relu) return "not the gradient of relu";
    const TensorDeclaration& masked = view.tensor(relu->output);
    if (!masked.transient()) return "the gradient is asked for";
    for (int consumer : masked.consumers) {
      const Operator& op = view.op(consumer);
      if (op.kind() != DN_OPERATOR_BATCH_NORM || op.input(4) != relu->output ||
          attributes_of(op).mode != DN_BATCH_NORM_BACKWARD)
        continue;
      backward = consumer;
      before = {*relu, masked.consumers.size() > 1, -1};
      if (!before.needs_masked && relu->other < 0)
        before.bias = bias_behind(view, op, relu->y, backward);
      return refuse(view, consumer);
    }
    return "the gradient of batch norm does not follow";
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
