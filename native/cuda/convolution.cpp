// Convolution as implicit matrix products, three directions, channels last.
#include "cuda/kernels/convolution.h"

#include "cuda/epilogue.h"
#include "cuda/kernels/column_sum.h"

namespace dn::cuda {

namespace {

constexpr int64_t kMaxSize = (int64_t{1} << 31) - 1;
constexpr int kFirstEpilogueInput = 3;

// The tensors of a convolution by their part in it, whichever of them is computed.
struct Parts {
  int input, weight, output;
};

Parts parts_of(const Operator& op) {
  switch (op.attributes<dn_convolution_attributes>().direction) {
    case DN_BACKWARD_DATA:
      return {op.output(0), op.input(1), op.input(0)};
    case DN_BACKWARD_WEIGHT:
      return {op.input(0), op.output(0), op.input(1)};
    default:
      return {op.input(0), op.input(1), op.output(0)};
  }
}

Convolution convolution_of(const CompileView& view, int op) {
  const Operator& operation = view.op(op);
  const auto& attributes = operation.attributes<dn_convolution_attributes>();
  const Parts parts = parts_of(operation);
  const Shape &x = view.tensor(parts.input).shape, &w = view.tensor(parts.weight).shape,
              &y = view.tensor(parts.output).shape;
  Convolution c;
  c.batch = (int32_t)x[0];
  c.channels = (int32_t)x[1], c.out_channels = (int32_t)w[0];
  c.groups = attributes.groups;
  for (int i = 0; i < attributes.spatial_rank; ++i)
    c.axis[3 - attributes.spatial_rank + i] = {(int32_t)x[2 + i],
                                               (int32_t)w[2 + i],
                                               (int32_t)y[2 + i],
                                               (int32_t)attributes.stride[i],
                                               (int32_t)attributes.dilation[i],
                                               (int32_t)attributes.padding_begin[i]};
  c.dtype = view.tensor(operation.input(0)).dtype;
  c.float32 = view.allow_tf32() ? GemmFloat32::Tf32 : GemmFloat32::Exact;
  return c;
}

std::string refuse(const CompileView& view, int op) {
  const Operator& operation = view.op(op);
  const auto& attributes = operation.attributes<dn_convolution_attributes>();
  const Parts parts = parts_of(operation);
  for (int id : {parts.input, parts.weight, parts.output})
    if (view.tensor(id).shape.numel() / std::max<int64_t>(view.tensor(id).shape[1], 1) > kMaxSize)
      return "a tensor has 2^31 positions or more";
  for (int i = 0; i < attributes.spatial_rank; ++i)
    if (std::max({attributes.stride[i],
                  attributes.dilation[i] * view.tensor(parts.weight).shape[2 + i],
                  attributes.padding_begin[i]}) > kMaxSize / 4)
      return "the kernel spans 2^29 positions or more";
  if (!epilogue_of(operation)) return "has an epilogue that its kernels do not know";
  return {};
}

KernelPlan plan_forward(const CompileView& view, int op) {
  const Operator& operation = view.op(op);
  Gemm g = convolution_forward_gemm(convolution_of(view, op));
  const EpiloguePlan epilogue = *epilogue_of(operation);
  const bool bias = operation.has_input(2), input = epilogue.input >= 0;
  g.epilogue = epilogue.kind;
  if (bias) g.bias_dtype = view.tensor(operation.input(2)).dtype;
  const GemmPlan how = plan_gemm(g, device_of(view).limits().multiprocessors);

  KernelPlan plan;
  plan.inputs = {channels_last_slot(view, operation.input(0)),
                 channels_last_slot(view, operation.input(1))};
  if (bias) plan.inputs.push_back(row_major_slot(operation.input(2)));
  if (input)
    plan.inputs.push_back(
        channels_last_slot(view, operation.input((size_t)(kFirstEpilogueInput + epilogue.input))));
  plan.outputs = {channels_last_slot(view, operation.output(0))};
  plan.scratch_bytes = gemm_workspace_bytes(g, how);
  plan.kernel = make_launcher(view, [=](cudaStream_t stream, const Arguments& a) mutable {
    g.a.data = a.inputs[0], g.b.data = a.inputs[1], g.c = a.outputs[0];
    if (bias) g.bias = a.inputs[2];
    if (input) g.input = a.inputs[bias ? 3 : 2];
    gemm(stream, g, how, a.scratch);
  });
  return plan;
}

KernelPlan plan_backward_data(const CompileView& view, int op) {
  const Operator& operation = view.op(op);
  std::vector<Gemm> products = convolution_backward_data_gemms(convolution_of(view, op));
  std::vector<GemmPlan> plans;
  KernelPlan plan;
  plan.inputs = {channels_last_slot(view, operation.input(0)),
                 channels_last_slot(view, operation.input(1))};
  plan.outputs = {channels_last_slot(view, operation.output(0))};
  for (const Gemm& g : products) {
    plans.push_back(plan_gemm(g, device_of(view).limits().multiprocessors));
    // The products run one after the other.
    plan.scratch_bytes = std::max(plan.scratch_bytes, gemm_workspace_bytes(g, plans.back()));
  }
  plan.kernel = make_launcher(view, [products = std::move(products), plans = std::move(plans)](
                                        cudaStream_t stream, const Arguments& a) mutable {
    for (size_t i = 0; i < products.size(); ++i) {
      Gemm& g = products[i];
      g.a.data = a.inputs[0], g.b.data = a.inputs[1], g.c = a.outputs[0];
      gemm(stream, g, plans[i], a.scratch);
    }
  });
  return plan;
}

KernelPlan plan_backward_weight(const CompileView& view, int op) {
  const Operator& operation = view.op(op);
  const Convolution c = convolution_of(view, op);
  Gemm g = convolution_backward_weight_gemm(c);
  g.c_dtype = view.tensor(operation.output(0)).dtype;
  const GemmPlan how = plan_gemm(g, device_of(view).limits().multiprocessors);
  const bool bias = operation.has_output(1);
  ColumnSum sum;
  sum.rows = g.depth, sum.columns = c.out_channels;
  sum.x_dtype = c.dtype;
  if (bias) sum.y_dtype = view.tensor(operation.output(1)).dtype;

  KernelPlan plan;
  plan.inputs = {channels_last_slot(view, operation.input(0)),
                 channels_last_slot(view, operation.input(1))};
  plan.outputs = {channels_last_slot(view, operation.output(0))};
  if (bias) plan.outputs.push_back(row_major_slot(operation.output(1)));
  // Both use the scratch memory, one after the other.
  plan.scratch_bytes = std::max(gemm_workspace_bytes(g, how),
                                bias ? column_sum_workspace_bytes(sum.rows, sum.columns) : 0);
  plan.kernel = make_launcher(view, [=](cudaStream_t stream, const Arguments& a) mutable {
    g.a.data = a.inputs[1], g.b.data = a.inputs[0], g.c = a.outputs[0];
    gemm(stream, g, how, a.scratch);
    if (!bias) return;
    sum.x = a.inputs[1], sum.y = a.outputs[1];
    column_sum(stream, sum, a.scratch);
  });
  return plan;
}

KernelPlan plan(const CompileView& view, int op) {
  switch (view.op(op).attributes<dn_convolution_attributes>().direction) {
    case DN_FORWARD:
      return plan_forward(view, op);
    case DN_BACKWARD_DATA:
      return plan_backward_data(view, op);
    default:
      return plan_backward_weight(view, op);
  }
}

const RegisterOperator implicit_gemm({"own:implicit_gemm", DN_OPERATOR_CONVOLUTION, 10, refuse,
                                      plan});

}  // namespace

}  // namespace dn::cuda
