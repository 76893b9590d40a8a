// Sums, means, maxima and argmax over any axes of a row-major tensor.
#include <cmath>
#include <limits>

#include "cpu/candidates.h"

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
  int64_t result = 0;
  for (size_t i = dims.size(); i-- > 0;) {
    result += index % dims[i] * strides[i];
    index /= dims[i];
  }
  return result;
}

struct Sum {
  static constexpr double kStart = 0;
  static double join(double total, double value) { return total + value; }
};
struct Max {
  static constexpr double kStart = -std::numeric_limits<double>::infinity();
  static double join(double total, double value) {  // NaN wins
    return total != total || total >= value ? total : value;
  }
};

template <typename Rule>
void reduce(const Axes& axes, const float* x, float* y, double scale, int threads) {
  const int64_t outer = product(axes.kept), repeats = product(axes.reduced);
  const int64_t work = outer * repeats * axes.inner;
  if (axes.inner_reduced) {
    parallel(threads, outer, work, [&](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; ++i) {
        const float* base = x + offset(i, axes.kept, axes.kept_stride);
        double total = Rule::kStart;
        for (int64_t r = 0; r < repeats; ++r) {
          const float* row = base + offset(r, axes.reduced, axes.reduced_stride);
          constexpr int kLanes = 16;  // partial results, so that the loop vectorises
          double lane[kLanes];
          std::fill(lane, lane + kLanes, Rule::kStart);
          int64_t j = 0;
          for (; j + kLanes <= axes.inner; j += kLanes)
            for (int l = 0; l < kLanes; ++l) lane[l] = Rule::join(lane[l], row[j + l]);
          for (; j < axes.inner; ++j) lane[0] = Rule::join(lane[0], row[j]);
          for (int l = 0; l < kLanes; ++l) total = Rule::join(total, lane[l]);
        }
        y[i] = (float)(total * scale);
      }
    });
    return;
  }
  constexpr int64_t kColumns = 64;
  const int64_t chunks = (axes.inner + kColumns - 1) / kColumns;
  parallel(threads, outer * chunks, work, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      const int64_t first = i % chunks * kColumns;
      const int64_t width = std::min(kColumns, axes.inner - first);
      const float* base = x + offset(i / chunks, axes.kept, axes.kept_stride) + first;
      double total[kColumns];
      std::fill(total, total + kColumns, Rule::kStart);
      for (int64_t r = 0; r < repeats; ++r) {
        const float* row = base + offset(r, axes.reduced, axes.reduced_stride);
        for (int64_t j = 0; j < width; ++j) total[j] = Rule::join(total[j], row[j]);
      }
      float* out = y + i / chunks * axes.inner + first;
      for (int64_t j = 0; j < width; ++j) out[j] = (float)(total[j] * scale);
    }
  });
}

// x (outer, extent, inner) -> y (outer, inner): ties give the lowest index, NaN wins.
void argmax(const float* x, int32_t* y, int64_t outer, int64_t extent, int64_t inner, int threads) {
  parallel(threads, outer * inner, outer * extent * inner, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      const float* column = x + i / inner * extent * inner + i % inner;
      int64_t best = 0;
      float value = column[0];
      for (int64_t j = 1; j < extent && !std::isnan(value); ++j) {
        const float other = column[j * inner];
        if (other > value || std::isnan(other)) {
          best = j;
          value = other;
        }
      }
      y[i] = (int32_t)best;
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
    int64_t outer = 1, inner = 1;
    for (int i = 0; i < shape.rank(); ++i) (i < axis ? outer : inner) *= i == axis ? 1 : shape[i];
    result.kernel = make_kernel([=, extent = shape[axis]](const Arguments& a) {
      argmax(in(a, 0), static_cast<int32_t*>(a.outputs[0]), outer, extent, inner, threads);
    });
    return result;
  }
  const Axes axes = make_axes(shape, attributes.axes);
  int64_t reduced = axes.inner_reduced ? axes.inner : 1;
  reduced *= product(axes.reduced);
  const double scale = attributes.mode == DN_REDUCE_MEAN ? 1.0 / (double)reduced : 1.0;
  const auto function = attributes.mode == DN_REDUCE_MAX ? reduce<Max> : reduce<Sum>;
  result.kernel =
      make_kernel([=](const Arguments& a) { function(axes, in(a, 0), out(a, 0), scale, threads); });
  return result;
}

const RegisterOperator reduction({"own:reduce", DN_OPERATOR_REDUCE, 100, nullptr, plan});

}  // namespace

}  // namespace dn::cpu
