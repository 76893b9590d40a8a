// Normalisation across neighbouring channels.
#include "cuda/kernels/local_response_norm.h"

#include "cuda/channel_layout.h"

namespace dn::cuda {

namespace {

std::string refuse(const CompileView& view, int index) {
  return view.tensor(view.op(index).input(0)).dtype == DN_DTYPE_F32 ? "" : "data is not float32";
}

KernelPlan plan(const CompileView& view, int index) {
  const Operator& op = view.op(index);
  const auto& attributes = op.attributes<dn_local_response_norm_attributes>();
  const Shape& x = view.tensor(op.input(0)).shape;
  const LayoutRef layout = working_layout(view, op.input(0));
  const bool last = channels_are_last(x, layout), forward = attributes.direction == DN_FORWARD;
  const int64_t positions = positions_of(x);
  const LocalResponseNorm p{last ? x[0] * positions : x[0],
                            x[1],
                            last ? 1 : positions,
                            attributes.size,
                            attributes.alpha,
                            attributes.beta,
                            attributes.k};
  KernelPlan plan;
  for (int id : op.inputs()) plan.inputs.push_back({id, layout});
  plan.outputs = {{op.output(0), layout}};
  if (!forward) {
    plan.scratch_bytes = x.numel() * (int64_t)sizeof(float);
    plan.in_place = {1};
  }
  plan.kernel = make_launcher(view, [=](cudaStream_t stream, const Arguments& a) {
    if (forward)
      local_response_norm_forward(stream, p, in(a, 0), out(a, 0));
    else
      local_response_norm_backward(stream, p, in(a, 0), in(a, 1), out(a, 0),
                                   static_cast<float*>(a.scratch));
  });
  return plan;
}

const RegisterOperator local_response_norm({"own:local_response_norm",
                                            DN_OPERATOR_LOCAL_RESPONSE_NORM, 100, refuse, plan});

}  // namespace

}  // namespace dn::cuda
