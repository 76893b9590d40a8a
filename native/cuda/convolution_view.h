// Convolution operators as their kernels see them.
#pragma once

#include "cuda/epilogue.h"
#include "cuda/kernels/convolution.h"

namespace dn::cuda {

Convolution convolution_of(const CompileView& view, int op);

// Why no kernel for convolutions takes it; empty: they may.
std::string refuse_convolution(const CompileView& view, int op);

// Slots of the forward direction: input, weight, [bias], the epilogue's inputs.
struct ForwardSlots {
  std::vector<Slot> inputs;
  bool bias = false;
  size_t first_input = 2;  // of the epilogue
  EpiloguePlan epilogue;

  const void* bias_of(const Arguments& a) const { return bias ? a.inputs[2] : nullptr; }
};
ForwardSlots forward_slots(const CompileView& view, int op);

}  // namespace dn::cuda
