// Running sums along an axis.
#include "cuda/kernels/cumulative_sum.h"

#include "cuda/candidates.h"
#include "engine/axis_view.h"

namespace dn::cuda {

namespace {

KernelPlan plan(const CompileView& view, int op) {
  const Operator& operation = view.op(op);
  const auto& attributes = operation.attributes<dn_cumulative_sum_attributes>();
  const Shape& shape = view.tensor(operation.input(0)).shape;
  CumulativeSumParams params;
  const AxisView around = view_around(shape, attributes.axis);
  params.outer = around.outer, params.extent = around.extent, params.inner = around.inner;
  params.exclusive = attributes.exclusive != 0;
  params.reverse = attributes.reverse != 0;
  params.multiprocessors = device_of(view).limits().multiprocessors;
  KernelPlan plan;
  plan.inputs = {row_major_slot(operation.input(0))};
  plan.outputs = {row_major_slot(operation.output(0))};
  plan.scratch_bytes = cumulative_sum_scratch_bytes(params);
  plan.kernel = make_launcher(view, [params](cudaStream_t stream, const Arguments& a) mutable {
    params.x = in(a, 0);
    params.y = out(a, 0);
    params.scratch = a.scratch;
    cumulative_sum(stream, params);
  });
  return plan;
}

const RegisterOperator cumulative({"own:cumulative_sum", DN_OPERATOR_CUMULATIVE_SUM, 100, nullptr,
                                   plan});

}  // namespace

}  // namespace dn::cuda
