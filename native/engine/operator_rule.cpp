#include "engine/operator_rule.h"

#include <cstring>

#include "engine/candidate.h"

namespace dn {

namespace {

constexpr int kMaxKind = 64;
constexpr int kMaxInstructions = 4096;

std::array<OperatorRule, kMaxKind>& rules() {
  static std::array<OperatorRule, kMaxKind> table{};
  return table;
}

}  // namespace

RegisterRule::RegisterRule(const OperatorRule& rule) {
  rules().at(rule.kind) = rule;
}

const OperatorRule* find_rule(int kind) {
  if (kind <= 0 || kind >= kMaxKind || rules()[kind].kind == 0) return nullptr;
  return &rules()[kind];
}

const char* operator_name(int kind) {
  const OperatorRule* rule = find_rule(kind);
  return rule ? rule->name : "change of layout";
}

Operator::Operator(const dn_operator& description, int attribute_bytes)
    : kind_(description.kind),
      name_(description.name ? description.name : ""),
      inputs_(description.inputs, description.inputs + description.input_count),
      outputs_(description.outputs, description.outputs + description.output_count),
      attributes_((attribute_bytes + 7) / 8) {
  if (attribute_bytes > 0) std::memcpy(attributes_.data(), description.attributes, attribute_bytes);
}

void Operator::set_expression(const dn_instruction* instructions, int count) {
  require(count >= 0 && count <= kMaxInstructions, "an expression has ", count,
          " instructions, expected 0 to ", kMaxInstructions);
  require(count == 0 || instructions != nullptr, "instructions is null");
  expression_.assign(instructions, instructions + count);
}

OperatorView::OperatorView(const Operator& op, const std::vector<TensorDeclaration>& tensors)
    : op_(op), tensors_(tensors) {}

std::string OperatorView::label() const {
  return text("operator '", op_.name(), "' (", operator_name(op_.kind()), ")");
}

void OperatorView::check_counts(int min_inputs, int max_inputs, int min_outputs,
                                int max_outputs) const {
  const auto check = [&](const char* what, const std::vector<int>& ids, int min, int max) {
    const int count = (int)ids.size();
    require(count >= min && count <= max, "has ", count, " ", what, ", expected ", min,
            min == max ? "" : " to ", min == max ? "" : std::to_string(max));
    for (int slot = 0; slot < min; ++slot)
      require(ids[slot] >= 0, what, " ", slot, " is absent, but required");
  };
  check("inputs", op_.inputs(), min_inputs, max_inputs);
  check("outputs", op_.outputs(), min_outputs, max_outputs);
}

const TensorDeclaration& OperatorView::input(int slot) const {
  require(op_.has_input(slot), "input ", slot, " is absent");
  return tensors_[op_.input(slot)];
}

const TensorDeclaration& OperatorView::output(int slot) const {
  require(op_.has_output(slot), "output ", slot, " is absent");
  return tensors_[op_.output(slot)];
}

void OperatorView::expect_shape(const char* what, const TensorDeclaration& tensor,
                                const Shape& shape) const {
  if (!(tensor.shape == shape)) mismatch(what, " is ", tensor.shape, ", expected ", shape);
}

void OperatorView::expect_dtype(const char* what, const TensorDeclaration& tensor,
                                DType dtype) const {
  if (tensor.dtype != dtype)
    mismatch(what, " is ", name_of(tensor.dtype), ", expected ", name_of(dtype));
}

void OperatorView::expect_dtype_or_float32(const char* what, const TensorDeclaration& tensor,
                                           DType dtype) const {
  if (tensor.dtype != DN_DTYPE_F32) expect_dtype(what, tensor, dtype);
}

void OperatorView::expect_float(const char* what, const TensorDeclaration& tensor) const {
  if (tensor.dtype != DN_DTYPE_F32 && tensor.dtype != DN_DTYPE_BF16 && tensor.dtype != DN_DTYPE_F16)
    mismatch(what, " is ", name_of(tensor.dtype), ", expected float32, bfloat16 or float16");
}

void OperatorView::expect_rank(const char* what, const TensorDeclaration& tensor, int min,
                               int max) const {
  const int rank = tensor.shape.rank();
  if (rank < min || rank > max)
    mismatch(what, " is ", tensor.shape, ", of rank ", rank, ", expected rank ", min,
             min == max ? "" : " to ", min == max ? "" : std::to_string(max));
}

void OperatorView::expect_float32(int first_input) const {
  for (size_t slot = first_input; slot < op_.inputs().size(); ++slot)
    if (op_.has_input(slot)) expect_dtype("an input", input((int)slot), DN_DTYPE_F32);
  for (size_t slot = 0; slot < op_.outputs().size(); ++slot)
    if (op_.has_output(slot)) expect_dtype("an output", output((int)slot), DN_DTYPE_F32);
}

void check_expression(const OperatorView& view, int input_count, int output_count) {
  const auto expression = view.op().expression();
  std::vector<bool> written(output_count, false), usable(expression.size(), true);
  for (int i = 0; i < (int)expression.size(); ++i) {
    const dn_instruction& instruction = expression[i];
    const auto operand = [&](int32_t value) {
      view.require(value >= 0 && value < i && usable[value], "instruction ", i, " uses value ",
                   value, ", which is not defined before it");
    };
    switch (instruction.opcode) {
      case DN_OPCODE_INPUT:
        view.require(instruction.a >= 0 && instruction.a < input_count, "instruction ", i,
                     " reads input ", instruction.a, " of ", input_count);
        break;
      case DN_OPCODE_CONSTANT:
        break;
      case DN_OPCODE_OUTPUT:
        operand(instruction.a);
        view.require(instruction.b >= 0 && instruction.b < output_count && !written[instruction.b],
                     "instruction ", i, " writes output ", instruction.b, " of ", output_count,
                     ", each to be written once");
        written[instruction.b] = true;
        usable[i] = false;
        break;
      case DN_OPCODE_SELECT:
        operand(instruction.a);
        operand(instruction.b);
        operand(instruction.c);
        break;
      case DN_OPCODE_ADD:
      case DN_OPCODE_SUB:
      case DN_OPCODE_MUL:
      case DN_OPCODE_DIV:
      case DN_OPCODE_MIN:
      case DN_OPCODE_MAX:
      case DN_OPCODE_POW:
      case DN_OPCODE_LT:
      case DN_OPCODE_LE:
      case DN_OPCODE_GT:
      case DN_OPCODE_GE:
      case DN_OPCODE_EQ:
      case DN_OPCODE_NE:
        operand(instruction.a);
        operand(instruction.b);
        break;
      case DN_OPCODE_NEG:
      case DN_OPCODE_ABS:
      case DN_OPCODE_SQRT:
      case DN_OPCODE_RSQRT:
      case DN_OPCODE_EXP:
      case DN_OPCODE_EXPM1:
      case DN_OPCODE_LOG:
      case DN_OPCODE_LOG1P:
      case DN_OPCODE_TANH:
      case DN_OPCODE_SIGMOID:
      case DN_OPCODE_ERF:
      case DN_OPCODE_FLOOR:
        operand(instruction.a);
        break;
      default:
        view.require(false, "instruction ", i, " has the unknown opcode ", instruction.opcode);
    }
  }
  for (int output = 0; output < output_count; ++output)
    view.require(written[output], "no instruction writes output ", output);
}

}  // namespace dn
