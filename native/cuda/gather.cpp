// Elements of a tensor by their indices, whole rows or along an axis; and the sums that their
// gradients are.
#include "cuda/kernels/gather.h"

#include "cuda/candidates.h"
#include "engine/axis_view.h"

namespace dn::cuda {

namespace {

KernelPlan slots(const Operator& operation) {
  KernelPlan plan;
  for (int id : operation.inputs())
    if (id >= 0) plan.inputs.push_back(row_major_slot(id));
  for (int id : operation.outputs())
    if (id >= 0) plan.outputs.push_back(row_major_slot(id));
  return plan;
}

int64_t width_of(const Shape& shape) {
  int64_t width = 1;
  for (int axis = 1; axis < shape.rank(); ++axis) width *= shape[axis];
  return width;
}

auto reserve_bad_row(const CompileView& view, const std::string& label, int64_t rows) {
  return device_of(view).faults().reserve([label, rows](int64_t row, int32_t index) {
    return text(label, ": index ", index, " of row ", row, " is outside the rows 0 to ", rows - 1);
  });
}

KernelPlan plan_rows(const CompileView& view, int op) {
  const Operator& operation = view.op(op);
  const TensorDeclaration& x = view.tensor(operation.input(0));
  const bool has_position = operation.has_input(2);
  GatherParams params;
  params.table_rows = x.shape[0];
  params.index_count = view.tensor(operation.input(1)).shape[0];
  params.rows = view.tensor(operation.output(0)).shape[0];
  params.row_bytes = size_of(x.dtype) * width_of(x.shape);
  params.advance = operation.has_output(1);
  KernelPlan plan = slots(operation);
  const std::string label = view.view(op).label();
  const auto bad_index = reserve_bad_row(view, label, params.table_rows);
  const auto bad_position =
      device_of(view).faults().reserve([label, params](int64_t, int32_t position) {
        return text(label, ": rows ", position, " to ", position + params.rows - 1,
                    " are outside the ", params.index_count, " indices");
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

KernelPlan plan_row_sums(const CompileView& view, int op) {
  const Operator& operation = view.op(op);
  const Shape& y = view.tensor(operation.output(0)).shape;
  ScatterRowsParams params;
  params.rows = y[0];
  params.count = view.tensor(operation.input(1)).shape[0];
  params.width = width_of(y);
  params.padding = operation.attributes<dn_gather_attributes>().padding_index;
  params.multiprocessors = device_of(view).limits().multiprocessors;
  KernelPlan plan = slots(operation);
  const auto bad_index = reserve_bad_row(view, view.view(op).label(), params.rows);
  plan.kernel =
      make_launcher(view, [params, bad_index](cudaStream_t stream, const Arguments& a) mutable {
        params.gradient = in(a, 0);
        params.indices = in<int32_t>(a, 1);
        params.y = out(a, 0);
        params.bad_index = bad_index->device;
        scatter_rows(stream, params);
      });
  return plan;
}

KernelPlan plan_along(const CompileView& view, int op, bool forward) {
  const Operator& operation = view.op(op);
  const int axis = operation.attributes<dn_gather_attributes>().axis;
  const TensorDeclaration& large = view.tensor(forward ? operation.input(0) : operation.output(0));
  AlongParams params;
  const AxisView around = view_around(large.shape, axis);
  params.outer = around.outer, params.extent = around.extent, params.inner = around.inner;
  params.count = view.tensor(operation.input(1)).shape[axis];
  params.element_bytes = (int)size_of(large.dtype);
  params.multiprocessors = device_of(view).limits().multiprocessors;
  KernelPlan plan = slots(operation);
  const auto bad_index = device_of(view).faults().reserve(
      [label = view.view(op).label(), extent = params.extent](int64_t place, int32_t index) {
        return text(label, ": index ", index, " of element ", place, " is outside 0 to ",
                    extent - 1);
      });
  plan.kernel = make_launcher(
      view, [params, bad_index, forward](cudaStream_t stream, const Arguments& a) mutable {
        params.x = a.inputs[0];
        params.indices = in<int32_t>(a, 1);
        params.y = a.outputs[0];
        params.bad_index = bad_index->device;
        (forward ? gather_along : scatter_along)(stream, params);
      });
  return plan;
}

KernelPlan plan(const CompileView& view, int op) {
  const auto& attributes = view.op(op).attributes<dn_gather_attributes>();
  const bool forward = attributes.direction == DN_FORWARD;
  if (attributes.mode == DN_GATHER_ALONG) return plan_along(view, op, forward);
  return forward ? plan_rows(view, op) : plan_row_sums(view, op);
}

const RegisterOperator gather({"own:gather", DN_OPERATOR_GATHER, 100, nullptr, plan});

}  // namespace

}  // namespace dn::cuda
