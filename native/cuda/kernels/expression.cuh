// Runs an expression (expression.h) inside a kernel: all values in registers, no local memory.
// An instruction costs a decoding (the same in all threads), the stack's moves and its operation;
// kVec elements at a time share the decoding.
#pragma once

#include "cuda/kernels/expression.h"
#include "cuda/kernels/math.cuh"

namespace dn::cuda {

// One array a temporary, and a case each: nvcc turns a comparison of the index in a loop back into
// an index, which would move them to local memory.
#define DN_EXPRESSION_COPY(index, to, from)         \
  case index:                                       \
    DN_UNROLL                                       \
    for (int v = 0; v < kVec; ++v) to[v] = from[v]; \
    break;

// load(input, values) fills kVec elements of an input; store(output, values) takes those of an
// output. An input may be loaded several times, also after an output was stored.
template <int kVec, typename Load, typename Store>
__device__ __forceinline__ void run_expression(const ExpressionProgram& program, const Load& load,
                                               const Store& store) {
  float stack[kExpressionStack][kVec] = {};
  float temporary0[kVec] = {}, temporary1[kVec] = {}, temporary2[kVec] = {};
  float temporary3[kVec] = {}, temporary4[kVec] = {}, temporary5[kVec] = {};
  static_assert(kExpressionTemporaries == 6);
  for (int at = 0; at < program.count; ++at) {
    const ExpressionStep step = program.steps[at];
    float b[kVec] = {};
    switch (step.source) {
      case ExpressionSource::None:
        break;
      case ExpressionSource::Stack:
        DN_UNROLL
        for (int v = 0; v < kVec; ++v) {
          b[v] = stack[0][v];
          DN_UNROLL
          for (int i = 0; i + 1 < kExpressionStack; ++i) stack[i][v] = stack[i + 1][v];
        }
        break;
      case ExpressionSource::Constant:
        DN_UNROLL
        for (int v = 0; v < kVec; ++v) b[v] = step.value;
        break;
      case ExpressionSource::Input:
        load((int)step.index, b);
        break;
      case ExpressionSource::Temporary:
        switch (step.index) {
          DN_EXPRESSION_COPY(0, b, temporary0)
          DN_EXPRESSION_COPY(1, b, temporary1)
          DN_EXPRESSION_COPY(2, b, temporary2)
          DN_EXPRESSION_COPY(3, b, temporary3)
          DN_EXPRESSION_COPY(4, b, temporary4)
          DN_EXPRESSION_COPY(5, b, temporary5)
        }
        break;
    }

    if (step.operation == kExpressionOutput) {
      store((int)step.index, stack[0]);
      DN_UNROLL
      for (int v = 0; v < kVec; ++v) {
        DN_UNROLL
        for (int i = 0; i + 1 < kExpressionStack; ++i) stack[i][v] = stack[i + 1][v];
      }
      continue;
    }
    if (step.operation == kExpressionPush) {
      DN_UNROLL
      for (int v = 0; v < kVec; ++v) {
        DN_UNROLL
        for (int i = kExpressionStack - 1; i > 0; --i) stack[i][v] = stack[i - 1][v];
        stack[0][v] = b[v];
      }
    } else if (step.operation == DN_OPCODE_SELECT) {
      DN_UNROLL
      for (int v = 0; v < kVec; ++v) {
        stack[0][v] = b[v] != 0.0f ? stack[0][v] : stack[1][v];
        DN_UNROLL
        for (int i = 1; i + 1 < kExpressionStack; ++i) stack[i][v] = stack[i + 1][v];
      }
    } else {
      const bool reversed = step.flags & kExpressionReversed;
      float left[kVec], right[kVec];
      DN_UNROLL
      for (int v = 0; v < kVec; ++v) {
        left[v] = reversed ? b[v] : stack[0][v];
        right[v] = reversed ? stack[0][v] : b[v];
      }
      apply_opcode<kVec>(step.operation, left, right, stack[0]);
    }

    switch (step.flags & kExpressionKeepMask) {
      DN_EXPRESSION_COPY(1, temporary0, stack[0])
      DN_EXPRESSION_COPY(2, temporary1, stack[0])
      DN_EXPRESSION_COPY(3, temporary2, stack[0])
      DN_EXPRESSION_COPY(4, temporary3, stack[0])
      DN_EXPRESSION_COPY(5, temporary4, stack[0])
      DN_EXPRESSION_COPY(6, temporary5, stack[0])
    }
  }
}

#undef DN_EXPRESSION_COPY

// One element of an expression with one output, such as an epilogue. load(input) gives an input's
// element.
template <typename Load>
__device__ __forceinline__ float evaluate(const ExpressionProgram& program, const Load& load) {
  float result = 0.0f;
  run_expression<1>(
      program, [&](int input, float(&values)[1]) { values[0] = load(input); },
      [&](int, const float(&values)[1]) { result = values[0]; });
  return result;
}

}  // namespace dn::cuda
