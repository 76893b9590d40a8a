// Recurrent layers; the weight's gradient is one product over all steps.
#include "cpu/kernels/recurrent.h"

#include "cpu/epilogue.h"
#include "cpu/kernels/gemm.h"
#include "engine/optional_slots.h"

namespace dn::cpu {

namespace {

RecurrentShape shape_of(const CompileView& view, int op) {
  const auto& attributes = view.op(op).attributes<dn_recurrent_attributes>();
  const Shape& gates = view.view(op).input_shape(0);
  RecurrentShape shape;
  shape.cell = attributes.cell == DN_RECURRENT_TANH   ? RecurrentCell::Tanh
               : attributes.cell == DN_RECURRENT_RELU ? RecurrentCell::Relu
               : attributes.cell == DN_RECURRENT_LSTM ? RecurrentCell::Lstm
                                                      : RecurrentCell::Gru;
  shape.reverse = attributes.reverse != 0;
  shape.steps = gates[0], shape.batch = gates[1];
  shape.hidden = view.view(op).input_shape(1)[1];
  return shape;
}

void check_lengths(const std::string& label, const int32_t* lengths, const RecurrentShape& s) {
  for (int64_t n = 0; lengths && n < s.batch; ++n)
    if (lengths[n] < 1 || lengths[n] > s.steps)
      fail(DN_INVALID_ARGUMENT, label, ": length ", lengths[n], " of sample ", n,
           " is outside 1 to ", s.steps);
}

KernelPlan plan_forward(const CompileView& view, int op, const RecurrentShape& shape) {
  const Operator& operation = view.op(op);
  const int threads = device_of(view).threads();
  KernelPlan plan;
  const OptionalSlots inputs(operation.inputs(), plan.inputs),
      outputs(operation.outputs(), plan.outputs);
  plan.scratch_bytes = recurrent_forward_scratch_bytes(shape);
  plan.kernel = make_kernel([=, label = view.view(op).label()](const Arguments& a) {
    RecurrentForward p;
    p.shape = shape;
    p.gates = inputs.get(a.inputs, 0), p.weight = inputs.get(a.inputs, 1);
    p.bias = inputs.get(a.inputs, 2);
    p.initial_hidden = inputs.get(a.inputs, 3), p.initial_cell = inputs.get(a.inputs, 4);
    p.lengths = inputs.get<int32_t>(a.inputs, 5);
    p.y = outputs.get(a.outputs, 0);
    p.final_hidden = outputs.get(a.outputs, 1), p.final_cell = outputs.get(a.outputs, 2);
    p.reserve = outputs.get(a.outputs, 3);
    p.scratch = a.scratch;
    check_lengths(label, p.lengths, shape);
    recurrent_forward(p, threads);
  });
  return plan;
}

// grad_weight = sum over steps and samples of grad_products^T (state before the step): one product
// with the outputs of the steps before, and one with the initial states.
class WeightGradient {
 public:
  explicit WeightGradient(const RecurrentShape& s, bool initial, bool lengths) : s_(s) {
    const int64_t width = s.gates() * s.hidden;
    steps_.rows = width, steps_.columns = s.hidden;
    steps_.depth = (s.steps - 1) * s.batch;
    steps_.lda = width, steps_.ldb = s.hidden, steps_.ldc = s.hidden;
    steps_.transpose_a = Transpose::Yes;
    first_ = steps_;
    first_.depth = initial ? s.batch : 0;
    first_.mode = GradMode::Accumulate;
    // Reversed, each sample starts at its own last step.
    gathers_ = initial && lengths && s.reverse;
  }

  int64_t scratch_bytes(int threads) const { return gather_bytes() + gemm_bytes(threads); }

  void run(const RecurrentBackward& p, float* grad_weight, void* scratch, int threads) {
    const int64_t step = s_.batch * steps_.lda, state = s_.batch * s_.hidden;
    char* gemm_scratch = static_cast<char*>(scratch) + gather_bytes();
    steps_.a = p.grad_products + (s_.reverse ? 0 : step);
    steps_.b = p.y + (s_.reverse ? state : 0);
    steps_.c = grad_weight;
    steps_.scratch = gemm_scratch;
    gemm(steps_, threads);
    if (first_.depth == 0) return;
    first_.a = p.grad_products + (s_.reverse ? (s_.steps - 1) * step : 0);
    if (gathers_) {
      float* rows = static_cast<float*>(scratch);
      for (int64_t n = 0; n < s_.batch; ++n)
        std::copy_n(p.grad_products + (p.lengths[n] - 1) * step + n * steps_.lda, steps_.lda,
                    rows + n * steps_.lda);
      first_.a = rows;
    }
    first_.b = p.initial_hidden;
    first_.c = grad_weight;
    first_.scratch = gemm_scratch;
    gemm(first_, threads);
  }

 private:
  int64_t gather_bytes() const {
    return gathers_ ? scratch_aligned(s_.batch * steps_.lda * (int64_t)sizeof(float)) : 0;
  }
  int64_t gemm_bytes(int threads) const {
    return std::max(gemm_scratch_bytes(steps_, threads), gemm_scratch_bytes(first_, threads));
  }

  RecurrentShape s_;
  GemmParams steps_, first_;
  bool gathers_;
};

KernelPlan plan_backward(const CompileView& view, int op, const RecurrentShape& shape) {
  const Operator& operation = view.op(op);
  const int threads = device_of(view).threads();
  KernelPlan plan;
  const OptionalSlots inputs(operation.inputs(), plan.inputs),
      outputs(operation.outputs(), plan.outputs);
  WeightGradient weight(shape, operation.has_input(3), operation.has_input(5));
  const int64_t kernel_bytes = scratch_aligned(recurrent_backward_scratch_bytes(shape));
  const int64_t products_bytes =
      shape.cell == RecurrentCell::Gru
          ? scratch_aligned(shape.steps * shape.batch * 3 * shape.hidden * (int64_t)sizeof(float))
          : 0;
  // The steps and then the weight's gradient use the same memory.
  plan.scratch_bytes = products_bytes + std::max(kernel_bytes, weight.scratch_bytes(threads));
  plan.kernel = make_kernel([=, label = view.view(op).label()](const Arguments& a) mutable {
    char* scratch = static_cast<char*>(a.scratch);
    RecurrentBackward p;
    p.shape = shape;
    p.weight = inputs.get(a.inputs, 1);
    p.initial_hidden = inputs.get(a.inputs, 3), p.initial_cell = inputs.get(a.inputs, 4);
    p.lengths = inputs.get<int32_t>(a.inputs, 5);
    p.y = inputs.get(a.inputs, 6), p.reserve = inputs.get(a.inputs, 7);
    p.grad_y = inputs.get(a.inputs, 8);
    p.grad_final_hidden = inputs.get(a.inputs, 9), p.grad_final_cell = inputs.get(a.inputs, 10);
    p.grad_gates = outputs.get(a.outputs, 0);
    p.grad_products = products_bytes > 0 ? reinterpret_cast<float*>(scratch) : p.grad_gates;
    p.grad_bias = outputs.get(a.outputs, 2);
    p.grad_initial_hidden = outputs.get(a.outputs, 3);
    p.grad_initial_cell = outputs.get(a.outputs, 4);
    p.scratch = scratch + products_bytes;
    check_lengths(label, p.lengths, shape);
    recurrent_backward(p, threads);
    weight.run(p, outputs.get(a.outputs, 1), p.scratch, threads);
  });
  return plan;
}

KernelPlan plan(const CompileView& view, int op) {
  const RecurrentShape shape = shape_of(view, op);
  return view.op(op).attributes<dn_recurrent_attributes>().direction == DN_FORWARD
             ? plan_forward(view, op, shape)
             : plan_backward(view, op, shape);
}

const RegisterOperator recurrent({"own:recurrent", DN_OPERATOR_RECURRENT, 100, nullptr, plan});

}  // namespace

}  // namespace dn::cpu
