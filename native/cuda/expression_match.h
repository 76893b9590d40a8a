// Recognises the expressions that have kernels of their own (kernels/pointwise_functions.h).
#pragma once

#include <span>
#include <string_view>
#include <vector>

#include "cuda/kernels/pointwise_functions.h"
#include "engine/types.h"

namespace dn::cuda {

struct FunctionPattern {
  PointwiseFunction function;
  std::string_view name;
  int inputs, constants;
  std::string_view pattern;
};
std::span<const FunctionPattern> function_patterns();

struct FunctionMatch {
  PointwiseFunction function = PointwiseFunction::None;
  std::vector<int> inputs;  // of the expression, in the function's order
  std::vector<float> constants;
};

// None where the expression is not a compiled one. Sums and products match either way round.
FunctionMatch match_function(std::span<const dn_instruction> expression);

// The expression that a pattern stands for, its constants in order; for tests.
std::vector<dn_instruction> expression_of(std::string_view pattern,
                                          std::span<const float> constants);

}  // namespace dn::cuda
