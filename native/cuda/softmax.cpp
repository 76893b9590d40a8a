// Softmax and softmax cross-entropy.
#include "cuda/kernels/softmax.h"

#include "cuda/channel_layout.h"
#include "cuda/kernels/softmax_cross_entropy.h"

namespace dn::cuda {

namespace {

// A tensor seen as (outer, classes, inner) in its memory's order.
struct Split {
  LayoutRef layout;
  int64_t outer = 1, classes = 1, inner = 1;
};

Split split_at(const CompileView& view, int tensor, int axis) {
  const Shape& shape = view.tensor(tensor).shape;
  Split split;
  split.classes = shape[axis];
  // Channels last, axis 1 is innermost; other axes are walked row-major.
  if (axis == 1 && !view.free(tensor)) split.layout = view.layout(tensor);
  for (int i = 0; i < shape.rank(); ++i)
    if (i != axis) (i < axis || split.layout ? split.outer : split.inner) *= shape[i];
  return split;
}

KernelPlan plan_softmax(const CompileView& view, int index) {
  const Operator& op = view.op(index);
  const auto& attributes = op.attributes<dn_softmax_attributes>();
  const Split split = split_at(view, op.input(0), attributes.axis);
  const SoftmaxView shape{view.tensor(op.input(0)).dtype, attributes.log != 0, split.outer,
                          split.classes, split.inner};
  const bool forward = attributes.direction == DN_FORWARD;
  KernelPlan plan;
  for (int id : op.inputs()) plan.inputs.push_back({id, split.layout});
  plan.outputs = {{op.output(0), split.layout}};
  plan.in_place = {forward ? 0 : 1};
  plan.kernel = make_launcher(view, [=](cudaStream_t stream, const Arguments& a) {
    if (forward)
      softmax_forward(stream, {shape, a.inputs[0], a.outputs[0]});
    else
      softmax_backward(stream, {shape, a.inputs[0], a.inputs[1], a.outputs[0]});
  });
  return plan;
}

KernelPlan plan_cross_entropy(const CompileView& view, int index) {
  const Operator& op = view.op(index);
  const Split split = split_at(view, op.input(0), 1);
  const bool weighted = op.has_input(2), gradient = op.has_output(1);
  KernelPlan plan;
  for (int id : op.inputs())
    if (id >= 0) plan.inputs.push_back(row_major_slot(id));
  plan.inputs[0].layout = split.layout;
  plan.outputs = {row_major_slot(op.output(0))};
  if (gradient) plan.outputs.push_back({op.output(1), split.layout});
  plan.scratch_bytes = softmax_cross_entropy_scratch_bytes(split.outer, split.classes, split.inner);
  const auto fault = device_of(view).faults().reserve(
      [label = view.view(index).label(), classes = split.classes](int64_t sample, int32_t value) {
        return text(label, ": label ", value, " of sample ", sample,
                    " is outside the classes 0 to ", classes - 1);
      });
  SoftmaxCrossEntropy p{};
  p.dtype = view.tensor(op.input(0)).dtype;
  const auto& attributes = op.attributes<dn_softmax_cross_entropy_attributes>();
  p.scale = attributes.scale;
  p.label_smoothing = attributes.label_smoothing;
  p.ignore = attributes.ignore != 0;
  p.ignore_index = attributes.ignore_index;
  p.outer = split.outer, p.classes = split.classes, p.inner = split.inner;
  plan.kernel = make_launcher(view, [=](cudaStream_t stream, const Arguments& a) {
    SoftmaxCrossEntropy call = p;
    call.logits = a.inputs[0];
    call.labels = in<int32_t>(a, 1);
    call.weight = weighted ? in(a, 2) : nullptr;
    call.loss = out(a, 0);
    call.grad_logits = gradient ? a.outputs[1] : nullptr;
    call.scratch = a.scratch;
    call.fault = fault->device;
    softmax_cross_entropy(stream, call);
  });
  return plan;
}

const RegisterOperator softmax({"own:softmax", DN_OPERATOR_SOFTMAX, 100, nullptr, plan_softmax});
const RegisterOperator cross_entropy({"own:softmax_cross_entropy",
                                      DN_OPERATOR_SOFTMAX_CROSS_ENTROPY, 100, nullptr,
                                      plan_cross_entropy});

}  // namespace

}  // namespace dn::cuda
