// Slices, in the layout that x has.
#include "cuda/candidates.h"
#include "cuda/kernels/layout_change.h"
#include "engine/moved_axes.h"

namespace dn::cuda {

namespace {

KernelPlan plan(const CompileView& view, int index) {
  const Operator& op = view.op(index);
  const TensorDeclaration& x = view.tensor(op.input(0));
  const Shape& y = view.tensor(op.output(0)).shape;
  KernelPlan plan;
  plan.inputs = {present_slot(view, op.input(0))};
  plan.outputs = {row_major_slot(op.output(0))};
  MovedAxes axes = sliced_axes(op, x.shape, y);
  if (plan.inputs[0].layout) {
    put_channels_last(axes);
    plan.outputs = {channels_last_slot(view, op.output(0))};
  }
  const auto strides = dn::strides_of(axes, &MovedAxis::x);
  LayoutChange change;
  change.element_bytes = (int32_t)size_of(x.dtype);
  change.rank = (int32_t)axes.size();
  int64_t first = 0;
  for (int i = 0; i < change.rank; ++i) {
    const MovedAxis& axis = axes[(size_t)i];
    first += axis.begin * strides[(size_t)i] * change.element_bytes;
    change.dims[i] = axis.y;
    change.source_strides[i] = axis.step * strides[(size_t)i];
  }
  if (y.numel() == 0) first = 0;  // begin may lie behind the end
  plan.kernel =
      make_launcher(view, [change, first](cudaStream_t stream, const Arguments& a) mutable {
        change.source = in<char>(a, 0) + first;
        change.destination = a.outputs[0];
        change_layout(stream, change);
      });
  return plan;
}

const RegisterOperator slice({"own:slice", DN_OPERATOR_SLICE, 100, nullptr, plan});

}  // namespace

}  // namespace dn::cuda
