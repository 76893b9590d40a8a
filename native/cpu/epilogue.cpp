#include "cpu/epilogue.h"

namespace dn::cpu {

namespace {
constexpr int kMaxInputs = 64;
constexpr int kFirstEpilogueInput = 3;  // of the operator: matmul and convolution alike
}  // namespace

EpiloguePass::EpiloguePass(const CompileView& view, const Operator& op, DType dtype, int64_t numel,
                           int first_input)
    : numel_(numel),
      element_bytes_(size_of(dtype)),
      first_input_(first_input),
      threads_(device_of(view).threads()) {
  if (op.expression().empty()) return;
  input_count_ = std::max(0, (int)op.inputs().size() - kFirstEpilogueInput);
  evaluator_ = std::make_shared<BlockEvaluator>(
      op.expression(), std::vector<DType>(1 + input_count_, dtype), std::vector<DType>{dtype});
  if (!evaluator_->in_place())
    fail(DN_UNSUPPORTED, view.view((int)(&op - view.program().operators().data())).label(),
         ": the epilogue does not end in its output");
}

int64_t EpiloguePass::scratch_bytes() const {
  return evaluator_ ? threads_ * evaluator_->scratch_bytes() : 0;
}

void EpiloguePass::run(const Arguments& arguments, void* scratch) const {
  if (!evaluator_) return;
  constexpr int64_t kBlock = BlockEvaluator::kBlock;
  const auto at = [&](void* array, int64_t element) {
    return static_cast<char*>(array) + element * element_bytes_;
  };
  parallel(threads_, (numel_ + kBlock - 1) / kBlock, numel_, [&](int64_t begin, int64_t end) {
    const int64_t first = begin * kBlock, last = std::min(end * kBlock, numel_);
    const void* inputs[kMaxInputs] = {at(arguments.outputs[0], first)};
    const bool repeat[kMaxInputs] = {};
    for (int i = 0; i < input_count_; ++i)
      inputs[1 + i] = at(arguments.inputs[first_input_ + i], first);
    void* outputs[] = {at(arguments.outputs[0], first)};
    char* own = static_cast<char*>(scratch) + omp_get_thread_num() * evaluator_->scratch_bytes();
    evaluator_->run(inputs, repeat, outputs, last - first, reinterpret_cast<float*>(own));
  });
}

}  // namespace dn::cpu
