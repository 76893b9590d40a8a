// How the operator files of the CPU device register their kernels.
#pragma once

#include "cpu/device.h"

namespace dn::cpu {

CandidateRegistry& registry();

struct RegisterCandidate {
  explicit RegisterCandidate(std::unique_ptr<Candidate> candidate) {
    registry().add(std::move(candidate));
  }
};

// A candidate that does one operator.
struct SingleOperator {
  const char* name;  // "own:..." or "onednn:..."
  int kind;
  int preference;  // lower first
  // Why it cannot do it; empty: it can. Null: it can do all.
  std::string (*refuse)(const CompileView& view, int op);
  KernelPlan (*plan)(const CompileView& view, int op);
};

class SingleOperatorCandidate final : public Candidate {
 public:
  explicit SingleOperatorCandidate(const SingleOperator& description) : d_(description) {}
  std::string name() const override { return d_.name; }
  int kind() const override { return d_.kind; }
  int preference() const override { return d_.preference; }
  std::vector<int> match(const CompileView& view, int first, std::string& reason) const override {
    if (d_.refuse) reason = d_.refuse(view, first);
    return reason.empty() ? std::vector<int>{first} : std::vector<int>{};
  }
  KernelPlan plan(const CompileView& view, std::span<const int> operators) const override {
    return d_.plan(view, operators[0]);
  }

 private:
  SingleOperator d_;
};

struct RegisterOperator : RegisterCandidate {
  explicit RegisterOperator(const SingleOperator& description)
      : RegisterCandidate(std::make_unique<SingleOperatorCandidate>(description)) {}
};

// ---- what most plans need ----

// The address of argument `index` as floats.
inline const float* in(const Arguments& a, int index) {
  return static_cast<const float*>(a.inputs[index]);
}
inline float* out(const Arguments& a, int index) {
  return static_cast<float*>(a.outputs[index]);
}

inline Slot row_major_slot(int tensor) {
  return {tensor, nullptr};
}

// The layout to work in for an activation: the one it has if it is a channel layout, else
// row-major.
inline LayoutRef channel_layout(const CompileView& view, int tensor) {
  const LayoutRef layout = view.free(tensor) ? nullptr : view.layout(tensor);
  return channel_view(view.tensor(tensor).shape, layout) ? layout : nullptr;
}
// The same kind of channel layout for a tensor of another shape (the same channels).
LayoutRef like(const LayoutRef& layout, const Shape& shape, DType dtype = DN_DTYPE_F32);

}  // namespace dn::cpu
