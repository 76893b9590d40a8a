// The expression after a matmul or convolution, for kernels that do not take it along.
#pragma once

#include "cpu/candidates.h"
#include "cpu/expression.h"

namespace dn::cpu {

// A pass over the finished output, in place.
class EpiloguePass {
 public:
  EpiloguePass() = default;
  // For an output of `numel` elements of a type in memory; the epilogue's inputs are the kernel's arguments
  // from first_input on, in the output's layout.
  EpiloguePass(const CompileView& view, const Operator& op, DType dtype, int64_t numel,
               int first_input);

  int input_count() const { return input_count_; }
  int64_t scratch_bytes() const;
  void run(const Arguments& arguments, void* scratch) const;

 private:
  std::shared_ptr<const BlockEvaluator> evaluator_;  // null: nothing to do
  int64_t numel_ = 0, element_bytes_ = 4;
  int first_input_ = 0, input_count_ = 0, threads_ = 1;
};

// Scratch areas behind each other start on cache lines.
inline int64_t scratch_aligned(int64_t bytes) {
  return (bytes + 63) / 64 * 64;
}

}  // namespace dn::cpu
