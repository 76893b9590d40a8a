#include "cuda/expression.h"

#include <algorithm>

namespace dn::cuda {

namespace {

// Writes the steps of one expression. A value that is used more than once stays in a temporary
// between its uses; inputs too, as long as there are temporaries.
class Emitter {
 public:
  explicit Emitter(std::span<const dn_instruction> expression)
      : expression_(expression),
        left_(count_uses(expression)),
        place_(expression.size(), kNowhere),
        need_(expression.size(), 1) {
    for (size_t i = 0; i < expression.size(); ++i) {
      const dn_instruction& e = expression[i];
      const int operands = operand_count(e.opcode);
      if (operands == 1) need_[i] = need_[e.a];
      if (operands == 2)
        need_[i] = need_[e.a] == need_[e.b] ? need_[e.a] + 1 : std::max(need_[e.a], need_[e.b]);
      if (operands == 3) need_[i] = std::max({need_[e.c], need_[e.b] + 1, need_[e.a] + 2});
    }
  }

  std::optional<ExpressionProgram> emit() {
    for (const dn_instruction& e : expression_) {
      if (e.opcode != DN_OPCODE_OUTPUT) continue;
      push(e.a);
      add({kExpressionOutput, ExpressionSource::None, (uint8_t)e.b, 0, 0});
      --depth_;
      if (failed_) return std::nullopt;
    }
    return program_;
  }

 private:
  static constexpr int kNowhere = -1;

  bool leaf(int value) const {
    return expression_[value].opcode == DN_OPCODE_INPUT ||
           expression_[value].opcode == DN_OPCODE_CONSTANT;
  }
  // An operand that need not go over the stack.
  bool direct(int value) const { return leaf(value) || place_[value] != kNowhere; }

  void add(const ExpressionStep& step) {
    if (program_.count == kMaxExpressionSteps) {
      failed_ = true;
      return;
    }
    program_.steps[program_.count++] = step;
  }

  void grow() {
    if (++depth_ > kExpressionStack) failed_ = true;
  }

  // One use of a direct value has been taken care of.
  void used(int value) {
    if (--left_[value] == 0 && place_[value] != kNowhere) taken_ &= ~(1u << place_[value]);
  }

  // Fills in where a direct value comes from.
  void set_operand(ExpressionStep& step, int value) {
    const dn_instruction& e = expression_[value];
    if (place_[value] != kNowhere) {
      step.source = ExpressionSource::Temporary;
      step.index = (uint8_t)place_[value];
    } else if (e.opcode == DN_OPCODE_INPUT) {
      step.source = ExpressionSource::Input;
      step.index = (uint8_t)e.a;
    } else {
      step.source = ExpressionSource::Constant;
      step.value = e.value;
    }
    used(value);
  }

  // The value on top of the stack will be used again: the last step keeps it.
  void keep(int value) {
    int free = 0;
    while (free < kExpressionTemporaries && (taken_ >> free & 1)) ++free;
    if (free == kExpressionTemporaries) {
      failed_ = failed_ || !leaf(value);  // a leaf is fetched again
      return;
    }
    taken_ |= 1u << free;
    place_[value] = free;
    if (program_.count > 0) program_.steps[program_.count - 1].flags |= (uint8_t)(free + 1);
  }

  // Puts a value on the stack.
  void push(int value) {
    if (failed_) return;
    if (direct(value)) {
      const bool kept = place_[value] != kNowhere;
      ExpressionStep step{kExpressionPush, ExpressionSource::None, 0, 0, 0};
      set_operand(step, value);
      add(step);
      grow();
      if (!kept && left_[value] > 0 && expression_[value].opcode == DN_OPCODE_INPUT) keep(value);
      return;
    }
    compute(value);
    if (--left_[value] > 0) keep(value);
  }

  void compute(int value) {
    const dn_instruction& e = expression_[value];
    ExpressionStep step{(uint8_t)e.opcode, ExpressionSource::None, 0, 0, 0};
    switch (operand_count(e.opcode)) {
      case 1:
        push(e.a);
        break;
      case 2: {
        // The deeper side first, so that the other waits for it on as low a stack as can be.
        const bool second_first =
            direct(e.a) ? !direct(e.b) : !direct(e.b) && need_[e.b] > need_[e.a];
        push(second_first ? e.b : e.a);
        if (second_first) step.flags = kExpressionReversed;
        set_last(step, second_first ? e.a : e.b);
        break;
      }
      default:
        push(e.c);
        push(e.b);
        set_last(step, e.a);
        --depth_;
    }
    add(step);
  }

  void set_last(ExpressionStep& step, int value) {
    if (direct(value)) return set_operand(step, value);
    push(value);
    step.source = ExpressionSource::Stack;
    --depth_;
  }

  std::span<const dn_instruction> expression_;
  std::vector<int> left_;   // uses to come
  std::vector<int> place_;  // the temporary that holds it
  std::vector<int> need_;   // stack depth
  ExpressionProgram program_;
  uint32_t taken_ = 0;  // temporaries, as bits
  int depth_ = 0;
  bool failed_ = false;
};

}  // namespace

int operand_count(int32_t opcode) {
  if (opcode == DN_OPCODE_INPUT || opcode == DN_OPCODE_CONSTANT) return 0;
  if (opcode == DN_OPCODE_SELECT) return 3;
  return opcode >= DN_OPCODE_ADD && opcode <= DN_OPCODE_NE ? 2 : 1;
}

std::vector<int> count_uses(std::span<const dn_instruction> expression) {
  std::vector<int> uses(expression.size(), 0);
  for (size_t i = expression.size(); i-- > 0;) {
    const dn_instruction& e = expression[i];
    if (e.opcode != DN_OPCODE_OUTPUT && uses[i] == 0) continue;
    const int operands = operand_count(e.opcode);
    if (operands > 0) ++uses[e.a];
    if (operands > 1) ++uses[e.b];
    if (operands > 2) ++uses[e.c];
  }
  return uses;
}

std::optional<ExpressionProgram> compile_expression(std::span<const dn_instruction> expression) {
  // Emitting recurses as deep as the expression.
  if (expression.size() > 4 * kMaxExpressionSteps) return std::nullopt;
  return Emitter(expression).emit();
}

}  // namespace dn::cuda
