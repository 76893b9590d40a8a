// Expressions on the way to the GPU: as stack programs, and recognised as one of the compiled ones.
#pragma once

#include <optional>
#include <span>
#include <vector>

#include "cuda/kernels/expression.h"
#include "engine/types.h"

namespace dn::cuda {

// Instructions that an output depends on, and how often each is used.
std::vector<int> count_uses(std::span<const dn_instruction> expression);
int operand_count(int32_t opcode);

// Nothing where the expression is longer or deeper than a program may be.
std::optional<ExpressionProgram> compile_expression(std::span<const dn_instruction> expression);

}  // namespace dn::cuda
