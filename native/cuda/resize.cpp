// Resizing of (N, C, spatial ..).
#include "cuda/kernels/resize.h"

#include "cuda/candidates.h"

namespace dn::cuda {

namespace {

KernelPlan plan(const CompileView& view, int op) {
  const Operator& operation = view.op(op);
  const auto& attributes = operation.attributes<dn_resize_attributes>();
  ResizeParams params;
  params.direction = (dn_direction)attributes.direction;
  params.mode = (dn_resize_mode)attributes.mode;
  params.coordinates = (dn_resize_coordinates)attributes.coordinates;
  const bool forward = params.direction == DN_FORWARD;
  const Shape& small = view.tensor(forward ? operation.input(0) : operation.output(0)).shape;
  const Shape& large = view.tensor(forward ? operation.output(0) : operation.input(0)).shape;
  params.planes = small[0] * small[1];
  const int missing = DN_MAX_SPATIAL_RANK - attributes.spatial_rank;
  for (int i = missing; i < DN_MAX_SPATIAL_RANK; ++i) {
    params.in[i] = small[2 + i - missing];
    params.out[i] = large[2 + i - missing];
  }
  KernelPlan plan;
  plan.inputs = {row_major_slot(operation.input(0))};
  plan.outputs = {row_major_slot(operation.output(0))};
  plan.kernel = make_launcher(view, [params](cudaStream_t stream, const Arguments& a) mutable {
    params.x = in(a, 0);
    params.y = out(a, 0);
    resize(stream, params);
  });
  return plan;
}

const RegisterOperator resizing({"own:resize", DN_OPERATOR_RESIZE, 100, nullptr, plan});

}  // namespace

}  // namespace dn::cuda
