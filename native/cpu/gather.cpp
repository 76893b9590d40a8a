// Rows of a table by their indices.
#include <atomic>
#include <cstring>
#include <limits>

#include "cpu/candidates.h"

namespace dn::cpu {

namespace {

struct Gather {
  std::string label;
  int64_t table_rows, index_count, rows, row_bytes;
  int threads;

  void run(const char* x, const int32_t* indices, const int64_t* position, char* y) const {
    const int64_t first = position ? *position : 0;
    if (first < 0 || first > index_count - rows)
      fail(DN_INVALID_ARGUMENT, label, ": rows ", first, " to ", first + rows - 1,
           " are outside the ", index_count, " indices");
    std::atomic<int64_t> bad{std::numeric_limits<int64_t>::max()};
    parallel(threads, rows, rows * row_bytes / 4, [&](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; ++i) {
        const int32_t row = indices[first + i];
        if (row < 0 || row >= table_rows) {
          int64_t lowest = bad;
          while (i < lowest && !bad.compare_exchange_weak(lowest, i)) {
          }
          continue;
        }
        std::memcpy(y + i * row_bytes, x + row * row_bytes, row_bytes);
      }
    });
    if (bad < rows)
      fail(DN_INVALID_ARGUMENT, label, ": index ", indices[first + bad], " of row ", bad.load(),
           " is outside the rows 0 to ", table_rows - 1);
  }
};

KernelPlan plan(const CompileView& view, int op) {
  const Operator& operation = view.op(op);
  const TensorDeclaration& x = view.tensor(operation.input(0));
  int64_t row_bytes = size_of(x.dtype);
  for (int axis = 1; axis < x.shape.rank(); ++axis) row_bytes *= x.shape[axis];
  const bool has_position = operation.has_input(2), advance = operation.has_output(1);
  KernelPlan plan;
  for (int id : operation.inputs())
    if (id >= 0) plan.inputs.push_back(row_major_slot(id));
  for (int id : operation.outputs())
    if (id >= 0) plan.outputs.push_back(row_major_slot(id));
  const Gather gather{view.view(op).label(),
                      x.shape[0],
                      view.tensor(operation.input(1)).shape[0],
                      view.tensor(operation.output(0)).shape[0],
                      row_bytes,
                      device_of(view).threads()};
  plan.kernel = make_kernel([=](const Arguments& a) {
    gather.run(static_cast<const char*>(a.inputs[0]), static_cast<const int32_t*>(a.inputs[1]),
               has_position ? static_cast<const int64_t*>(a.inputs[2]) : nullptr,
               static_cast<char*>(a.outputs[0]));
    if (advance) *static_cast<int64_t*>(a.outputs[1]) += gather.rows;
  });
  return plan;
}

const RegisterOperator gather({"own:gather", DN_OPERATOR_GATHER, 100, nullptr, plan});

}  // namespace

}  // namespace dn::cpu
