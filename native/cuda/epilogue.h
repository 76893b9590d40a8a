// The expression after a matmul or convolution, as their kernels take it.
#pragma once

#include <memory>
#include <optional>

#include "cuda/candidates.h"
#include "cuda/kernels/gemm.h"

namespace dn::cuda {

struct EpiloguePlan {
  GemmEpilogue kind = GemmEpilogue::None;
  std::shared_ptr<const ExpressionProgram> program;  // of GemmEpilogue::Program
  std::vector<int> inputs;                           // tensors, in the order of Gemm::input

  // `first`: where the inputs start among the kernel's arguments.
  void fill(Gemm& g, const Arguments& a, size_t first) const {
    for (size_t i = 0; i < inputs.size(); ++i) g.input[i] = a.inputs[first + i];
  }
};

// Nothing where the expression is longer or deeper than kernels can run.
std::optional<EpiloguePlan> epilogue_of(const Operator& op);

}  // namespace dn::cuda
