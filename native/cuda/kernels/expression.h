// An expression as a kernel takes it: a stack program, passed by value.
#pragma once

#include <cstdint>

namespace dn::cuda {

// The stack and the temporaries are registers: every index into them is known when the kernel is
// compiled, because pushing moves the whole stack and each temporary has a case of its own.
constexpr int kExpressionStack = 5;
constexpr int kExpressionTemporaries = 6;
constexpr int kMaxExpressionSteps = 96;

// Where a step's operand b comes from.
enum class ExpressionSource : uint8_t {
  None,   // the step has none
  Stack,  // taken off the stack
  Constant,
  Input,
  Temporary
};

// Operations beside dn_opcode's.
constexpr uint8_t kExpressionPush = 200;    // puts b on the stack
constexpr uint8_t kExpressionOutput = 201;  // takes the top off and makes it output `index`

// top = operation(top) or operation(top, b); reversed: operation(b, top). Select: b != 0 ? top :
// next.
struct ExpressionStep {
  uint8_t operation;
  ExpressionSource source;
  uint8_t index;  // of the input, temporary or output
  // Bits 0-2: 1 + the temporary that also gets the result, 0: none; bit 3: reversed.
  uint8_t flags;
  float value;  // of the constant
};
constexpr uint8_t kExpressionKeepMask = 7;
constexpr uint8_t kExpressionReversed = 8;
static_assert(kExpressionTemporaries < kExpressionKeepMask);

struct ExpressionProgram {
  int32_t count = 0;
  ExpressionStep steps[kMaxExpressionSteps] = {};
};

}  // namespace dn::cuda
