// Softmax and softmax cross-entropy over row-major tensors seen as (outer, classes, inner).
#include "cpu/kernels/softmax.h"

#include <atomic>
#include <limits>

#include "cpu/candidates.h"
#include "cpu/kernels/pointwise_math.h"
#include "engine/axis_view.h"

namespace dn::cpu {

namespace {

const SoftmaxTable& kernels() {
  return DN_SELECT_ISA(softmax_table);
}

// Calls body(offset of class 0 of the first sample, first sample, how many): single rows, or columns.
template <typename Body>
void for_samples(const AxisView& s, int threads, const Body& body) {
  const int64_t tile = std::min(s.inner, kSoftmaxColumns);
  if (tile == 0) return;
  const int64_t tiles = (s.inner + tile - 1) / tile;
  parallel(threads, s.outer * tiles, s.outer * s.inner * s.extent * 8,
           [&](int64_t begin, int64_t end) {
             for (int64_t i = begin; i < end; ++i) {
               const int64_t outer = i / tiles, first = i % tiles * tile;
               body(outer * s.extent * s.inner + first, outer * s.inner + first,
                    std::min(tile, s.inner - first));
             }
           });
}

void softmax(const AxisView& s, bool log, const float* x, float* y, int threads) {
  const auto& k = kernels();
  if (s.inner == 1)
    return parallel(threads, s.outer, s.outer * s.extent * 8, [&](int64_t begin, int64_t end) {
      const int64_t at = begin * s.extent;
      k.rows(x + at, y + at, end - begin, s.extent, log);
    });
  for_samples(s, threads, [&](int64_t at, int64_t, int64_t count) {
    k.columns(x + at, y + at, s.extent, s.inner, count, log);
  });
}

void softmax_backward(const AxisView& s, bool log, const float* y, const float* dy, float* dx,
                      int threads) {
  const auto& k = kernels();
  for_samples(s, threads, [&](int64_t at, int64_t, int64_t count) {
    if (s.inner == 1)
      k.row_backward(y + at, dy + at, dx + at, s.extent, log);
    else
      k.columns_backward(y + at, dy + at, dx + at, s.extent, s.inner, count, log);
  });
}

KernelPlan plan_softmax(const CompileView& view, int op) {
  const Operator& operation = view.op(op);
  const auto& attributes = operation.attributes<dn_softmax_attributes>();
  const AxisView split = view_around(view.tensor(operation.input(0)).shape, attributes.axis);
  const bool log = attributes.log != 0;
  const int threads = device_of(view).threads();
  KernelPlan plan;
  plan.outputs = {row_major_slot(operation.output(0))};
  for (int id : operation.inputs()) plan.inputs.push_back(row_major_slot(id));
  if (attributes.direction == DN_FORWARD) {
    plan.in_place = {0};
    plan.kernel =
        make_kernel([=](const Arguments& a) { softmax(split, log, in(a, 0), out(a, 0), threads); });
  } else {
    plan.in_place = {1};
    plan.kernel = make_kernel([=](const Arguments& a) {
      softmax_backward(split, log, in(a, 0), in(a, 1), out(a, 0), threads);
    });
  }
  return plan;
}

// loss and, unless gradient is null, its gradient. The samples' losses are kept and added in order,
// so that the sum does not depend on the number of threads.
void cross_entropy(const std::string& label_text, const AxisView& s,
                   const dn_softmax_cross_entropy_attributes& attributes, const float* x,
                   const int32_t* labels, const float* weight, float* loss, float* gradient,
                   float* losses, int threads) {
  const int64_t samples = s.outer * s.inner;
  // The target distribution: `elsewhere` for each class, and the rest for the label.
  const float elsewhere = attributes.label_smoothing / (float)s.extent;
  const float on_label = 1 - attributes.label_smoothing;
  std::atomic<int64_t> bad{std::numeric_limits<int64_t>::max()};
  const auto& k = kernels();
  for_samples(s, threads, [&](int64_t at, int64_t first, int64_t count) {
    float largest[kSoftmaxColumns], sum[kSoftmaxColumns];
    float factor[kSoftmaxColumns], offset[kSoftmaxColumns];
    float* e = gradient ? gradient + at : nullptr;
    if (s.inner == 1)
      k.row_exponentials(x + at, e, s.extent, largest, sum);
    else
      k.columns_exponentials(x + at, e, s.extent, s.inner, count, largest, sum);
    float log_sum[kSoftmaxColumns];
    DN_SELECT_ISA(pointwise_table).apply(MathFunction::Log, sum, log_sum, count);
    for (int64_t i = 0; i < count; ++i) {
      const int32_t label = labels[first + i];
      const float* logits = x + at + i;
      losses[first + i] = factor[i] = offset[i] = 0;
      if (attributes.ignore && label == attributes.ignore_index) continue;
      if (label < 0 || label >= s.extent) {
        int64_t lowest = bad;
        while (first + i < lowest && !bad.compare_exchange_weak(lowest, first + i)) {
        }
        continue;
      }
      double target = on_label * (double)(logits[label * s.inner] - largest[i]);
      if (elsewhere > 0)
        for (int64_t c = 0; c < s.extent; ++c)
          target += elsewhere * (double)(logits[c * s.inner] - largest[i]);
      const float importance = weight ? weight[first + i] : 1.0f;
      losses[first + i] = importance * (float)(log_sum[i] - target);
      factor[i] = attributes.scale * importance / sum[i];
      offset[i] = attributes.scale * importance * elsewhere;
    }
    if (!gradient) return;
    if (s.inner == 1)
      k.row_scale(e, s.extent, factor[0], offset[0]);
    else
      k.columns_scale(e, s.extent, s.inner, count, factor, offset);
    for (int64_t i = 0; i < count; ++i) {
      const int32_t label = labels[first + i];
      if (attributes.ignore && label == attributes.ignore_index) {
        // 0 whatever the logits are: NaN times 0 is NaN.
        for (int64_t c = 0; c < s.extent; ++c) e[c * s.inner + i] = 0;
      } else if (label >= 0 && label < s.extent) {
        e[label * s.inner + i] -= attributes.scale * (weight ? weight[first + i] : 1.0f) * on_label;
      }
    }
  });
  if (bad < samples)
    fail(DN_INVALID_ARGUMENT, label_text, ": label ", labels[bad], " of sample ", bad.load(),
         " is outside the classes 0 to ", s.extent - 1);
  double total = 0;
  for (int64_t i = 0; i < samples; ++i) total += losses[i];
  *loss = (float)(total * attributes.scale);
}

KernelPlan plan_cross_entropy(const CompileView& view, int op) {
  const Operator& operation = view.op(op);
  const auto attributes = operation.attributes<dn_softmax_cross_entropy_attributes>();
  const AxisView split = view_around(view.tensor(operation.input(0)).shape, 1);
  const int threads = device_of(view).threads();
  const bool weighted = operation.has_input(2), gradient = operation.has_output(1);
  KernelPlan plan;
  for (const auto& [ids, slots] : {std::pair{&operation.inputs(), &plan.inputs},
                                   std::pair{&operation.outputs(), &plan.outputs}})
    for (int id : *ids)
      if (id >= 0) slots->push_back(row_major_slot(id));
  plan.scratch_bytes = split.outer * split.inner * (int64_t)sizeof(float);
  plan.kernel = make_kernel([=, text = view.view(op).label()](const Arguments& a) {
    cross_entropy(text, split, attributes, in(a, 0), static_cast<const int32_t*>(a.inputs[1]),
                  weighted ? in(a, 2) : nullptr, out(a, 0), gradient ? out(a, 1) : nullptr,
                  static_cast<float*>(a.scratch), threads);
  });
  return plan;
}

const RegisterOperator softmax_candidate({"own:softmax", DN_OPERATOR_SOFTMAX, 100,
                                          refuse_other_than_float32, plan_softmax});
const RegisterOperator cross_entropy_candidate({"own:softmax_cross_entropy",
                                                DN_OPERATOR_SOFTMAX_CROSS_ENTROPY, 100,
                                                refuse_other_than_float32, plan_cross_entropy});

}  // namespace

}  // namespace dn::cpu
