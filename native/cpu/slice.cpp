// Slices, in the layout that x has.
#include "cpu/arrangement.h"
#include "cpu/kernels/strided_copy.h"

namespace dn::cpu {

namespace {

KernelPlan plan(const CompileView& view, int index) {
  const Operator& op = view.op(index);
  const TensorDeclaration& x = view.tensor(op.input(0));
  const Shape& y = view.tensor(op.output(0)).shape;
  Arrangement arrangement = arrangement_of(view, op.input(0));
  MovedAxes axes = sliced_axes(op, x.shape, y);
  if (!arrange(axes, arrangement)) arrangement = {};
  const int64_t size = size_of(x.dtype);
  const auto x_strides = strides_of(axes, &MovedAxis::x),
             y_strides = strides_of(axes, &MovedAxis::y);
  StridedCopy copy;
  copy.element_bytes = (int)size;
  int64_t first = 0;
  for (size_t i = 0; i < axes.size(); ++i) {
    first += axes[i].begin * x_strides[i] * size;
    copy.add(axes[i].y, axes[i].step * x_strides[i], y_strides[i]);
  }
  KernelPlan plan;
  plan.inputs = {{op.input(0), arrangement.layout}};
  plan.outputs = {{op.output(0), like(arrangement.layout, y, x.dtype)}};
  if (copy.numel() == 0) first = 0;  // begin may lie behind the end
  const int threads = device_of(view).threads();
  plan.kernel = make_kernel([copy = copy.simplified(), first, threads](const Arguments& a) {
    strided_copy(copy, static_cast<const char*>(a.inputs[0]) + first, a.outputs[0], threads);
  });
  return plan;
}

const RegisterOperator slice({"own:slice", DN_OPERATOR_SLICE, 100, nullptr, plan});

}  // namespace

}  // namespace dn::cpu
