// Additions and relus around an operator, which its kernel can do along the way.
#pragma once

#include <optional>

#include "engine/candidate.h"

namespace dn::cuda {

// A pointwise operator y = x + residual, relu(x) or relu(x + residual), the only reader of x.
struct ReluAfter {
  int op;
  int output;         // tensor y
  int residual = -1;  // tensor, of the shape and type of x; -1: none
  bool relu = false;
};
std::optional<ReluAfter> relu_after(const CompileView& view, int tensor);

// A pointwise operator gradient * (y > 0) or (gradient + other) * (y > 0), all of one shape and type.
struct ReluGradientOf {
  int gradient, y, output;  // tensors
  int other = -1;
};
std::optional<ReluGradientOf> relu_gradient_of(const CompileView& view, int op);

}  // namespace dn::cuda
