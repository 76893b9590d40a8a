// Pointwise expressions: the common ones compiled, short ones interpreted in registers, any other
// in device memory.
#include "cuda/kernels/pointwise.h"

#include <algorithm>
#include <map>
#include <mutex>
#include <tuple>

#include "cuda/expression.h"
#include "cuda/expression_match.h"
#include "cuda/expression_source.h"
#include "cuda/kernels/layout_change.h"
#include "cuda/vendor/candidates.h"

namespace dn::cuda {

namespace {

LayoutRef present_layout(const CompileView& view, int tensor) {
  return view.free(tensor) ? nullptr : view.layout(tensor);
}

// Whether the outputs are walked in channels-last order: as soon as one operand of their shape is
// stored so.
bool walks_channels_last(const CompileView& view, const Operator& op, const Shape& shape) {
  const auto stored_so = [&](int id) {
    return view.tensor(id).shape == shape && present_layout(view, id) != nullptr;
  };
  return std::ranges::any_of(op.inputs(), stored_so) ||
         std::ranges::any_of(op.outputs(), stored_so);
}

// What all kernels need: slots, and the operands but for their addresses.
struct Operands {
  KernelPlan plan;
  int rank = 0;
  int64_t dims[DN_MAX_RANK] = {};
  std::vector<PointwiseInput> inputs;
  std::vector<dn_dtype> outputs;
};

Operands make_operands(const CompileView& view, int op) {
  const Operator& operation = view.op(op);
  const Shape& shape = view.tensor(operation.output(0)).shape;
  const bool channels = walks_channels_last(view, operation, shape);
  const auto walked_slot = [&](int id) {
    return channels ? channels_last_slot(view, id) : row_major_slot(id);
  };
  Operands result;
  result.rank = shape.rank();
  const AxisOrder order =
      axis_order(shape, channels ? channels_last(shape, DN_DTYPE_F32) : nullptr);
  for (int i = 0; i < result.rank; ++i) result.dims[i] = shape[order.of[i]];
  for (int id : operation.inputs()) {
    const TensorDeclaration& tensor = view.tensor(id);
    const Slot slot = tensor.shape == shape ? walked_slot(id) : present_slot(view, id);
    const Strides own = strides_of(tensor.shape, slot.layout);
    int64_t strides[DN_MAX_RANK] = {};
    for (int i = 0; i < result.rank; ++i) {
      const int axis = order.of[i] - (shape.rank() - tensor.shape.rank());
      if (axis >= 0 && tensor.shape[axis] != 1) strides[i] = own.of[axis];
    }
    result.plan.inputs.push_back(slot);
    result.inputs.push_back(make_pointwise_input(result.rank, result.dims, strides, tensor.dtype));
  }
  for (int id : operation.outputs()) {
    result.plan.outputs.push_back(walked_slot(id));
    result.outputs.push_back(view.tensor(id).dtype);
  }
  return result;
}

PointwiseParams make_params(const Operands& operands, std::span<const int> inputs) {
  PointwiseParams params;
  params.rank = operands.rank;
  std::ranges::copy(operands.dims, params.dims);
  params.input_count = (int)inputs.size();
  params.output_count = (int)operands.outputs.size();
  for (size_t i = 0; i < inputs.size(); ++i) params.inputs[i] = operands.inputs[inputs[i]];
  for (size_t i = 0; i < operands.outputs.size(); ++i)
    params.outputs[i].dtype = operands.outputs[i];
  return params;
}

void set_addresses(PointwiseParams& params, std::span<const int> inputs, const Arguments& a) {
  for (size_t i = 0; i < inputs.size(); ++i) params.inputs[i].data = a.inputs[inputs[i]];
  for (int i = 0; i < params.output_count; ++i) params.outputs[i].data = a.outputs[i];
}

// A single output may take the place of an input that is read at the same element only.
void allow_in_place(Operands& operands) {
  if (operands.outputs.size() != 1) return;
  for (size_t i = 0; i < operands.inputs.size() && operands.plan.in_place.empty(); ++i)
    if (operands.inputs[i].walk == InputWalk::Flat &&
        operands.inputs[i].dtype == operands.outputs[0])
      operands.plan.in_place = {(int)i};
}

std::vector<int> all_inputs(const Operands& operands) {
  std::vector<int> inputs(operands.inputs.size());
  for (size_t i = 0; i < inputs.size(); ++i) inputs[i] = (int)i;
  return inputs;
}

// ---- compiled ----

PointwiseFunctionParams function_params(const Operands& operands, const FunctionMatch& match) {
  PointwiseFunctionParams params;
  params.operands = make_params(operands, match.inputs);
  params.function = match.function;
  std::ranges::copy(match.constants, params.constants);
  return params;
}

std::string refuse_function(const CompileView& view, int op) {
  const FunctionMatch match = match_function(view.op(op).expression());
  if (match.function == PointwiseFunction::None) return "not one of the compiled expressions";
  if (!can_run_pointwise_function(function_params(make_operands(view, op), match)))
    return "not compiled for these types or this way of broadcasting";
  return "";
}

KernelPlan plan_function(const CompileView& view, int op) {
  Operands operands = make_operands(view, op);
  const FunctionMatch match = match_function(view.op(op).expression());
  allow_in_place(operands);
  operands.plan.kernel =
      make_launcher(view, [params = function_params(operands, match), inputs = match.inputs](
                              cudaStream_t stream, const Arguments& a) mutable {
        set_addresses(params.operands, inputs, a);
        pointwise_function(stream, params);
      });
  return std::move(operands.plan);
}

const RegisterOperator compiled({"own:expression-compiled", DN_OPERATOR_POINTWISE, 10,
                                 refuse_function, plan_function});

// ---- changes of type ----

std::string refuse_cast(const CompileView& view, int op) {
  const std::span<const dn_instruction> e = view.op(op).expression();
  const bool copy = e.size() == 2 && e[0].opcode == DN_OPCODE_INPUT &&
                    e[1].opcode == DN_OPCODE_OUTPUT && view.op(op).outputs().size() == 1;
  if (!copy) return "not a change of type";
  return make_operands(view, op).inputs[e[0].a].walk == InputWalk::Flat ? "" : "broadcasts";
}

KernelPlan plan_cast(const CompileView& view, int op) {
  Operands operands = make_operands(view, op);
  const int input = view.op(op).expression()[0].a;
  TypeChange change;
  change.from = operands.inputs[input].dtype;
  change.to = operands.outputs[0];
  change.count = view.tensor(view.op(op).output(0)).shape.numel();
  operands.plan.kernel =
      make_launcher(view, [change, input](cudaStream_t stream, const Arguments& a) mutable {
        change.source = a.inputs[input];
        change.destination = a.outputs[0];
        change_type(stream, change);
      });
  return std::move(operands.plan);
}

const RegisterOperator cast({"own:cast", DN_OPERATOR_POINTWISE, 10, refuse_cast, plan_cast});

std::string refuse_compiled(const CompileView& view, int op) {
  return refuse_function(view, op).empty() || refuse_cast(view, op).empty()
             ? "a compiled expression does it"
             : "";
}

// ---- interpreted in registers ----

// An output may lie in an input's memory; the interpreter must not load that input afterwards.
bool reads_what_it_wrote(const Operator& op, const ExpressionProgram& program) {
  std::vector<int> written;
  for (int at = 0; at < program.count; ++at) {
    const ExpressionStep& step = program.steps[at];
    if (step.source == ExpressionSource::Input &&
        std::ranges::find(written, op.input(step.index)) != written.end())
      return true;
    if (step.operation == kExpressionOutput) written.push_back(op.output(step.index));
  }
  return false;
}

std::string why_too_long(const CompileView& view, int op) {
  const Operator& operation = view.op(op);
  if (operation.inputs().size() > kMaxPointwiseInputs ||
      operation.outputs().size() > kMaxPointwiseOutputs)
    return text("has ", operation.inputs().size(), " inputs and ", operation.outputs().size(),
                " outputs, at most ", kMaxPointwiseInputs, " and ", kMaxPointwiseOutputs);
  const auto program = compile_expression(operation.expression());
  if (!program || reads_what_it_wrote(operation, *program))
    return "the expression needs too many registers";
  return "";
}

std::string refuse_program(const CompileView& view, int op) {
  const std::string reason = refuse_compiled(view, op);
  return reason.empty() ? why_too_long(view, op) : reason;
}

KernelPlan plan_program(const CompileView& view, int op) {
  Operands operands = make_operands(view, op);
  allow_in_place(operands);
  std::vector<int> inputs = all_inputs(operands);
  PointwiseProgramParams params{make_params(operands, inputs),
                                *compile_expression(view.op(op).expression())};
  operands.plan.kernel =
      make_launcher(view, [params, inputs](cudaStream_t stream, const Arguments& a) mutable {
        set_addresses(params.operands, inputs, a);
        pointwise_program(stream, params);
      });
  return std::move(operands.plan);
}

const RegisterOperator interpreted({"own:expression", DN_OPERATOR_POINTWISE, 50, refuse_program,
                                    plan_program});

// ---- compiled at run time ----

// Kernels of one text are shared; they are compiled once as long as somebody keeps them.
std::shared_ptr<vendor::CompiledKernel> compile_source(const PointwiseSource& source,
                                                       const CudaDevice& device,
                                                       const vendor::Nvrtc& nvrtc) {
  using Key = std::tuple<const vendor::Nvrtc*, int, std::string>;
  static std::mutex mutex;
  static std::map<Key, std::weak_ptr<vendor::CompiledKernel>> known;
  const std::lock_guard lock(mutex);
  auto& entry = known[Key(&nvrtc, device.index(), source.text)];
  std::shared_ptr<vendor::CompiledKernel> kernel = entry.lock();
  if (!kernel) {
    kernel = nvrtc.compile(source.text, source.name, device.limits().capability);
    entry = kernel;
  }
  return kernel;
}

class RuntimeCompiled final : public vendor::VendorCandidate<vendor::Nvrtc> {
 public:
  RuntimeCompiled()
      : VendorCandidate("own:expression-nvrtc", DN_OPERATOR_POINTWISE, &vendor::Libraries::nvrtc) {}

 protected:
  std::string refuse(const CompileView& view, int op) const override {
    const Operator& operation = view.op(op);
    if (std::string reason = refuse_compiled(view, op); !reason.empty()) return reason;
    if (operation.inputs().size() > kMaxPointwiseInputs ||
        operation.outputs().size() > kMaxPointwiseOutputs)
      return "has too many inputs or outputs";
    return "";
  }

  KernelPlan plan(const CompileView& view, int op, vendor::Nvrtc& nvrtc) const override {
    Operands operands = make_operands(view, op);
    allow_in_place(operands);
    const PointwiseParams params = make_params(operands, all_inputs(operands));
    const auto kernel =
        compile_source(pointwise_source(view.op(op).expression(), params), device_of(view), nvrtc);
    int64_t numel = 1;
    for (int i = 0; i < params.rank; ++i) numel *= params.dims[i];
    constexpr int64_t kPerBlock = kSourceBlock * kSourceVec;
    const dim3 grid((unsigned)((numel + kPerBlock - 1) / kPerBlock)), block(kSourceBlock);
    operands.plan.kernel =
        make_launcher(view, [=, inputs = params.input_count, outputs = params.output_count](
                                cudaStream_t stream, const Arguments& a) {
          PointwiseAddresses addresses{};
          std::copy_n(a.inputs, inputs, addresses.inputs);
          std::copy_n(a.outputs, outputs, addresses.outputs);
          void* arguments[] = {&addresses};
          kernel->launch(stream, grid, block, 0, arguments);
        });
    return std::move(operands.plan);
  }
};

const RegisterCandidate runtime_compiled(std::make_unique<RuntimeCompiled>());

// ---- interpreted in device memory ----

std::string refuse_wide(const CompileView& view, int op) {
  return why_too_long(view, op).empty() ? "the expression fits in registers" : "";
}

// Values whose last use has passed give their slot to later ones.
std::vector<WideStep> make_wide_steps(std::span<const dn_instruction> expression, int& slot_count) {
  std::vector<int> uses = count_uses(expression), slots(expression.size(), -1), free;
  std::vector<WideStep> steps;
  slot_count = 0;
  for (size_t i = 0; i < expression.size(); ++i) {
    const dn_instruction& e = expression[i];
    if (e.opcode != DN_OPCODE_OUTPUT && uses[i] == 0) continue;
    WideStep step{e.opcode, -1, e.a, e.b, e.c, e.value};
    int32_t* const operands[] = {&step.a, &step.b, &step.c};
    const int count = operand_count(e.opcode);
    for (int j = 0; j < count; ++j) *operands[j] = slots[*operands[j]];
    if (count == 1 && e.opcode != DN_OPCODE_OUTPUT) step.b = step.a;  // read, not used
    if (e.opcode != DN_OPCODE_OUTPUT) {
      if (free.empty()) free.push_back(slot_count++);
      step.slot = slots[i] = free.back();
      free.pop_back();
    }
    const int32_t values[] = {e.a, e.b, e.c};
    for (int j = 0; j < count; ++j)
      if (--uses[values[j]] == 0) free.push_back(slots[values[j]]);
    steps.push_back(step);
  }
  return steps;
}

KernelPlan plan_wide(const CompileView& view, int op) {
  Operands operands = make_operands(view, op);
  CudaDevice& device = device_of(view);
  WidePointwiseParams params;
  params.rank = operands.rank;
  std::ranges::copy(operands.dims, params.dims);
  const std::vector<WideStep> steps = make_wide_steps(view.op(op).expression(), params.slot_count);
  params.step_count = (int)steps.size();
  std::ranges::copy(operands.outputs, params.output_dtypes);
  operands.plan.scratch_bytes = params.slot_count * kWideThreads * (int64_t)sizeof(float);

  // Steps, then inputs.
  const int64_t step_bytes = (int64_t)(steps.size() * sizeof(WideStep)) / 64 * 64 + 64;
  const int64_t input_bytes = (int64_t)(operands.inputs.size() * sizeof(PointwiseInput));
  const auto memory = device.allocate(step_bytes + input_bytes, "a long expression");
  char* base = static_cast<char*>(memory->data());
  device.write(base, steps.data(), (int64_t)(steps.size() * sizeof(WideStep)), true);
  if (input_bytes > 0) device.write(base + step_bytes, operands.inputs.data(), input_bytes, true);
  params.steps = reinterpret_cast<const WideStep*>(base);
  params.inputs = reinterpret_cast<const PointwiseInput*>(base + step_bytes);

  const int inputs = (int)operands.inputs.size(), outputs = (int)operands.outputs.size();
  operands.plan.kernel = make_launcher(
      view, [params, memory, inputs, outputs](cudaStream_t stream, const Arguments& a) mutable {
        std::copy_n(a.inputs, inputs, params.input_data);
        std::copy_n(a.outputs, outputs, params.output_data);
        params.values = static_cast<float*>(a.scratch);
        pointwise_wide(stream, params);
      });
  return std::move(operands.plan);
}

const RegisterOperator wide({"own:expression-wide", DN_OPERATOR_POINTWISE, 100, refuse_wide,
                             plan_wide});

}  // namespace

}  // namespace dn::cuda
