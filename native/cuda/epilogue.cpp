#include "cuda/epilogue.h"

#include <algorithm>

namespace dn::cuda {

namespace {

struct Instruction {
  int32_t opcode, a = 0, b = 0;
};

// Whether the expression consists of these instructions; constants are 0.
bool is(std::span<const dn_instruction> expression, std::initializer_list<Instruction> wanted) {
  return std::ranges::equal(expression, wanted, [](const dn_instruction& e, const Instruction& w) {
    if (e.opcode != w.opcode) return false;
    if (w.opcode == DN_OPCODE_CONSTANT) return e.value == 0.0f;
    if (w.opcode == DN_OPCODE_INPUT || w.opcode == DN_OPCODE_OUTPUT) return e.a == w.a;
    return e.a == w.a && e.b == w.b;
  });
}

}  // namespace

std::optional<EpiloguePlan> epilogue_of(const Operator& op) {
  const std::span<const dn_instruction> e = op.expression();
  if (e.empty()) return EpiloguePlan{};
  if (is(e, {{DN_OPCODE_INPUT, 0},
             {DN_OPCODE_CONSTANT},
             {DN_OPCODE_MAX, 0, 1},
             {DN_OPCODE_OUTPUT, 2}}))
    return EpiloguePlan{GemmEpilogue::Relu};
  if (is(e, {{DN_OPCODE_INPUT, 0},
             {DN_OPCODE_INPUT, 1},
             {DN_OPCODE_CONSTANT},
             {DN_OPCODE_GT, 1, 2},
             {DN_OPCODE_MUL, 0, 3},
             {DN_OPCODE_OUTPUT, 4}}))
    return EpiloguePlan{GemmEpilogue::ReluGradient, 0};
  return std::nullopt;
}

}  // namespace dn::cuda
