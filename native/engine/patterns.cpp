#include "engine/patterns.h"

namespace dn {

namespace {

using Expression = std::span<const dn_instruction>;

// The value that is the only output; -1: there are several.
int only_output(Expression e) {
  int value = -1;
  for (const dn_instruction& instruction : e) {
    if (instruction.opcode != DN_OPCODE_OUTPUT) continue;
    if (value >= 0) return -1;
    value = instruction.a;
  }
  return value;
}

bool is_zero(const dn_instruction& i) {
  return i.opcode == DN_OPCODE_CONSTANT && i.value == 0;
}

bool is_input(const dn_instruction& i, int index) {
  return i.opcode == DN_OPCODE_INPUT && i.a == index;
}

bool same(const dn_instruction& i, int opcode, int a, int b) {
  return i.opcode == opcode && i.a == a && i.b == b;
}

// One or two inputs added.
struct Sum {
  int first, second = -1;
};
std::optional<Sum> sum_of_inputs(Expression e, int value) {
  const dn_instruction& i = e[value];
  if (i.opcode == DN_OPCODE_INPUT) return Sum{i.a};
  if (i.opcode != DN_OPCODE_ADD) return {};
  const dn_instruction &a = e[i.a], &b = e[i.b];
  if (a.opcode != DN_OPCODE_INPUT || b.opcode != DN_OPCODE_INPUT || a.a == b.a) return {};
  return Sum{a.a, b.a};
}

// The operand y of y > 0; -1: something else.
int compared_with_zero(Expression e, int value) {
  const dn_instruction& i = e[value];
  const bool greater = i.opcode == DN_OPCODE_GT && is_zero(e[i.b]);
  const bool less = i.opcode == DN_OPCODE_LT && is_zero(e[i.a]);
  if (!greater && !less) return -1;
  const dn_instruction& y = e[greater ? i.a : i.b];
  return y.opcode == DN_OPCODE_INPUT ? y.a : -1;
}

bool alike(const CompileView& view, int a, int b) {
  const TensorDeclaration &left = view.tensor(a), &right = view.tensor(b);
  return left.dtype == right.dtype && left.shape == right.shape;
}

bool is_column_sum(const Operator& op) {
  if (op.kind() != DN_OPERATOR_REDUCE) return false;
  const auto& attributes = op.attributes<dn_reduce_attributes>();
  return attributes.mode == DN_REDUCE_SUM && attributes.axes == 1;
}

// The bias of the batch norm whose relu's output y is, if nothing else went into y and what the
// mask depends on is unchanged before operator `last`.
int bias_behind(const CompileView& view, const Operator& backward, int y, int last) {
  const int producer = view.tensor(y).producer;
  if (producer < 0) return -1;
  for (int id : view.op(producer).inputs()) {
    const int first = id < 0 ? -1 : view.tensor(id).producer;
    if (first < 0 || view.op(first).kind() != DN_OPERATOR_BATCH_NORM) continue;
    const Operator& forward = view.op(first);
    if (forward.attributes<dn_batch_norm_attributes>().mode != DN_BATCH_NORM_TRAINING ||
        forward.output(0) != id)
      continue;
    const auto after = relu_after(view, id);
    if (!after || after->op != producer || !after->relu || after->residual >= 0) continue;
    if (forward.input(0) != backward.input(0) || forward.input(1) != backward.input(1) ||
        forward.output(1) != backward.input(2) || forward.output(2) != backward.input(3))
      continue;
    for (int index = first + 1; index < last; ++index)
      for (int written : view.op(index).outputs())
        if (written >= 0 && (written == forward.input(0) || written == forward.input(1) ||
                             written == forward.input(2)))
          return -1;
    return forward.input(2);
  }
  return -1;
}

}  // namespace

bool is_relu(Expression e) {
  return e.size() == 4 && is_input(e[0], 0) && is_zero(e[1]) && same(e[2], DN_OPCODE_MAX, 0, 1) &&
         same(e[3], DN_OPCODE_OUTPUT, 2, 0);
}

bool is_relu_gradient(Expression e) {
  return e.size() == 6 && is_input(e[0], 0) && is_input(e[1], 1) && is_zero(e[2]) &&
         same(e[3], DN_OPCODE_GT, 1, 2) && same(e[4], DN_OPCODE_MUL, 0, 3) &&
         same(e[5], DN_OPCODE_OUTPUT, 4, 0);
}

std::optional<int> bias_gradient_of(const CompileView& view, int product) {
  const Operator& op = view.op(product);
  const auto& attributes = op.attributes<dn_matmul_attributes>();
  const int gradient = op.input(0);
  if (!attributes.transpose_a || attributes.transpose_b || op.has_input(2) ||
      !op.expression().empty() || view.tensor(gradient).shape.rank() != 2 ||
      view.tensor(op.input(1)).shape.rank() != 2)
    return {};
  for (int consumer : view.tensor(gradient).consumers)
    if (consumer > product && is_column_sum(view.op(consumer))) return consumer;
  return {};
}

std::optional<ReluAfter> relu_after(const CompileView& view, int tensor) {
  const TensorDeclaration& x = view.tensor(tensor);
  if (!x.transient() || x.consumers.size() != 1) return {};
  const int index = x.consumers[0];
  const Operator& op = view.op(index);
  if (op.kind() != DN_OPERATOR_POINTWISE || op.outputs().size() != 1) return {};
  const Expression e = op.expression();
  int value = only_output(e);
  if (value < 0) return {};
  ReluAfter found{index, op.output(0)};
  if (e[value].opcode == DN_OPCODE_MAX) {
    const dn_instruction& max = e[value];
    if (!is_zero(e[max.a]) && !is_zero(e[max.b])) return {};
    found.relu = true;
    value = is_zero(e[max.a]) ? max.b : max.a;
  }
  const std::optional<Sum> sum = sum_of_inputs(e, value);
  if (!sum || (!found.relu && sum->second < 0)) return {};
  const bool first = op.input(sum->first) == tensor;
  if (!first && (sum->second < 0 || op.input(sum->second) != tensor)) return {};
  if (sum->second >= 0) found.residual = op.input(first ? sum->second : sum->first);
  if (found.residual == tensor || !alike(view, tensor, found.output) ||
      (found.residual >= 0 && !alike(view, tensor, found.residual)))
    return {};
  return found;
}

std::optional<ReluGradientOf> relu_gradient_of(const CompileView& view, int index) {
  const Operator& op = view.op(index);
  if (op.kind() != DN_OPERATOR_POINTWISE || op.outputs().size() != 1) return {};
  const Expression e = op.expression();
  const int value = only_output(e);
  if (value < 0 || e[value].opcode != DN_OPCODE_MUL) return {};
  int gradient = e[value].a, y = compared_with_zero(e, e[value].b);
  if (y < 0) {
    gradient = e[value].b;
    y = compared_with_zero(e, e[value].a);
  }
  const std::optional<Sum> sum = y < 0 ? std::nullopt : sum_of_inputs(e, gradient);
  if (!sum) return {};
  ReluGradientOf found{op.input(sum->first), op.input(y), op.output(0)};
  if (sum->second >= 0) found.other = op.input(sum->second);
  for (int id : {found.gradient, found.y, found.other})
    if (id >= 0 && !alike(view, id, found.output)) return {};
  return found;
}

std::optional<ReluGradientBeforeNorm> relu_gradient_before_norm(const CompileView& view, int op,
                                                                std::string& reason) {
  const auto relu = relu_gradient_of(view, op);
  if (!relu) {
    reason = "not the gradient of relu";
    return {};
  }
  const TensorDeclaration& masked = view.tensor(relu->output);
  if (!masked.transient()) {
    reason = "the gradient is asked for";
    return {};
  }
  for (int consumer : masked.consumers) {
    const Operator& backward = view.op(consumer);
    if (backward.kind() != DN_OPERATOR_BATCH_NORM || backward.input(4) != relu->output ||
        backward.attributes<dn_batch_norm_attributes>().mode != DN_BATCH_NORM_BACKWARD)
      continue;
    ReluGradientBeforeNorm found{*relu, consumer, masked.consumers.size() > 1};
    if (!found.needs_masked && relu->other < 0)
      found.bias = bias_behind(view, backward, relu->y, consumer);
    return found;
  }
  reason = "the gradient of batch norm does not follow";
  return {};
}

}  // namespace dn
