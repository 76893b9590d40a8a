// Reductions over any axes, of tensors in any layout.
#include "cuda/kernels/reduce.h"

#include <algorithm>

#include "cuda/candidates.h"

namespace dn::cuda {

namespace {

struct Reduction {
  KernelPlan plan;
  ReduceParams params;
};

Reduction make_reduction(const CompileView& view, int op) {
  const Operator& operation = view.op(op);
  const auto& attributes = operation.attributes<dn_reduce_attributes>();
  const TensorDeclaration& x = view.tensor(operation.input(0));
  const Shape& y = view.tensor(operation.output(0)).shape;
  const int rank = x.shape.rank();
  Reduction result;
  ReduceParams& p = result.params;
  const Slot input = present_slot(view, operation.input(0));
  // An output of the same axes stays in the layout of the input.
  const bool channels = input.layout && attributes.keep_dims;
  const Slot output = channels ? channels_last_slot(view, operation.output(0))
                               : present_slot(view, operation.output(0));
  result.plan.inputs = {input};
  result.plan.outputs = {output};
  p.dtype = x.dtype;
  p.mode = (dn_reduce_mode)attributes.mode;
  p.rank = rank;
  p.axes = attributes.axes;
  p.multiprocessors = device_of(view).limits().multiprocessors;
  std::ranges::copy_n(x.shape.data(), rank, p.dims);
  std::ranges::copy_n(strides_of(x.shape, input.layout).of, rank, p.x_strides);
  const Strides y_strides = strides_of(y, output.layout);
  for (int axis = 0, kept = 0; axis < rank; ++axis) {
    const bool reduced = attributes.axes >> axis & 1;
    if (!reduced) p.y_strides[axis] = y_strides.of[kept];
    if (!reduced || attributes.keep_dims) ++kept;
  }
  return result;
}

std::string refuse(const CompileView& view, int op) {
  return can_reduce(make_reduction(view, op).params) ? "" : "more than 2^31 elements per output";
}

KernelPlan plan(const CompileView& view, int op) {
  Reduction reduction = make_reduction(view, op);
  reduction.plan.scratch_bytes = reduce_scratch_bytes(reduction.params);
  reduction.plan.kernel =
      make_launcher(view, [p = reduction.params](cudaStream_t stream, const Arguments& a) mutable {
        p.x = a.inputs[0];
        p.y = a.outputs[0];
        p.scratch = a.scratch;
        reduce(stream, p);
      });
  return std::move(reduction.plan);
}

const RegisterOperator reduction({"own:reduce", DN_OPERATOR_REDUCE, 100, refuse, plan});

}  // namespace

}  // namespace dn::cuda
