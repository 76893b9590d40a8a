// Convolutions without a product of matrices: few input channels, or one kernel a channel.
#include "cuda/convolution_view.h"
#include "cuda/kernels/column_sum.h"
#include "cuda/kernels/depthwise_convolution.h"
#include "cuda/kernels/direct_convolution.h"

namespace dn::cuda {

namespace {

int direction_of(const CompileView& view, int op) {
  return view.op(op).attributes<dn_convolution_attributes>().direction;
}

// The sums of dy that a weight's gradient takes along, in the same scratch memory, afterwards.
struct BiasGradient {
  bool wanted = false;
  ColumnSum sum;

  BiasGradient(const CompileView& view, int op, const Convolution& c)
      : wanted(view.op(op).has_output(1)) {
    sum.rows = c.batch * c.output_pixels(), sum.columns = c.out_channels;
    sum.x_dtype = c.dtype;
    if (wanted) sum.y_dtype = view.tensor(view.op(op).output(1)).dtype;
  }
  int64_t workspace_bytes() const {
    return wanted ? column_sum_workspace_bytes(sum.rows, sum.columns) : 0;
  }
  void run(cudaStream_t stream, const Arguments& a) {
    if (!wanted) return;
    sum.x = a.inputs[1], sum.y = a.outputs[1];
    column_sum(stream, sum, a.scratch);
  }
};

// These kernels take along the epilogues of one input at most.
std::string refuse_program(const CompileView& view, int op) {
  return epilogue_of(view.op(op))->kind == GemmEpilogue::Program
             ? "has an expression that only matrix products take along"
             : "";
}
const void* input_of(const ForwardSlots& slots, const Arguments& a) {
  return slots.epilogue.inputs.empty() ? nullptr : a.inputs[slots.first_input];
}

// A kernel's own structure for the forward direction, without addresses.
template <typename Forward>
Forward forward_of(const CompileView& view, int op, const ForwardSlots& slots) {
  Forward p;
  p.convolution = convolution_of(view, op);
  p.epilogue = slots.epilogue.kind;
  if (slots.bias) p.bias_dtype = view.tensor(view.op(op).input(2)).dtype;
  return p;
}

KernelPlan plan_with(const CompileView& view, int op, std::vector<Slot> inputs) {
  const Operator& operation = view.op(op);
  KernelPlan plan;
  plan.inputs = std::move(inputs);
  plan.outputs = {channels_last_slot(view, operation.output(0))};
  if (operation.has_output(1)) plan.outputs.push_back(row_major_slot(operation.output(1)));
  return plan;
}

std::vector<Slot> both_inputs(const CompileView& view, int op) {
  return {channels_last_slot(view, view.op(op).input(0)),
          channels_last_slot(view, view.op(op).input(1))};
}

// ---- Few input channels.

std::string refuse_direct(const CompileView& view, int op) {
  if (direction_of(view, op) == DN_BACKWARD_DATA) return "is for the other two directions";
  if (std::string reason = refuse_convolution(view, op); !reason.empty()) return reason;
  if (std::string reason = refuse_program(view, op); !reason.empty()) return reason;
  const char* reason = direct_convolution_refuses(convolution_of(view, op));
  return reason ? reason : "";
}

KernelPlan plan_direct(const CompileView& view, int op) {
  if (direction_of(view, op) == DN_FORWARD) {
    const ForwardSlots slots = forward_slots(view, op);
    auto p = forward_of<DirectConvolutionForward>(view, op, slots);
    KernelPlan plan = plan_with(view, op, slots.inputs);
    plan.kernel = make_launcher(view, [=](cudaStream_t stream, const Arguments& a) mutable {
      p.x = a.inputs[0], p.w = a.inputs[1], p.y = a.outputs[0];
      p.bias = slots.bias_of(a), p.input = input_of(slots, a);
      direct_convolution_forward(stream, p);
    });
    return plan;
  }
  DirectConvolutionBackwardWeight p;
  p.convolution = convolution_of(view, op);
  p.dw_dtype = view.tensor(view.op(op).output(0)).dtype;
  BiasGradient bias(view, op, p.convolution);
  KernelPlan plan = plan_with(view, op, both_inputs(view, op));
  plan.scratch_bytes = std::max(direct_convolution_backward_weight_workspace_bytes(p.convolution),
                                bias.workspace_bytes());
  plan.kernel = make_launcher(view, [=](cudaStream_t stream, const Arguments& a) mutable {
    p.x = a.inputs[0], p.dy = a.inputs[1], p.dw = a.outputs[0];
    direct_convolution_backward_weight(stream, p, a.scratch);
    bias.run(stream, a);
  });
  return plan;
}

// ---- One kernel a channel.

std::string refuse_depthwise(const CompileView& view, int op) {
  if (std::string reason = refuse_convolution(view, op); !reason.empty()) return reason;
  if (std::string reason = refuse_program(view, op); !reason.empty()) return reason;
  const char* reason = depthwise_convolution_refuses(convolution_of(view, op));
  return reason ? reason : "";
}

KernelPlan plan_depthwise(const CompileView& view, int op) {
  const int direction = direction_of(view, op);
  if (direction == DN_BACKWARD_WEIGHT) {
    DepthwiseConvolutionBackwardWeight p;
    p.convolution = convolution_of(view, op);
    p.dw_dtype = view.tensor(view.op(op).output(0)).dtype;
    BiasGradient bias(view, op, p.convolution);
    KernelPlan plan = plan_with(view, op, both_inputs(view, op));
    plan.scratch_bytes =
        std::max(depthwise_convolution_backward_weight_workspace_bytes(p.convolution),
                 bias.workspace_bytes());
    plan.kernel = make_launcher(view, [=](cudaStream_t stream, const Arguments& a) mutable {
      p.x = a.inputs[0], p.dy = a.inputs[1], p.dw = a.outputs[0];
      depthwise_convolution_backward_weight(stream, p, a.scratch);
      bias.run(stream, a);
    });
    return plan;
  }
  const bool forward = direction == DN_FORWARD;
  const ForwardSlots slots = forward ? forward_slots(view, op) : ForwardSlots{};
  auto p = forward_of<DepthwiseConvolution>(view, op, slots);
  KernelPlan plan = plan_with(view, op, forward ? slots.inputs : both_inputs(view, op));
  plan.kernel = make_launcher(view, [=](cudaStream_t stream, const Arguments& a) mutable {
    p.from = a.inputs[0], p.w = a.inputs[1], p.to = a.outputs[0];
    p.bias = slots.bias_of(a), p.input = input_of(slots, a);
    (forward ? depthwise_convolution_forward : depthwise_convolution_backward_data)(stream, p);
  });
  return plan;
}

const RegisterOperator direct({"own:direct_convolution", DN_OPERATOR_CONVOLUTION, 5, refuse_direct,
                               plan_direct});
const RegisterOperator depthwise({"own:depthwise_convolution", DN_OPERATOR_CONVOLUTION, 4,
                                  refuse_depthwise, plan_depthwise});

}  // namespace

}  // namespace dn::cuda
