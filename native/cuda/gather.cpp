// Rows of a table by their indices.
#include "cuda/kernels/gather.h"

#include "cuda/candidates.h"

namespace dn::cuda {

namespace {

KernelPlan plan(const CompileView& view, int op) {
  const Operator& operation = view.op(op);
  const TensorDeclaration& x = view.tensor(operation.input(0));
  const bool has_position = operation.has_input(2);
  GatherParams params;
  params.table_rows = x.shape[0];
  params.index_count = view.tensor(operation.input(1)).shape[0];
  params.rows = view.tensor(operation.output(0)).shape[0];
  params.row_bytes = size_of(x.dtype);
  for (int axis = 1; axis < x.shape.rank(); ++axis) params.row_bytes *= x.shape[axis];
  params.advance = operation.has_output(1);
  KernelPlan plan;
  for (int id : operation.inputs())
    if (id >= 0) plan.inputs.push_back(row_major_slot(id));
  for (int id : operation.outputs())
    if (id >= 0) plan.outputs.push_back(row_major_slot(id));
  const std::string label = view.view(op).label();
  FaultTable& faults = device_of(view).faults();
  const auto bad_index = faults.reserve([label, rows = params.table_rows](int64_t row,
                                                                          int32_t index) {
    return text(label, ": index ", index, " of row ", row, " is outside the rows 0 to ", rows - 1);
  });
  const auto bad_position = faults.reserve([label, params](int64_t, int32_t position) {
    return text(label, ": rows ", position, " to ", position + params.rows - 1, " are outside the ",
                params.index_count, " indices");
  });
  plan.kernel = make_launcher(view, [params, has_position, bad_index, bad_position](
                                        cudaStream_t stream, const Arguments& a) mutable {
    params.x = a.inputs[0];
    params.indices = in<int32_t>(a, 1);
    params.position = has_position ? static_cast<int64_t*>(a.inputs[2]) : nullptr;
    params.y = a.outputs[0];
    params.bad_index = bad_index->device;
    params.bad_position = bad_position->device;
    gather_rows(stream, params);
  });
  return plan;
}

const RegisterOperator gather({"own:gather", DN_OPERATOR_GATHER, 100, nullptr, plan});

}  // namespace

}  // namespace dn::cuda
