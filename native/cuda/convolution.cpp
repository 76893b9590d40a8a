// Convolution as implicit matrix products, three directions, channels last.
#include "cuda/convolution_view.h"
#include "cuda/kernels/column_sum.h"

namespace dn::cuda {

namespace {

KernelPlan plan_forward(const CompileView& view, int op) {
  const Operator& operation = view.op(op);
  const ForwardSlots slots = forward_slots(view, op);
  Gemm g = convolution_forward_gemm(convolution_of(view, op));
  g.epilogue = slots.epilogue.kind;
  g.program = slots.epilogue.program.get();
  if (slots.bias) g.bias_dtype = view.tensor(operation.input(2)).dtype;
  const GemmPlan how = plan_gemm(g, device_of(view).limits().multiprocessors);

  KernelPlan plan;
  plan.inputs = slots.inputs;
  plan.outputs = {channels_last_slot(view, operation.output(0))};
  plan.scratch_bytes = gemm_workspace_bytes(g, how);
  plan.kernel = make_launcher(view, [=](cudaStream_t stream, const Arguments& a) mutable {
    g.a.data = a.inputs[0], g.b.data = a.inputs[1], g.c = a.outputs[0];
    g.bias = slots.bias_of(a);
    slots.epilogue.fill(g, a, slots.first_input);
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

const RegisterOperator implicit_gemm({"own:implicit_gemm", DN_OPERATOR_CONVOLUTION, 10,
                                      refuse_convolution, plan});

}  // namespace

}  // namespace dn::cuda
