// The expression after a product or convolution, as a pass over the output that a library has
// written.
#pragma once

#include "cuda/candidates.h"
#include "cuda/expression_match.h"
#include "cuda/kernels/pointwise.h"

namespace dn::cuda::vendor {

// Of the operator: matmul and convolution alike.
constexpr int kFirstEpilogueInput = 3;

class EpiloguePass {
 public:
  // Why there can be none; empty: there can.
  static std::string refuse(const CompileView& view, int op);

  // The epilogue's inputs are the kernel's arguments from `first_argument` on, in the layout of the
  // output, which is the kernel's first.
  EpiloguePass(const CompileView& view, int op, int first_argument);
  void run(cudaStream_t stream, const Arguments& a) const;

 private:
  bool present_ = false;
  int first_argument_ = 0;
  PointwiseProgramParams program_;
  // One of the compiled expressions; its inputs are these of the expression.
  PointwiseFunctionParams function_;
  std::vector<int> function_inputs_;
};

}  // namespace dn::cuda::vendor
