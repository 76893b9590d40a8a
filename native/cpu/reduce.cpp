// Sums, means, maxima and argmax over any axes of a row-major tensor.
#include "cpu/kernels/reduce.h"

#include <limits>

#include "cpu/candidates.h"
#include "engine/axis_view.h"

namespace dn::cpu {

namespace {

// Neighbouring axes that are both reduced or both kept count as one.
struct Axes {
  std::vector<int64_t> kept, kept_stride, reduced, reduced_stride;  // without the innermost group
  int64_t inner = 1;
  bool inner_reduced = false;
};

Axes make_axes(const Shape& shape, int bits) {
  struct Group {
    int64_t extent, stride;
    bool reduced;
  };
  std::vector<Group> groups;  // innermost first
  int64_t stride = 1;
  for (int axis = shape.rank() - 1; axis >= 0; --axis) {
    const bool reduced = bits >> axis & 1;
    if (!groups.empty() && groups.back().reduced == reduced)
      groups.back().extent *= shape[axis];
    else
      groups.push_back({shape[axis], stride, reduced});
    stride *= shape[axis];
  }
  Axes axes;
  axes.inner = groups[0].extent;
  axes.inner_reduced = groups[0].reduced;
  for (size_t i = groups.size(); i-- > 1;) {
    (groups[i].reduced ? axes.reduced : axes.kept).push_back(groups[i].extent);
    (groups[i].reduced ? axes.reduced_stride : axes.kept_stride).push_back(groups[i].stride);
  }
  return axes;
}

int64_t product(const std::vector<int64_t>& dims) {
  int64_t result = 1;
  for (int64_t dim : dims) result *= dim;
  return result;
}

int64_t offset(int64_t index, const std::vector<int64_t>& dims,
               const std::vector<int64_t>& strides) {
  if (dims.empty()) return 0;
  int64_t result = 0;
  for (size_t i = dims.size(); i-- > 1;) {
    result += index % dims[i] * strides[i];
    index /= dims[i];
  }
  result += index * strides[0];
  return result;
}

struct Sum {
  using Total = double;
  static constexpr Total kStart = 0;
  static Total join(Total total, Total value) { return total + value; }
  static Total row(const float* x, int64_t n) { return DN_SELECT_ISA(reduce_table).sum(x, n); }
  static void rows(const float* x, int64_t rows, int64_t n, double scale, float* y) {
    DN_SELECT_ISA(reduce_table).sum_rows(x, rows, n, scale, y);
  }
  static void columns(const float* x, int64_t rows, int64_t stride, int64_t columns, Total* total) {
    DN_SELECT_ISA(reduce_table).sum_columns(x, rows, stride, columns, total);
  }
};
struct Max {
  using Total = float;
  static constexpr Total kStart = -std::numeric_limits<float>::infinity();
  static Total join(Total total, Total value) {  // NaN wins
    return total != total || total >= value ? total : value;
  }
  static Total row(const float* x, int64_t n) { return DN_SELECT_ISA(reduce_table).max(x, n); }
  static void rows(const float* x, int64_t rows, int64_t n, double, float* y) {
    DN_SELECT_ISA(reduce_table).max_rows(x, rows, n, y);
  }
  static void columns(const float* x, int64_t rows, int64_t stride, int64_t columns, Total* total) {
    DN_SELECT_ISA(reduce_table).max_columns(x, rows, stride, columns, total);
  }
};

constexpr int64_t kColumns = 512;

// How the work is cut, by the shape alone: for any number of threads the same sums.
struct Cut {
  int64_t chunks = 1;  // of the innermost axis, where it is kept
  int64_t splits = 1;  // of the innermost reduced axis, where there is little else to share out
  int64_t length = 0;  // of a split

  Cut(const Axes& axes, int64_t outer) {
    constexpr int64_t kEnough = 32, kSplit = 1 << 16;  // pieces; numbers in one
    const int64_t extent = axes.inner_reduced ? axes.inner : axes.reduced.back();
    const int64_t width = axes.inner_reduced ? 1 : std::min(axes.inner, kColumns);
    if (!axes.inner_reduced) chunks = (axes.inner + kColumns - 1) / kColumns;
    length = extent;
    if (outer * chunks >= kEnough || width == 0 || extent == 0) return;
    length = std::max<int64_t>(1, std::min(extent, kSplit / width));
    splits = (extent + length - 1) / length;
  }
};

int64_t outer_of(const Axes& axes) {
  return product(axes.kept);
}
int64_t scratch_of(const Axes& axes) {
  const Cut cut(axes, outer_of(axes));
  const int64_t width = axes.inner_reduced ? 1 : axes.inner;
  return cut.splits > 1 ? outer_of(axes) * cut.splits * width * (int64_t)sizeof(double) : 0;
}

template <typename Rule>
void reduce(const Axes& axes, const float* x, float* y, double scale, void* scratch, int threads) {
  using Total = typename Rule::Total;
  const int64_t outer = outer_of(axes), repeats = product(axes.reduced);
  const int64_t work = outer * repeats * axes.inner;
  const Cut cut(axes, outer);
  Total* partial = static_cast<Total*>(scratch);
  if (axes.inner_reduced && axes.reduced.empty() && cut.splits == 1) {
    // Rows that follow each other.
    parallel(threads, outer, work, [&](int64_t begin, int64_t end) {
      Rule::rows(x + begin * axes.inner, end - begin, axes.inner, scale, y + begin);
    });
  } else if (axes.inner_reduced) {
    parallel(threads, outer * cut.splits, work, [&](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; ++i) {
        const int64_t first = i % cut.splits * cut.length;
        const float* base = x + offset(i / cut.splits, axes.kept, axes.kept_stride) + first;
        Total total = Rule::kStart;
        for (int64_t r = 0; r < repeats; ++r)
          total = Rule::join(total, Rule::row(base + offset(r, axes.reduced, axes.reduced_stride),
                                              std::min(cut.length, axes.inner - first)));
        if (cut.splits > 1)
          partial[i] = total;
        else
          y[i] = (float)(total * scale);
      }
    });
  } else {
    // The innermost reduced axis is walked by rows; those around it one after the other.
    const int64_t rows = axes.reduced.back(), stride = axes.reduced_stride.back();
    const int64_t around = rows > 0 ? repeats / rows : 0, width = axes.inner;
    const int64_t pieces = cut.chunks * cut.splits;
    parallel(threads, outer * pieces, work, [&](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; ++i) {
        const int64_t column = i % cut.chunks * kColumns,
                      row = i % pieces / cut.chunks * cut.length;
        const int64_t columns = std::min(kColumns, width - column);
        const float* base = x + offset(i / pieces, axes.kept, axes.kept_stride) + column;
        Total total[kColumns];
        std::fill(total, total + columns, Rule::kStart);
        for (int64_t r = 0; r < around; ++r)
          Rule::columns(base + offset(r * rows + row, axes.reduced, axes.reduced_stride),
                        std::min(cut.length, rows - row), stride, columns, total);
        if (cut.splits > 1) {
          std::copy(total, total + columns, partial + i / cut.chunks * width + column);
        } else {
          float* target = y + i / pieces * width + column;
          for (int64_t j = 0; j < columns; ++j) target[j] = (float)(total[j] * scale);
        }
      }
    });
  }
  if (cut.splits == 1) return;
  const int64_t width = axes.inner_reduced ? 1 : axes.inner;
  for (int64_t i = 0; i < outer * width; ++i) {
    const Total* from = partial + i / width * cut.splits * width + i % width;
    Total total = Rule::kStart;
    for (int64_t s = 0; s < cut.splits; ++s) total = Rule::join(total, from[s * width]);
    y[i] = (float)(total * scale);
  }
}

// x (outer, extent, inner) -> y (outer, inner): ties give the lowest index, NaN wins.
void argmax(const float* x, int32_t* y, int64_t outer, int64_t extent, int64_t inner, int threads) {
  const ReduceTable& table = DN_SELECT_ISA(reduce_table);
  const int64_t chunks = (inner + kColumns - 1) / kColumns;
  parallel(threads, outer * chunks, outer * extent * inner, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      const float* matrix = x + i / chunks * extent * inner;
      int32_t* index = y + i / chunks * inner;
      if (inner == 1) {
        *index = table.argmax(matrix, extent);
      } else {
        const int64_t first = i % chunks * kColumns;
        table.argmax_columns(matrix + first, extent, inner, std::min(kColumns, inner - first),
                             index + first);
      }
    }
  });
}

KernelPlan plan(const CompileView& view, int op) {
  const Operator& operation = view.op(op);
  const auto& attributes = operation.attributes<dn_reduce_attributes>();
  const Shape& shape = view.tensor(operation.input(0)).shape;
  const int threads = device_of(view).threads();
  KernelPlan result;
  result.inputs = {row_major_slot(operation.input(0))};
  result.outputs = {row_major_slot(operation.output(0))};
  if (attributes.mode == DN_REDUCE_ARGMAX) {
    const int axis = __builtin_ctz(attributes.axes);
    const AxisView around = view_around(shape, axis);
    result.kernel = make_kernel([=](const Arguments& a) {
      argmax(in(a, 0), static_cast<int32_t*>(a.outputs[0]), around.outer, around.extent,
             around.inner, threads);
    });
    return result;
  }
  const Axes axes = make_axes(shape, attributes.axes);
  int64_t reduced = axes.inner_reduced ? axes.inner : 1;
  reduced *= product(axes.reduced);
  const double scale = attributes.mode == DN_REDUCE_MEAN ? 1.0 / (double)reduced : 1.0;
  const auto function = attributes.mode == DN_REDUCE_MAX ? reduce<Max> : reduce<Sum>;
  result.scratch_bytes = scratch_of(axes);
  result.kernel = make_kernel(
      [=](const Arguments& a) { function(axes, in(a, 0), out(a, 0), scale, a.scratch, threads); });
  return result;
}

const RegisterOperator reduction({"own:reduce", DN_OPERATOR_REDUCE, 100, nullptr, plan});

}  // namespace

}  // namespace dn::cpu
