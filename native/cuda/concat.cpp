// Concatenation, in the layout of the largest input.
#include "cuda/kernels/concat.h"

#include "cuda/candidates.h"

namespace dn::cuda {

namespace {

KernelPlan plan(const CompileView& view, int index) {
  const Operator& op = view.op(index);
  const int axis = op.attributes<dn_concat_attributes>().axis;
  int largest = op.input(0);
  for (int id : op.inputs())
    if (view.tensor(id).shape.numel() > view.tensor(largest).shape.numel()) largest = id;
  const bool channels_last = present_slot(view, largest).layout != nullptr;
  const auto slot = [&](int id) {
    return channels_last ? channels_last_slot(view, id) : row_major_slot(id);
  };
  KernelPlan plan;
  std::vector<ConcatSource> sources;
  int64_t rows = 1;
  for (int id : op.inputs()) {
    const TensorDeclaration& x = view.tensor(id);
    plan.inputs.push_back(slot(id));
    // Channels last: axis 1 is the innermost, those behind it lie before it.
    rows = 1;
    int64_t row_bytes = size_of(x.dtype);
    for (int i = 0; i < x.shape.rank(); ++i) {
      const bool outside =
          channels_last && axis > 0 ? i == 0 || (i != 1 && (axis == 1 || i < axis)) : i < axis;
      (outside ? rows : row_bytes) *= x.shape[i];
    }
    sources.push_back({nullptr, row_bytes});
  }
  plan.outputs = {slot(op.output(0))};
  plan.kernel = make_launcher(
      view, [sources = std::move(sources), rows](cudaStream_t stream, const Arguments& a) mutable {
        for (size_t i = 0; i < sources.size(); ++i) sources[i].x = a.inputs[i];
        concat(stream, {sources.data(), (int64_t)sources.size(), a.outputs[0], rows});
      });
  return plan;
}

const RegisterOperator candidate({"own:concat", DN_OPERATOR_CONCAT, 100, nullptr, plan});

}  // namespace

}  // namespace dn::cuda
