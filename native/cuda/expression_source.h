// Expressions as CUDA C++, for NVRTC.
#pragma once

#include <span>
#include <string>

#include "cuda/kernels/pointwise.h"

namespace dn::cuda {

constexpr int kSourceBlock = 256;
constexpr int kSourceVec = 4;  // elements of a thread

struct PointwiseSource {
  std::string name;  // of the kernel; the same for the same text
  std::string text;  // void NAME(Operands), PointwiseAddresses as its parameter
};

// What the kernel takes.
struct PointwiseAddresses {
  const void* inputs[kMaxPointwiseInputs];
  void* outputs[kMaxPointwiseOutputs];
};

// One kernel for an expression; types, sizes, walks and strides of the operands become constants in
// it. Launched with `kSourceBlock` threads a block, `kSourceVec` elements a thread.
PointwiseSource pointwise_source(std::span<const dn_instruction> expression,
                                 const PointwiseParams& operands);

}  // namespace dn::cuda
