// Elements of a tensor by their indices, whole rows or along an axis; and the sums that their
// gradients are.
#include <atomic>
#include <cstring>
#include <limits>

#include "cpu/candidates.h"
#include "engine/axis_view.h"

namespace dn::cpu {

namespace {

constexpr int64_t kLine = 16;  // floats of a cache line

// The lowest place at which an index was outside its range.
class FirstFault {
 public:
  void note(int64_t place) {
    int64_t lowest = place_;
    while (place < lowest && !place_.compare_exchange_weak(lowest, place)) {
    }
  }
  int64_t place() const { return place_; }
  bool any() const { return place_ != kNone; }

 private:
  static constexpr int64_t kNone = std::numeric_limits<int64_t>::max();
  std::atomic<int64_t> place_{kNone};
};

[[noreturn]] void fail_row(const std::string& label, int32_t index, int64_t row, int64_t rows) {
  fail(DN_INVALID_ARGUMENT, label, ": index ", index, " of row ", row, " is outside the rows 0 to ",
       rows - 1);
}

// ---- rows ----

struct Rows {
  std::string label;
  int64_t table_rows, index_count, rows, row_bytes;
  int threads;

  void run(const char* x, const int32_t* indices, const int64_t* position, char* y) const {
    const int64_t first = position ? *position : 0;
    if (first < 0 || first > index_count - rows)
      fail(DN_INVALID_ARGUMENT, label, ": rows ", first, " to ", first + rows - 1,
           " are outside the ", index_count, " indices");
    FirstFault fault;
    parallel(threads, rows, rows * row_bytes / 4, [&](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; ++i) {
        const int32_t row = indices[first + i];
        if (row < 0 || row >= table_rows) {
          fault.note(i);
          continue;
        }
        std::memcpy(y + i * row_bytes, x + row * row_bytes, row_bytes);
      }
    });
    if (fault.any()) fail_row(label, indices[first + fault.place()], fault.place(), table_rows);
  }
};

// Every thread walks all indices in order and adds its own columns of them, or, where rows are too
// short to be shared, those of its own rows: nobody waits, and the sums are the same for any number
// of threads.
struct RowSums {
  std::string label;
  int64_t rows, count, width;  // of grad_input; indices; floats of a row
  int64_t padding;             // -1: none
  int threads;

  void run(const float* gradient, const int32_t* indices, float* y) const {
    for (int64_t i = 0; i < count; ++i)
      if (indices[i] < 0 || indices[i] >= rows) fail_row(label, indices[i], i, rows);
    parallel(threads, rows * width, rows * width, [&](int64_t begin, int64_t end) {
      std::memset(y + begin, 0, (end - begin) * sizeof(float));
    });
    const bool by_columns = width >= 4 * kLine * threads;
    const int64_t parts = by_columns ? width / kLine : rows;
    parallel(threads, parts, count * width, [&](int64_t begin, int64_t end) {
      if (by_columns) {
        const int64_t first = begin * kLine, last = end == parts ? width : end * kLine;
        add(gradient, indices, y, 0, rows, first, last);
      } else {
        add(gradient, indices, y, begin, end, 0, width);
      }
    });
  }

 private:
  void add(const float* gradient, const int32_t* indices, float* y, int64_t first_row,
           int64_t end_row, int64_t first, int64_t last) const {
    for (int64_t i = 0; i < count; ++i) {
      const int64_t row = indices[i];
      if (row < first_row || row >= end_row || row == padding) continue;
      const float* from = gradient + i * width;
      float* to = y + row * width;
#pragma omp simd
      for (int64_t j = first; j < last; ++j) to[j] += from[j];
    }
  }
};

// ---- along an axis ----

struct Along {
  std::string label;
  int64_t outer = 1, extent = 1, count = 1, inner = 1;  // extent of x, count of indices
  int threads = 1;

  [[noreturn]] void fail_element(const int32_t* indices, int64_t place) const {
    fail(DN_INVALID_ARGUMENT, label, ": index ", indices[place], " of element ", place,
         " is outside 0 to ", extent - 1);
  }

  template <typename T>
  void forward(const T* x, const int32_t* indices, T* y) const {
    FirstFault fault;
    const int64_t lines = outer * count;  // of `inner` elements side by side
    parallel(threads, lines, lines * inner, [&](int64_t begin, int64_t end) {
      const T* source = x + begin / count * extent * inner;
      int64_t place = begin * inner, left = count - begin % count;
      for (int64_t line = begin; line < end; ++line) {
        for (int64_t j = 0; j < inner; ++j, ++place) {
          const int64_t index = indices[place];
          if (index < 0 || index >= extent)
            fault.note(place);
          else
            y[place] = source[index * inner + j];
        }
        if (--left == 0) {  // the next `outer`
          source += extent * inner;
          left = count;
        }
      }
    });
    if (fault.any()) fail_element(indices, fault.place());
  }

  // Every part owns some columns of one `outer`, or where columns are few a range of the axis, and
  // walks the indices in order.
  void backward(const float* gradient, const int32_t* indices, float* y) const {
    FirstFault fault;
    const int64_t tiles = (inner + kLine - 1) / kLine;
    const int64_t ranges = outer * tiles >= threads
                               ? 1
                               : std::clamp<int64_t>(threads, 1, std::max<int64_t>(extent, 1));
    parallel(threads, outer * tiles * ranges, outer * (extent + count) * inner,
             [&](int64_t begin, int64_t end) {
               for (int64_t part = begin; part < end; ++part) {
                 const int64_t range = part % ranges, tile = part / ranges % tiles;
                 const int64_t o = part / ranges / tiles;
                 const int64_t first = tile * kLine, last = std::min(first + kLine, inner);
                 const int64_t low = extent * range / ranges, high = extent * (range + 1) / ranges;
                 float* to = y + o * extent * inner;
                 for (int64_t m = low; m < high; ++m)
                   std::fill(to + m * inner + first, to + m * inner + last, 0.0f);
                 for (int64_t i = 0; i < count; ++i) {
                   const int64_t line = (o * count + i) * inner;
                   for (int64_t j = first; j < last; ++j) {
                     const int64_t index = indices[line + j];
                     if (index >= low && index < high)
                       to[index * inner + j] += gradient[line + j];
                     else if (index < 0 || index >= extent)
                       fault.note(line + j);
                   }
                 }
               }
             });
    if (fault.any()) fail_element(indices, fault.place());
  }
};

// ---- plans ----

KernelPlan slots(const Operator& operation) {
  KernelPlan plan;
  for (int id : operation.inputs())
    if (id >= 0) plan.inputs.push_back(row_major_slot(id));
  for (int id : operation.outputs())
    if (id >= 0) plan.outputs.push_back(row_major_slot(id));
  return plan;
}

const int32_t* indices_of(const Arguments& a) {
  return static_cast<const int32_t*>(a.inputs[1]);
}

int64_t width_of(const Shape& shape) {
  int64_t width = 1;
  for (int axis = 1; axis < shape.rank(); ++axis) width *= shape[axis];
  return width;
}

KernelPlan plan_rows(const CompileView& view, int op) {
  const Operator& operation = view.op(op);
  const TensorDeclaration& x = view.tensor(operation.input(0));
  const bool has_position = operation.has_input(2), advance = operation.has_output(1);
  KernelPlan plan = slots(operation);
  const Rows rows{view.view(op).label(),
                  x.shape[0],
                  view.tensor(operation.input(1)).shape[0],
                  view.tensor(operation.output(0)).shape[0],
                  size_of(x.dtype) * width_of(x.shape),
                  device_of(view).threads()};
  plan.kernel = make_kernel([=](const Arguments& a) {
    rows.run(static_cast<const char*>(a.inputs[0]), indices_of(a),
             has_position ? static_cast<const int64_t*>(a.inputs[2]) : nullptr,
             static_cast<char*>(a.outputs[0]));
    if (advance) *static_cast<int64_t*>(a.outputs[1]) += rows.rows;
  });
  return plan;
}

KernelPlan plan_row_sums(const CompileView& view, int op) {
  const Operator& operation = view.op(op);
  const Shape& y = view.tensor(operation.output(0)).shape;
  KernelPlan plan = slots(operation);
  const RowSums sums{view.view(op).label(),
                     y[0],
                     view.tensor(operation.input(1)).shape[0],
                     width_of(y),
                     operation.attributes<dn_gather_attributes>().padding_index,
                     device_of(view).threads()};
  plan.kernel =
      make_kernel([=](const Arguments& a) { sums.run(in(a, 0), indices_of(a), out(a, 0)); });
  return plan;
}

template <typename T>
std::unique_ptr<Kernel> along_kernel(const Along& along) {
  return make_kernel([=](const Arguments& a) {
    along.forward(static_cast<const T*>(a.inputs[0]), indices_of(a), static_cast<T*>(a.outputs[0]));
  });
}

KernelPlan plan_along(const CompileView& view, int op, bool forward) {
  const Operator& operation = view.op(op);
  const int axis = operation.attributes<dn_gather_attributes>().axis;
  const TensorDeclaration& large = view.tensor(forward ? operation.input(0) : operation.output(0));
  Along along;
  along.label = view.view(op).label();
  const AxisView around = view_around(large.shape, axis);
  along.outer = around.outer, along.extent = around.extent, along.inner = around.inner;
  along.count = view.tensor(operation.input(1)).shape[axis];
  along.threads = device_of(view).threads();
  KernelPlan plan = slots(operation);
  if (!forward) {
    plan.kernel = make_kernel(
        [=](const Arguments& a) { along.backward(in(a, 0), indices_of(a), out(a, 0)); });
    return plan;
  }
  switch (size_of(large.dtype)) {
    case 1:
      plan.kernel = along_kernel<uint8_t>(along);
      break;
    case 2:
      plan.kernel = along_kernel<uint16_t>(along);
      break;
    case 4:
      plan.kernel = along_kernel<uint32_t>(along);
      break;
    default:
      plan.kernel = along_kernel<uint64_t>(along);
  }
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

}  // namespace dn::cpu
