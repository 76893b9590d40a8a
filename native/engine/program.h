// A program: operators over tensors, checked when added, compiled once, run many times.
#pragma once

#include <atomic>
#include <optional>
#include <span>

#include "engine/tensor.h"

namespace dn {

// One operator with its own copy of its attributes.
class DN_API Operator {
 public:
  Operator(const dn_operator& description, int attribute_bytes);

  int kind() const { return kind_; }
  const std::string& name() const { return name_; }
  const std::vector<int>& inputs() const { return inputs_; }  // tensor ids, -1: absent
  const std::vector<int>& outputs() const { return outputs_; }
  int input(size_t slot) const { return slot < inputs_.size() ? inputs_[slot] : -1; }
  int output(size_t slot) const { return slot < outputs_.size() ? outputs_[slot] : -1; }
  bool has_input(size_t slot) const { return input(slot) >= 0; }
  bool has_output(size_t slot) const { return output(slot) >= 0; }

  template <typename T>
  const T& attributes() const {
    return *reinterpret_cast<const T*>(attributes_.data());
  }
  // The expression of a pointwise operator, or the epilogue of a matmul or convolution.
  std::span<const dn_instruction> expression() const { return expression_; }
  // Copies the expression that the attributes point to, and forgets the pointer.
  template <typename T>
  void adopt_expression(const dn_instruction* T::*member) {
    T& attributes = *reinterpret_cast<T*>(attributes_.data());
    set_expression(attributes.*member, attributes.instruction_count);
    attributes.*member = nullptr;
  }
  std::span<const std::byte> attribute_bytes() const {
    return std::as_bytes(std::span(attributes_));
  }

 private:
  void set_expression(const dn_instruction* instructions, int count);

  int kind_;
  std::string name_;
  std::vector<int> inputs_, outputs_;
  std::vector<int64_t> attributes_;  // 8-byte aligned bytes
  std::vector<dn_instruction> expression_;
};

struct TensorDeclaration {
  std::string name;
  DType dtype;
  Shape shape;
  std::shared_ptr<Tensor> bound;  // null: transient
  int producer = -1;              // the operator that writes a transient
  std::vector<int> consumers;     // the operators that read it, ascending

  bool transient() const { return bound == nullptr; }
  int64_t bytes() const { return shape.numel() * size_of(dtype); }
};

struct Compiled;

class DN_API Program {
 public:
  Program(std::shared_ptr<Device> device, std::string name);
  ~Program();

  int add_tensor(DType dtype, const Shape& shape, const char* name);
  int bind(std::shared_ptr<Tensor> tensor, const char* name);
  void add_operator(const dn_operator& description);
  void compile(const dn_compile_options& options);
  void run();
  void profile(bool enable);

  const std::string& name() const { return name_; }
  const std::shared_ptr<Device>& device() const { return device_; }
  const std::vector<Operator>& operators() const { return operators_; }
  const std::vector<TensorDeclaration>& tensors() const { return tensors_; }
  const TensorDeclaration& tensor(int id) const { return tensors_[id]; }
  const Compiled* compiled() const { return compiled_.get(); }
  int64_t run_count() const { return run_count_; }

 private:
  void check_open() const;

  std::shared_ptr<Device> device_;
  std::string name_;
  std::vector<TensorDeclaration> tensors_;
  std::vector<Operator> operators_;
  std::unique_ptr<Compiled> compiled_;
  std::atomic_flag busy_ = ATOMIC_FLAG_INIT;
  bool profile_ = false;
  int64_t run_count_ = 0;
};

}  // namespace dn
