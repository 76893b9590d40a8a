// Groups of operators that devices like to do at once, and the expressions that they recognise.
#pragma once

#include <optional>

#include "engine/candidate.h"

namespace dn {

// max(input 0, 0).
DN_API bool is_relu(std::span<const dn_instruction> expression);
// input 0 * (input 1 > 0).
DN_API bool is_relu_gradient(std::span<const dn_instruction> expression);

// A pointwise operator y = x + residual, relu(x) or relu(x + residual), the only reader of x.
struct ReluAfter {
  int op;
  int output;         // tensor y
  int residual = -1;  // tensor, of the shape and type of x; -1: none
  bool relu = false;
};
DN_API std::optional<ReluAfter> relu_after(const CompileView& view, int tensor);

// A pointwise operator gradient * (y > 0) or (gradient + other) * (y > 0), all of one shape and type.
struct ReluGradientOf {
  int gradient, y, output;  // tensors
  int other = -1;
};
DN_API std::optional<ReluGradientOf> relu_gradient_of(const CompileView& view, int op);

// A pointwise operator that is relu's gradient, and behind it the gradient of batch norm, which reads it.
struct ReluGradientBeforeNorm {
  ReluGradientOf relu;
  int backward;               // the operator behind it
  bool needs_masked = false;  // others read the gradient behind the relu
  int bias = -1;              // of the forward operator, where the mask can be computed from x
};
// Without it the reason says why.
DN_API std::optional<ReluGradientBeforeNorm> relu_gradient_before_norm(const CompileView& view,
                                                                       int op, std::string& reason);

// For a product g^T x, the gradient of a linear layer's weight: the operator behind it that sums g over
// its rows, the gradient of the bias.
DN_API std::optional<int> bias_gradient_of(const CompileView& view, int product);

}  // namespace dn
