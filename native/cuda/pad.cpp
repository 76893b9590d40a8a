// Padding by a constant, by reflection and by the edge, in the layout that the input has.
#include "cuda/kernels/pad.h"

#include "cuda/candidates.h"
#include "engine/moved_axes.h"

namespace dn::cuda {

namespace {

KernelPlan plan(const CompileView& view, int index) {
  const Operator& op = view.op(index);
  const auto& attributes = op.attributes<dn_pad_attributes>();
  const TensorDeclaration &input = view.tensor(op.input(0)), &output = view.tensor(op.output(0));
  const bool forward = attributes.direction == DN_FORWARD;
  KernelPlan plan;
  plan.inputs = {present_slot(view, op.input(0))};
  plan.outputs = {row_major_slot(op.output(0))};
  MovedAxes axes =
      padded_axes(op, forward ? input.shape : output.shape, forward ? output.shape : input.shape);
  if (plan.inputs[0].layout) {
    put_channels_last(axes);
    plan.outputs = {channels_last_slot(view, op.output(0))};
  }
  PadParams p;
  p.mode = (dn_pad_mode)attributes.mode;
  p.element_bytes = (int32_t)size_of(input.dtype);
  p.value = element_of(input.dtype, attributes.value);
  for (const MovedAxis& axis : joined_padding(axes, attributes.mode != DN_PAD_CONSTANT))
    p.axes[p.rank++] = {axis.x, axis.y, axis.begin, axis.step};
  plan.kernel = make_launcher(view, [p, forward](cudaStream_t stream, const Arguments& a) mutable {
    p.source = a.inputs[0];
    p.destination = a.outputs[0];
    if (forward)
      pad(stream, p);
    else
      pad_backward(stream, p);
  });
  return plan;
}

const RegisterOperator candidate({"own:pad", DN_OPERATOR_PAD, 100, nullptr, plan});

}  // namespace

}  // namespace dn::cuda
