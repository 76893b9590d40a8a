// The device-free rule of an operator kind: what its attributes and shapes must be. The files in
// operators/ register theirs; dn_program_operator applies them.
#pragma once

#include "engine/program.h"

namespace dn {

// One operator with the tensors it names, for checks and error texts.
class DN_API OperatorView {
 public:
  OperatorView(const Operator& op, const std::vector<TensorDeclaration>& tensors);

  const Operator& op() const { return op_; }
  // "operator 'conv2' (Convolution)"
  std::string label() const;
  // Throws unless the counts are in range and the required slots are present.
  void check_counts(int min_inputs, int max_inputs, int min_outputs, int max_outputs) const;

  const Shape& input_shape(int slot) const { return input(slot).shape; }
  const Shape& output_shape(int slot) const { return output(slot).shape; }
  const TensorDeclaration& input(int slot) const;  // DN_INVALID_ARGUMENT when absent
  const TensorDeclaration& output(int slot) const;

  void expect_shape(const char* what, const TensorDeclaration& tensor, const Shape& shape) const;
  void expect_dtype(const char* what, const TensorDeclaration& tensor, DType dtype) const;
  // For what stays float32 beside data of 16 bits: biases, gradients of parameters.
  void expect_dtype_or_float32(const char* what, const TensorDeclaration& tensor,
                               DType dtype) const;
  // The tensor is float32, bfloat16 or float16: what activations and their gradients may be.
  void expect_float(const char* what, const TensorDeclaration& tensor) const;
  void expect_rank(const char* what, const TensorDeclaration& tensor, int min, int max) const;
  // All present inputs from `first_input` on and all outputs are float32.
  void expect_float32(int first_input = 0) const;

  template <typename... Parts>
  [[noreturn]] void mismatch(const Parts&... parts) const {
    fail(DN_SHAPE_MISMATCH, label(), ": ", parts...);
  }
  template <typename... Parts>
  void require(bool condition, const Parts&... parts) const {
    if (!condition) fail(DN_INVALID_ARGUMENT, label(), ": ", parts...);
  }

 private:
  const Operator& op_;
  const std::vector<TensorDeclaration>& tensors_;
};

struct OperatorRule {
  int kind = 0;
  const char* name = "";
  int attribute_bytes = 0;  // sizeof its attribute struct, 0: none
  // Copies the arrays that the attributes point to into the operator; null where there are none.
  void (*adopt)(Operator& op) = nullptr;
  void (*check)(const OperatorView& view) = nullptr;
  // Floating-point operations of the plain algorithm.
  int64_t (*operations)(const OperatorView& view) = nullptr;
};

// The rule of a kind, or null.
DN_API const OperatorRule* find_rule(int kind);
DN_API const char* operator_name(int kind);

struct DN_API RegisterRule {
  explicit RegisterRule(const OperatorRule& rule);
};

// Throws unless the expression is well formed: known opcodes, operands defined before, inputs and
// outputs in range, every output written once.
DN_API void check_expression(const OperatorView& view, int input_count, int output_count);

}  // namespace dn
