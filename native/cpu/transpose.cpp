// Permuted axes; the result is row-major.
#include "cpu/arrangement.h"
#include "cpu/kernels/strided_copy.h"

namespace dn::cpu {

namespace {

KernelPlan plan(const CompileView& view, int index) {
  const Operator& op = view.op(index);
  const TensorDeclaration& x = view.tensor(op.input(0));
  const Shape& y = view.tensor(op.output(0)).shape;
  const int64_t* permutation = op.attributes<dn_transpose_attributes>().permutation;
  Arrangement arrangement = arrangement_of(view, op.input(0));
  if (arrangement.kind == Arrangement::ChannelBlocks) arrangement = {};
  // x's axes in the order of memory, and their strides.
  std::vector<int> order;
  for (int axis = 0; axis < x.shape.rank(); ++axis) order.push_back(axis);
  if (arrangement.kind == Arrangement::ChannelsLast)
    std::rotate(order.begin() + 1, order.begin() + 2, order.end());
  int64_t strides[DN_MAX_RANK], stride = 1;
  for (int i = x.shape.rank() - 1; i >= 0; --i) {
    strides[order[(size_t)i]] = stride;
    stride *= x.shape[order[(size_t)i]];
  }
  StridedCopy copy;
  copy.element_bytes = (int)size_of(x.dtype);
  int64_t to = y.numel();
  for (int axis = 0; axis < y.rank() && to > 0; ++axis)
    copy.add(y[axis], strides[permutation[axis]], to /= y[axis]);
  if (y.numel() == 0) copy.add(0, 1, 1);
  KernelPlan plan;
  plan.inputs = {{op.input(0), arrangement.layout}};
  plan.outputs = {row_major_slot(op.output(0))};
  const int threads = device_of(view).threads();
  plan.kernel = make_kernel([copy = copy.simplified(), threads](const Arguments& a) {
    strided_copy(copy, a.inputs[0], a.outputs[0], threads);
  });
  return plan;
}

const RegisterOperator transpose({"own:transpose", DN_OPERATOR_TRANSPOSE, 100, nullptr, plan});

}  // namespace

}  // namespace dn::cpu
