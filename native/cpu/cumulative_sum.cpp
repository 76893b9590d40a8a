// Running sums along one axis of a row-major tensor, seen as (outer, extent, inner).
#include "cpu/candidates.h"
#include "engine/axis_view.h"

namespace dn::cpu {

namespace {

struct CumulativeSum {
  int64_t outer = 1, extent = 1, inner = 1;
  bool exclusive = false, reverse = false;
  int threads = 1;

  // In double, so that the error of a sum does not grow with the elements before it.
  void run(const float* x, float* y) const {
    if (extent == 0) return;
    if (inner == 1) {
      constexpr int64_t kRows = 8;  // at a time: the additions of one row wait for each other
      const int64_t groups = (outer + kRows - 1) / kRows;
      parallel(threads, groups, outer * extent, [&](int64_t begin, int64_t end) {
        for (int64_t group = begin; group < end; ++group) {
          const int64_t first = group * kRows;
          if (outer - first >= kRows) {
            rows<kRows>(x + first * extent, y + first * extent);
          } else {
            for (int64_t row = first; row < outer; ++row)
              rows<1>(x + row * extent, y + row * extent);
          }
        }
      });
      return;
    }
    constexpr int64_t kColumns = 64;
    const int64_t chunks = (inner + kColumns - 1) / kColumns;
    parallel(threads, outer * chunks, outer * extent * inner, [&](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; ++i) {
        const int64_t first = i % chunks * kColumns;
        const int64_t at = i / chunks * extent * inner + first;
        columns<kColumns>(x + at, y + at, std::min(kColumns, inner - first));
      }
    });
  }

 private:
  template <int64_t kRows>
  void rows(const float* x, float* y) const {
    double sum[kRows] = {};
    const int64_t step = reverse ? -1 : 1;
    int64_t at = reverse ? extent - 1 : 0;
    for (int64_t i = 0; i < extent; ++i, at += step) {
      for (int64_t row = 0; row < kRows; ++row) {
        const double before = sum[row];
        sum[row] += (double)x[row * extent + at];
        y[row * extent + at] = (float)(exclusive ? before : sum[row]);
      }
    }
  }

  template <int64_t kColumns>
  void columns(const float* x, float* y, int64_t width) const {
    double sum[kColumns] = {};
    const int64_t step = reverse ? -inner : inner;
    int64_t at = reverse ? (extent - 1) * inner : 0;
    for (int64_t i = 0; i < extent; ++i, at += step) {
      for (int64_t j = 0; j < width; ++j) {
        const double before = sum[j];
        sum[j] += (double)x[at + j];
        y[at + j] = (float)(exclusive ? before : sum[j]);
      }
    }
  }
};

KernelPlan plan(const CompileView& view, int op) {
  const Operator& operation = view.op(op);
  const auto& attributes = operation.attributes<dn_cumulative_sum_attributes>();
  const Shape& shape = view.tensor(operation.input(0)).shape;
  CumulativeSum sum;
  const AxisView around = view_around(shape, attributes.axis);
  sum.outer = around.outer, sum.extent = around.extent, sum.inner = around.inner;
  sum.exclusive = attributes.exclusive != 0;
  sum.reverse = attributes.reverse != 0;
  sum.threads = device_of(view).threads();
  KernelPlan plan;
  plan.inputs = {row_major_slot(operation.input(0))};
  plan.outputs = {row_major_slot(operation.output(0))};
  plan.kernel = make_kernel([=](const Arguments& a) { sum.run(in(a, 0), out(a, 0)); });
  return plan;
}

const RegisterOperator cumulative_sum({"own:cumulative_sum", DN_OPERATOR_CUMULATIVE_SUM, 100,
                                       nullptr, plan});

}  // namespace

}  // namespace dn::cpu
