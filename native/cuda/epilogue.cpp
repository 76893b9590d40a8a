#include "cuda/epilogue.h"

#include "cuda/expression.h"
#include "cuda/expression_match.h"

namespace dn::cuda {

namespace {

// Of a matmul or convolution: after two operands and the bias.
constexpr size_t kFirstInput = 3;

int tensor_of(const Operator& op, int expression_input) {
  return op.input(kFirstInput - 1 + (size_t)expression_input);
}

}  // namespace

std::optional<EpiloguePlan> epilogue_of(const Operator& op) {
  const std::span<const dn_instruction> expression = op.expression();
  EpiloguePlan plan;
  if (expression.empty()) return plan;
  const FunctionMatch match = match_function(expression);
  const std::vector<int>& in = match.inputs;
  switch (match.function) {
    case PointwiseFunction::Relu:
      if (in[0] != 0) break;
      plan.kind = GemmEpilogue::Relu;
      return plan;
    case PointwiseFunction::ReluGradient:
      if (in[0] != 0 || in[1] == 0) break;
      plan.kind = GemmEpilogue::ReluGradient;
      plan.inputs = {tensor_of(op, in[1])};
      return plan;
    case PointwiseFunction::Add:
    case PointwiseFunction::AddRelu:
      if ((in[0] == 0) == (in[1] == 0)) break;
      plan.kind =
          match.function == PointwiseFunction::Add ? GemmEpilogue::Add : GemmEpilogue::AddRelu;
      plan.inputs = {tensor_of(op, in[0] == 0 ? in[1] : in[0])};
      return plan;
    default:
      break;
  }
  const std::optional<ExpressionProgram> program = compile_expression(expression);
  if (!program) return std::nullopt;
  plan.kind = GemmEpilogue::Program;
  plan.program = std::make_shared<const ExpressionProgram>(*program);
  for (size_t slot = kFirstInput; slot < op.inputs().size(); ++slot)
    plan.inputs.push_back(op.input(slot));
  return plan;
}

}  // namespace dn::cuda
