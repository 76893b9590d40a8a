// The k largest or smallest elements along an axis.
#include "cuda/kernels/top_k.h"

#include "cuda/candidates.h"
#include "engine/axis_view.h"

namespace dn::cuda {

namespace {

KernelPlan plan(const CompileView& view, int op) {
  const Operator& operation = view.op(op);
  const auto& attributes = operation.attributes<dn_top_k_attributes>();
  const Shape& shape = view.tensor(operation.input(0)).shape;
  TopKParams params;
  const AxisView around = view_around(shape, attributes.axis);
  params.outer = around.outer, params.extent = around.extent, params.inner = around.inner;
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

const RegisterOperator select({"own:top_k", DN_OPERATOR_TOP_K, 100, nullptr, plan});

}  // namespace

}  // namespace dn::cuda
