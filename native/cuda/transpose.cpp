// Permuted axes, of x in any layout; the result is row-major.
#include "cuda/candidates.h"
#include "cuda/kernels/layout_change.h"

namespace dn::cuda {

namespace {

KernelPlan plan(const CompileView& view, int index) {
  const Operator& op = view.op(index);
  const TensorDeclaration& x = view.tensor(op.input(0));
  const int64_t* permutation = op.attributes<dn_transpose_attributes>().permutation;
  KernelPlan plan;
  plan.inputs = {present_slot(view, op.input(0))};
  plan.outputs = {row_major_slot(op.output(0))};
  const Strides strides = strides_of(x.shape, plan.inputs[0].layout);
  LayoutChange change;
  change.element_bytes = (int32_t)size_of(x.dtype);
  change.rank = x.shape.rank();
  for (int i = 0; i < change.rank; ++i) {
    change.dims[i] = x.shape[(int)permutation[i]];
    change.source_strides[i] = strides.of[permutation[i]];
  }
  plan.kernel = make_launcher(view, [change](cudaStream_t stream, const Arguments& a) mutable {
    change.source = a.inputs[0];
    change.destination = a.outputs[0];
    change_layout(stream, change);
  });
  return plan;
}

const RegisterOperator transpose({"own:transpose", DN_OPERATOR_TRANSPOSE, 100, nullptr, plan});

}  // namespace

}  // namespace dn::cuda
