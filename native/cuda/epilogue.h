// The expression after a matmul or convolution, as their kernels take it.
#pragma once

#include <optional>

#include "cuda/candidates.h"
#include "cuda/kernels/gemm.h"

namespace dn::cuda {

struct EpiloguePlan {
  GemmEpilogue kind = GemmEpilogue::None;
  int input = -1;  // which epilogue input it reads, from 0; -1: none
};

// Nothing where the kernels do not have the expression.
std::optional<EpiloguePlan> epilogue_of(const Operator& op);

}  // namespace dn::cuda
