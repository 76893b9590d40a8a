// Concatenation, in the layout of the largest input.
#include "cpu/arrangement.h"
#include "cpu/kernels/strided_copy.h"

namespace dn::cpu {

namespace {

struct Part {
  int64_t offset, bytes;  // within a row of y
};

struct Concat {
  std::vector<Part> parts;
  int64_t rows = 1, row_bytes = 0;
  int threads = 1;

  void run(void* const* inputs, char* y) const {
    // Few rows: each part is divided among the threads.
    if (rows < 4 * threads) {
      for (size_t i = 0; i < parts.size(); ++i) {
        StridedCopy copy;
        copy.element_bytes = 1;
        copy.add(rows, parts[i].bytes, row_bytes);
        copy.add(parts[i].bytes, 1, 1);
        strided_copy(copy.simplified(), inputs[i], y + parts[i].offset, threads);
      }
      return;
    }
    const auto copy = DN_SELECT_ISA(strided_copy_table).copy;
    parallel(threads, rows, rows * row_bytes / 4, [&](int64_t begin, int64_t end) {
      for (int64_t row = begin; row < end; ++row)
        for (size_t i = 0; i < parts.size(); ++i)
          copy(y + row * row_bytes + parts[i].offset,
               static_cast<const char*>(inputs[i]) + row * parts[i].bytes, parts[i].bytes);
    });
  }
};

// The inputs' extents along the axis in that arrangement; false where blocks would be cut.
bool arrange_rows(const CompileView& view, const Operator& op, int axis,
                  const Arrangement& arrangement, Concat& concat) {
  concat.parts.clear();
  concat.row_bytes = 0;
  for (int id : op.inputs()) {
    const TensorDeclaration& x = view.tensor(id);
    MovedAxes axes;
    for (int i = 0; i < x.shape.rank(); ++i) axes.push_back({x.shape[i], x.shape[i], 0, 0, 1});
    if (!arrange(axes, arrangement)) return false;
    int at = axis;
    if (arrangement.kind == Arrangement::ChannelsLast && axis > 0)
      at = axis == 1 ? x.shape.rank() - 1 : axis - 1;
    concat.rows = 1;
    int64_t bytes = size_of(x.dtype);
    for (int i = 0; i < (int)axes.size(); ++i) (i < at ? concat.rows : bytes) *= axes[(size_t)i].x;
    concat.parts.push_back({concat.row_bytes, bytes});
    concat.row_bytes += bytes;
  }
  return true;
}

KernelPlan plan(const CompileView& view, int index) {
  const Operator& op = view.op(index);
  const int axis = op.attributes<dn_concat_attributes>().axis;
  int largest = op.input(0);
  for (int id : op.inputs())
    if (view.tensor(id).shape.numel() > view.tensor(largest).shape.numel()) largest = id;
  Concat concat;
  concat.threads = device_of(view).threads();
  Arrangement arrangement = arrangement_of(view, largest);
  if (!arrange_rows(view, op, axis, arrangement, concat)) {
    arrangement = {};
    arrange_rows(view, op, axis, arrangement, concat);
  }
  KernelPlan plan;
  const auto slot = [&](int id) {
    const TensorDeclaration& tensor = view.tensor(id);
    return Slot{id, like(arrangement.layout, tensor.shape, tensor.dtype)};
  };
  for (int id : op.inputs()) plan.inputs.push_back(slot(id));
  plan.outputs = {slot(op.output(0))};
  plan.kernel = make_kernel([concat = std::move(concat)](const Arguments& a) {
    concat.run(a.inputs, static_cast<char*>(a.outputs[0]));
  });
  return plan;
}

const RegisterOperator concat({"own:concat", DN_OPERATOR_CONCAT, 100, nullptr, plan});

}  // namespace

}  // namespace dn::cpu
