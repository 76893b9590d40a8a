// The k largest or smallest elements along an axis.
#include "cuda/kernels/top_k.h"

#include "cuda/candidates.h"

namespace dn::cuda {

namespace {

std::string refuse(const CompileView& view, int op) {
  const Operator& operation = view.op(op);
  const int axis = operation.attributes<dn_top_k_attributes>().axis;
  const int64_t extent = view.tensor(operation.input(0)).shape[axis];
  return extent <= INT32_MAX ? "" : "needs fewer than 2^31 elements along the axis";
}

KernelPlan plan(const CompileView& view, int op) {
  const Operator& operation = view.op(op);
  const auto& attributes = operation.attributes<dn_top_k_attributes>();
  const Shape& shape = view.tensor(operation.input(0)).shape;
  TopKParams params;
  params.extent = shape[attributes.axis];
  for (int i = 0; i < shape.rank(); ++i)
    if (i != attributes.axis) (i < attributes.axis ? params.outer : params.inner) *= shape[i];
  params.k = attributes.k;
  params.largest = attributes.largest != 0;
  params.multiprocessors = device_of(view).limits().multiprocessors;
  KernelPlan plan;
  plan.inputs = {row_major_slot(operation.input(0))};
  plan.outputs = {row_major_slot(operation.output(0)), row_major_slot(operation.output(1))};
  plan.scratch_bytes = top_k_scratch_bytes(params);
  plan.kernel = make_launcher(view, [params](cudaStream_t stream, const Arguments& a) mutable {
    params.x = in(a, 0);
    params.values = out(a, 0);
    params.indices = out<int32_t>(a, 1);
    params.scratch = a.scratch;
    top_k(stream, params);
  });
  return plan;
}

const RegisterOperator select({"own:top_k", DN_OPERATOR_TOP_K, 100, refuse, plan});

}  // namespace

}  // namespace dn::cuda
