// Kernels that could do the work of one operator, or of several at once; a device registers them,
// the compiler chooses.
#pragma once

#include <functional>

#include "engine/operator_rule.h"

namespace dn {

// What a kernel works on; addresses are fixed when the program is compiled.
struct Arguments {
  void* const* inputs;
  void* const* outputs;
  void* scratch;
};

class DN_API Kernel {
 public:
  virtual ~Kernel();
  virtual void run(const Arguments& arguments) = 0;
};

// A kernel that is a function object.
template <typename Function>
class FunctionKernel final : public Kernel {
 public:
  explicit FunctionKernel(Function function) : function_(std::move(function)) {}
  void run(const Arguments& arguments) override { function_(arguments); }

 private:
  Function function_;
};

template <typename Function>
std::unique_ptr<Kernel> make_kernel(Function function) {
  return std::make_unique<FunctionKernel<Function>>(std::move(function));
}

// A tensor in the layout in which a kernel reads or writes it.
struct Slot {
  int tensor;
  LayoutRef layout;
};

struct KernelPlan {
  std::unique_ptr<Kernel> kernel;
  std::vector<Slot> inputs;  // in the order of Arguments.inputs
  std::vector<Slot> outputs;
  int64_t scratch_bytes = 0;
  // Output i may take the memory of input in_place[i] when nobody else needs that; -1: no.
  std::vector<int> in_place;
};

// What a candidate may look at while the program is being compiled.
class DN_API CompileView {
 public:
  virtual ~CompileView();
  virtual const Program& program() const = 0;
  // The layout in which a tensor exists at this point. For a persistent tensor that no program has
  // fixed yet, `free` is true: the candidate may choose.
  virtual LayoutRef layout(int tensor) const = 0;
  virtual bool free(int tensor) const = 0;
  // True if `operators` may run together where the last of them stands, i.e. nothing in between
  // reads what they write or writes what they read.
  virtual bool adjacent(std::span<const int> operators) const = 0;
  // Whether float32 products may be computed in TF32.
  virtual bool allow_tf32() const = 0;

  OperatorView view(int op) const {
    return OperatorView(program().operators()[op], program().tensors());
  }
  const Operator& op(int index) const { return program().operators()[index]; }
  const TensorDeclaration& tensor(int id) const { return program().tensor(id); }
};

class DN_API Candidate {
 public:
  virtual ~Candidate();
  // Unique; what reports print: "<library>:<algorithm>".
  virtual std::string name() const = 0;
  // The kind of the first operator it covers.
  virtual int kind() const = 0;
  // Among those that cover the same operators, lower is preferred when there is no race.
  virtual int preference() const { return 100; }
  // True where merely asking it takes time and memory, because a library has to be loaded: only
  // races ask it, and compilers that find nothing else.
  virtual bool costly() const { return false; }
  // What decides its speed beside the engine's own version: a library's. Asked after match().
  virtual std::string version(const CompileView&) const { return {}; }
  // The operators that it would do together, starting with `first`, ascending; empty with a reason
  // when it cannot. Those that cover more go before those that cover less.
  virtual std::vector<int> match(const CompileView& view, int first, std::string& reason) const = 0;
  virtual KernelPlan plan(const CompileView& view, std::span<const int> operators) const = 0;
};

class DN_API CandidateRegistry {
 public:
  void add(std::unique_ptr<Candidate> candidate);
  const std::vector<const Candidate*>& of_kind(int kind) const;
  std::vector<std::string> names() const;

 private:
  std::vector<std::unique_ptr<Candidate>> all_;
  std::vector<std::vector<const Candidate*>> by_kind_;
};

}  // namespace dn
