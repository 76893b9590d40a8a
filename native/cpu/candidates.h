// How the operator files of the CPU device register their kernels.
#pragma once

#include "cpu/device.h"
#include "engine/single_operator.h"

namespace dn::cpu {

CandidateRegistry& registry();

struct RegisterCandidate {
  explicit RegisterCandidate(std::unique_ptr<Candidate> candidate) {
    registry().add(std::move(candidate));
  }
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

// Why the CPU's kernels refuse an operator whose data is not float32; empty when it is.
std::string refuse_other_than_float32(const CompileView& view, int op);

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
