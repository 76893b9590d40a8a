#pragma once

#include "engine/operator_rule.h"

namespace dn {

// The shape to which both broadcast, as in NumPy: aligned at the last axis, extent 1 is repeated.
Shape broadcast(const OperatorView& view, const Shape& a, const Shape& b);

}  // namespace dn
