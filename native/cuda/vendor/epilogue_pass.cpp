#include "cuda/vendor/epilogue_pass.h"

#include <algorithm>

#include "cuda/expression.h"

namespace dn::cuda::vendor {

namespace {

int input_count(const Operator& op) {
  return 1 + std::max(0, (int)op.inputs().size() - kFirstEpilogueInput);
}

}  // namespace

std::string EpiloguePass::refuse(const CompileView& view, int op) {
  const Operator& operation = view.op(op);
  if (operation.expression().empty()) return {};
  if (input_count(operation) > kMaxPointwiseInputs || !compile_expression(operation.expression()))
    return "the expression after it needs too many registers";
  return {};
}

EpiloguePass::EpiloguePass(const CompileView& view, int op, int first_argument)
    : present_(!view.op(op).expression().empty()), first_argument_(first_argument) {
  if (!present_) return;
  const Operator& operation = view.op(op);
  const TensorDeclaration& output = view.tensor(operation.output(0));
  const auto operands = [&](int count) {
    PointwiseParams params;
    params.rank = 1;
    params.dims[0] = output.shape.numel();
    params.input_count = count;
    for (int i = 0; i < count; ++i) params.inputs[i].dtype = output.dtype;
    params.output_count = 1;
    params.outputs[0].dtype = output.dtype;
    return params;
  };
  program_ = {operands(input_count(operation)), *compile_expression(operation.expression())};
  const FunctionMatch match = match_function(operation.expression());
  if (match.function == PointwiseFunction::None) return;
  PointwiseFunctionParams function;
  function.operands = operands((int)match.inputs.size());
  function.function = match.function;
  std::ranges::copy(match.constants, function.constants);
  if (!can_run_pointwise_function(function)) return;
  function_ = function;
  function_inputs_ = match.inputs;
}

void EpiloguePass::run(cudaStream_t stream, const Arguments& a) const {
  if (!present_) return;
  const auto data = [&](int input) -> const void* {
    return input == 0 ? a.outputs[0] : a.inputs[first_argument_ + input - 1];
  };
  if (function_.function != PointwiseFunction::None) {
    PointwiseFunctionParams params = function_;
    for (size_t i = 0; i < function_inputs_.size(); ++i)
      params.operands.inputs[i].data = data(function_inputs_[i]);
    params.operands.outputs[0].data = a.outputs[0];
    return pointwise_function(stream, params);
  }
  PointwiseProgramParams params = program_;
  for (int i = 0; i < params.operands.input_count; ++i) params.operands.inputs[i].data = data(i);
  params.operands.outputs[0].data = a.outputs[0];
  pointwise_program(stream, params);
}

}  // namespace dn::cuda::vendor
