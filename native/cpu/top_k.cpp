// The k largest or smallest elements along one axis of a row-major tensor, seen as
// (outer, extent, inner).
#include "cpu/kernels/top_k.h"

#include "cpu/candidates.h"
#include "engine/axis_view.h"

namespace dn::cpu {

namespace {

struct TopK {
  int64_t outer = 1, extent = 1, inner = 1, k = 1;
  bool largest = true;
  int threads = 1;

  // Of a thread: entries, a block of lines, and their indices.
  int64_t scratch_bytes() const {
    const int64_t floats = inner == 1 ? 0 : kLines * extent;
    return (top_k_scratch(extent) * 8 + (floats + k + 2) * 4 + 63) / 64 * 64;
  }

  void run(const float* x, float* values, int32_t* indices, std::byte* scratch) const {
    const auto& table = DN_SELECT_ISA(top_k_table);
    const int64_t lines = inner == 1 ? 1 : kLines, tiles = (inner + lines - 1) / lines;
    constexpr int64_t kWorkPerElement = 4;
    parallel(threads, outer * tiles, outer * extent * inner * kWorkPerElement,
             [&](int64_t begin, int64_t end) {
               auto* entries =
                   reinterpret_cast<uint64_t*>(scratch + omp_get_thread_num() * scratch_bytes());
               auto* block = reinterpret_cast<float*>(entries + top_k_scratch(extent));
               auto* found = reinterpret_cast<int32_t*>(block + (inner == 1 ? 0 : kLines * extent));
               for (int64_t i = begin; i < end; ++i) {
                 const int64_t first = i % tiles * lines, width = std::min(lines, inner - first);
                 const float* source = x + i / tiles * extent * inner + first;
                 const int64_t target = i / tiles * k * inner + first;
                 if (inner > 1)
                   for (int64_t e = 0; e < extent; ++e)
                     for (int64_t j = 0; j < width; ++j)
                       block[j * extent + e] = source[e * inner + j];
                 for (int64_t j = 0; j < width; ++j) {
                   const float* line = inner == 1 ? source : block + j * extent;
                   table.select(line, extent, k, largest, found, entries);
                   for (int64_t n = 0; n < k; ++n) {
                     indices[target + n * inner + j] = found[n];
                     values[target + n * inner + j] = line[found[n]];
                   }
                 }
               }
             });
  }

 private:
  static constexpr int64_t kLines = 16;  // of a strided axis at a time: a cache line
};

KernelPlan plan(const CompileView& view, int op) {
  const Operator& operation = view.op(op);
  const auto& attributes = operation.attributes<dn_top_k_attributes>();
  const Shape& shape = view.tensor(operation.input(0)).shape;
  TopK top;
  const AxisView around = view_around(shape, attributes.axis);
  top.outer = around.outer, top.extent = around.extent, top.inner = around.inner;
  top.k = attributes.k;
  top.largest = attributes.largest != 0;
  top.threads = device_of(view).threads();
  KernelPlan plan;
  plan.inputs = {row_major_slot(operation.input(0))};
  plan.outputs = {row_major_slot(operation.output(0)), row_major_slot(operation.output(1))};
  plan.scratch_bytes = top.threads * top.scratch_bytes();
  plan.kernel = make_kernel([=](const Arguments& a) {
    top.run(in(a, 0), out(a, 0), static_cast<int32_t*>(a.outputs[1]),
            static_cast<std::byte*>(a.scratch));
  });
  return plan;
}

const RegisterOperator top_k({"own:top_k", DN_OPERATOR_TOP_K, 100, nullptr, plan});

}  // namespace

}  // namespace dn::cpu
