// Group, layer and instance normalisation.
#include "cuda/kernels/group_norm.h"

#include <limits>

#include "cuda/channel_layout.h"
#include "engine/axis_view.h"
#include "engine/optional_slots.h"

namespace dn::cuda {

namespace {

const dn_group_norm_attributes& attributes_of(const Operator& op) {
  return op.attributes<dn_group_norm_attributes>();
}

// Along axis 1 the tensor's own layout is worked in; other axes are walked row-major.
LayoutRef layout_for(const CompileView& view, int index) {
  const Operator& op = view.op(index);
  const bool channels = attributes_of(op).axis == 1 && view.tensor(op.input(0)).shape.rank() > 2;
  return channels ? working_layout(view, op.input(0)) : nullptr;
}

GroupNormView view_of(const TensorDeclaration& x, const dn_group_norm_attributes& attributes,
                      const LayoutRef& layout) {
  GroupNormView v{};
  v.dtype = x.dtype;
  v.channels_last = layout != nullptr;
  const AxisView around = view_around(x.shape, attributes.axis);
  v.outer = around.outer, v.channels = (int32_t)around.extent, v.inner = around.inner;
  v.groups = attributes.groups;
  return v;
}

std::string refuse(const CompileView& view, int index) {
  const Operator& op = view.op(index);
  const auto& attributes = attributes_of(op);
  const TensorDeclaration& x = view.tensor(op.input(0));
  constexpr int64_t kMost = std::numeric_limits<int32_t>::max();
  const int64_t channels = x.shape[attributes.axis];
  if (channels > kMost) return "has more than 2^31 channels";
  const GroupNormView v = view_of(x, attributes, nullptr);
  // Blocks are counted in 32 bits: up to 64 a group.
  if (v.size() > kMost) return "has groups of more than 2^31 values";
  return v.chunks() > kMost / 64 ? "has more than 2^25 groups" : "";
}

KernelPlan plan(const CompileView& view, int index) {
  const Operator& op = view.op(index);
  const auto& attributes = attributes_of(op);
  const bool forward = attributes.direction == DN_FORWARD;
  const LayoutRef layout = layout_for(view, index);
  const GroupNormView shape = view_of(view.tensor(op.input(0)), attributes, layout);
  KernelPlan plan;
  const OptionalSlots inputs(op.inputs(), plan.inputs), outputs(op.outputs(), plan.outputs);
  plan.inputs[0].layout = plan.outputs[0].layout = layout;
  // grad_output is the last input.
  const int last = (int)plan.inputs.size() - 1;
  if (!forward) plan.inputs[last].layout = layout;
  plan.in_place = {forward ? 0 : last};
  plan.scratch_bytes = group_norm_scratch_bytes(shape);
  plan.kernel = make_launcher(view, [=, epsilon = attributes.epsilon](cudaStream_t stream,
                                                                      const Arguments& a) {
    if (forward)
      group_norm_forward(stream, {shape, a.inputs[0], inputs.get(a.inputs, 1),
                                  inputs.get(a.inputs, 2), a.outputs[0], outputs.get(a.outputs, 1),
                                  outputs.get(a.outputs, 2), a.scratch, epsilon});
    else
      group_norm_backward(stream,
                          {shape, a.inputs[0], inputs.get(a.inputs, 1), inputs.get(a.inputs, 2),
                           inputs.get(a.inputs, 3), inputs.get(a.inputs, 4), a.outputs[0],
                           outputs.get(a.outputs, 1), outputs.get(a.outputs, 2), a.scratch});
  });
  return plan;
}

const RegisterOperator group_norm({"own:group_norm", DN_OPERATOR_GROUP_NORM, 100, refuse, plan});

}  // namespace

}  // namespace dn::cuda
