// Recurrent layers.
#include "cuda/kernels/recurrent.h"

#include "cuda/candidates.h"
#include "engine/optional_slots.h"

namespace dn::cuda {

namespace {

RecurrentShape shape_of(const CompileView& view, int index) {
  const auto& attributes = view.op(index).attributes<dn_recurrent_attributes>();
  const Shape& gates = view.view(index).input_shape(0);
  RecurrentShape shape;
  shape.cell = attributes.cell;
  shape.reverse = attributes.reverse != 0;
  shape.steps = gates[0], shape.batch = gates[1];
  shape.hidden = view.view(index).input_shape(1)[1];
  shape.float32 = view.allow_tf32() ? GemmFloat32::Tf32 : GemmFloat32::Exact;
  return shape;
}

std::string refuse(const CompileView& view, int index) {
  constexpr int64_t kMaxSize = (int64_t{1} << 31) - 1, kMaxGridRows = 65535;
  const RecurrentShape s = shape_of(view, index);
  if (s.steps > kMaxGridRows) return "has more than 65535 steps";
  if (s.steps * s.batch > kMaxSize || s.batch * s.width() > kMaxSize || s.width() > kMaxSize)
    return "a size is 2^31 or more";
  return {};
}

std::shared_ptr<const FaultTable::Slot> reserve_fault(const CompileView& view, int index) {
  const int64_t steps = shape_of(view, index).steps;
  return device_of(view).faults().reserve(
      [label = view.view(index).label(), steps](int64_t sample, int32_t length) {
        return text(label, ": length ", length, " of sample ", sample, " is outside 1 to ", steps);
      });
}

// Says only whether the slot is there: what plans ask.
template <typename T = float>
T* present(const OptionalSlots& slots, size_t slot) {
  static T there{};
  return slots.has(slot) ? &there : nullptr;
}

KernelPlan plan_forward(const CompileView& view, int index) {
  const Operator& op = view.op(index);
  KernelPlan plan;
  const OptionalSlots inputs(op.inputs(), plan.inputs), outputs(op.outputs(), plan.outputs);
  RecurrentForward p;
  p.shape = shape_of(view, index);
  p.lengths = present<int32_t>(inputs, 5);
  p.final_cell = present(outputs, 2);
  const RecurrentPlan how = plan_recurrent_forward(p, device_of(view).limits().multiprocessors);
  plan.scratch_bytes = how.workspace_bytes;
  const auto fault = reserve_fault(view, index);
  plan.kernel = make_launcher(view, [=](cudaStream_t stream, const Arguments& a) mutable {
    p.gates = inputs.get(a.inputs, 0), p.weight = inputs.get(a.inputs, 1);
    p.bias = inputs.get(a.inputs, 2);
    p.initial_hidden = inputs.get(a.inputs, 3), p.initial_cell = inputs.get(a.inputs, 4);
    p.lengths = inputs.get<int32_t>(a.inputs, 5);
    p.y = outputs.get(a.outputs, 0);
    p.final_hidden = outputs.get(a.outputs, 1), p.final_cell = outputs.get(a.outputs, 2);
    p.reserve = outputs.get(a.outputs, 3);
    p.bad_length = fault->device;
    recurrent_forward(stream, p, how, a.scratch);
  });
  return plan;
}

KernelPlan plan_backward(const CompileView& view, int index) {
  const Operator& op = view.op(index);
  KernelPlan plan;
  const OptionalSlots inputs(op.inputs(), plan.inputs), outputs(op.outputs(), plan.outputs);
  RecurrentBackward p;
  p.shape = shape_of(view, index);
  p.initial_hidden = present(inputs, 3);
  p.grad_bias = present(outputs, 2);
  p.grad_initial_cell = present(outputs, 4);
  const RecurrentPlan how = plan_recurrent_backward(p, device_of(view).limits().multiprocessors);
  plan.scratch_bytes = how.workspace_bytes;
  const auto fault = reserve_fault(view, index);
  plan.kernel = make_launcher(view, [=](cudaStream_t stream, const Arguments& a) mutable {
    p.weight = inputs.get(a.inputs, 1);
    p.initial_hidden = inputs.get(a.inputs, 3), p.initial_cell = inputs.get(a.inputs, 4);
    p.lengths = inputs.get<int32_t>(a.inputs, 5);
    p.y = inputs.get(a.inputs, 6), p.reserve = inputs.get(a.inputs, 7);
    p.grad_y = inputs.get(a.inputs, 8);
    p.grad_final_hidden = inputs.get(a.inputs, 9), p.grad_final_cell = inputs.get(a.inputs, 10);
    p.grad_gates = outputs.get(a.outputs, 0), p.grad_weight = outputs.get(a.outputs, 1);
    p.grad_bias = outputs.get(a.outputs, 2);
    p.grad_initial_hidden = outputs.get(a.outputs, 3);
    p.grad_initial_cell = outputs.get(a.outputs, 4);
    p.bad_length = fault->device;
    recurrent_backward(stream, p, how, a.scratch);
  });
  return plan;
}

KernelPlan plan(const CompileView& view, int index) {
  return view.op(index).attributes<dn_recurrent_attributes>().direction == DN_FORWARD
             ? plan_forward(view, index)
             : plan_backward(view, index);
}

const RegisterOperator recurrent({"own:recurrent", DN_OPERATOR_RECURRENT, 100, refuse, plan});

}  // namespace

}  // namespace dn::cuda
