// Softmax and softmax cross-entropy over row-major tensors seen as (outer, classes, inner).
#include <atomic>
#include <cmath>
#include <limits>

#include "cpu/candidates.h"
#include "cpu/kernels/pointwise_math.h"

namespace dn::cpu {

namespace {

struct Split {
  int64_t outer = 1, classes = 1, inner = 1;
};

Split split_at(const Shape& shape, int axis) {
  Split split;
  split.classes = shape[axis];
  for (int i = 0; i < shape.rank(); ++i)
    if (i != axis) (i < axis ? split.outer : split.inner) *= shape[i];
  return split;
}

float maximum(const float* x, const Split& s) {  // NaN wins
  float best = x[0];
  for (int64_t c = 1; c < s.classes; ++c) {
    const float value = x[c * s.inner];
    if (!(value <= best) && best == best) best = value;
  }
  return best;
}

// e[c] = exp(x[c] - maximum), dense; returns their sum.
double exponentials(const float* x, const Split& s, float largest, float* e) {
  for (int64_t c = 0; c < s.classes; ++c) e[c] = x[c * s.inner] - largest;
  DN_SELECT_ISA(pointwise_table).apply(MathFunction::Exp, e, e, s.classes);
  double sum = 0;
  for (int64_t c = 0; c < s.classes; ++c) sum += e[c];
  return sum;
}

void softmax(const Split& s, bool log, const float* x, float* y, float* scratch, int threads) {
  parallel(threads, s.outer * s.inner, s.outer * s.inner * s.classes * 8,
           [&](int64_t begin, int64_t end) {
             float* e = scratch + omp_get_thread_num() * s.classes;
             for (int64_t i = begin; i < end; ++i) {
               const int64_t at = i / s.inner * s.classes * s.inner + i % s.inner;
               const float largest = maximum(x + at, s);
               const double sum = exponentials(x + at, s, largest, e);
               const float log_sum = (float)std::log(sum);
               for (int64_t c = 0; c < s.classes; ++c)
                 y[at + c * s.inner] =
                     log ? x[at + c * s.inner] - largest - log_sum : (float)(e[c] / sum);
             }
           });
}

void softmax_backward(const Split& s, bool log, const float* y, const float* dy, float* dx,
                      int threads) {
  parallel(threads, s.outer * s.inner, s.outer * s.inner * s.classes * 4,
           [&](int64_t begin, int64_t end) {
             for (int64_t i = begin; i < end; ++i) {
               const int64_t at = i / s.inner * s.classes * s.inner + i % s.inner;
               double sum = 0;
               for (int64_t c = 0; c < s.classes; ++c) {
                 const int64_t j = at + c * s.inner;
                 sum += log ? (double)dy[j] : (double)dy[j] * y[j];
               }
               for (int64_t c = 0; c < s.classes; ++c) {
                 const int64_t j = at + c * s.inner;
                 dx[j] = log ? dy[j] - std::exp(y[j]) * (float)sum : y[j] * (dy[j] - (float)sum);
               }
             }
           });
}

KernelPlan plan_softmax(const CompileView& view, int op) {
  const Operator& operation = view.op(op);
  const auto& attributes = operation.attributes<dn_softmax_attributes>();
  const Split split = split_at(view.tensor(operation.input(0)).shape, attributes.axis);
  const bool log = attributes.log != 0;
  const int threads = device_of(view).threads();
  KernelPlan plan;
  plan.outputs = {row_major_slot(operation.output(0))};
  for (int id : operation.inputs()) plan.inputs.push_back(row_major_slot(id));
  if (attributes.direction == DN_FORWARD) {
    plan.scratch_bytes = threads * split.classes * (int64_t)sizeof(float);
    plan.kernel = make_kernel([=](const Arguments& a) {
      softmax(split, log, in(a, 0), out(a, 0), static_cast<float*>(a.scratch), threads);
    });
  } else {
    plan.kernel = make_kernel([=](const Arguments& a) {
      softmax_backward(split, log, in(a, 0), in(a, 1), out(a, 0), threads);
    });
  }
  return plan;
}

// loss and, unless gradient is null, its gradient. The samples' losses are kept and added in order,
// so that the sum does not depend on the number of threads.
void cross_entropy(const std::string& label_text, const Split& s,
                   const dn_softmax_cross_entropy_attributes& attributes, const float* x,
                   const int32_t* labels, const float* weight, float* loss, float* gradient,
                   float* scratch, int threads) {
  const int64_t samples = s.outer * s.inner;
  float* losses = scratch;
  float* work = scratch + samples;
  // The target distribution: `elsewhere` for each class, and the rest for the label.
  const float elsewhere = attributes.label_smoothing / (float)s.classes;
  const float on_label = 1 - attributes.label_smoothing;
  std::atomic<int64_t> bad{std::numeric_limits<int64_t>::max()};
  parallel(threads, samples, samples * s.classes * 8, [&](int64_t begin, int64_t end) {
    float* e = work + omp_get_thread_num() * s.classes;
    for (int64_t i = begin; i < end; ++i) {
      const int32_t label = labels[i];
      const int64_t at = i / s.inner * s.classes * s.inner + i % s.inner;
      if (attributes.ignore && label == attributes.ignore_index) {
        losses[i] = 0;
        for (int64_t c = 0; gradient && c < s.classes; ++c) gradient[at + c * s.inner] = 0;
        continue;
      }
      if (label < 0 || label >= s.classes) {
        int64_t first = bad;
        while (i < first && !bad.compare_exchange_weak(first, i)) {
        }
        continue;
      }
      const float largest = maximum(x + at, s);
      const double sum = exponentials(x + at, s, largest, e);
      double target = on_label * (double)(x[at + label * s.inner] - largest);
      if (elsewhere > 0)
        for (int64_t c = 0; c < s.classes; ++c)
          target += elsewhere * (double)(x[at + c * s.inner] - largest);
      const float importance = weight ? weight[i] : 1.0f;
      losses[i] = importance * (float)(std::log(sum) - target);
      if (!gradient) continue;
      const float factor = attributes.scale * importance;
      for (int64_t c = 0; c < s.classes; ++c)
        gradient[at + c * s.inner] =
            factor * ((float)(e[c] / sum) - elsewhere - (c == label ? on_label : 0.0f));
    }
  });
  if (bad < samples)
    fail(DN_INVALID_ARGUMENT, label_text, ": label ", labels[bad], " of sample ", bad.load(),
         " is outside the classes 0 to ", s.classes - 1);
  double total = 0;
  for (int64_t i = 0; i < samples; ++i) total += losses[i];
  *loss = (float)(total * attributes.scale);
}

KernelPlan plan_cross_entropy(const CompileView& view, int op) {
  const Operator& operation = view.op(op);
  const auto attributes = operation.attributes<dn_softmax_cross_entropy_attributes>();
  const Split split = split_at(view.tensor(operation.input(0)).shape, 1);
  const int threads = device_of(view).threads();
  const bool weighted = operation.has_input(2), gradient = operation.has_output(1);
  KernelPlan plan;
  for (const auto& [ids, slots] : {std::pair{&operation.inputs(), &plan.inputs},
                                   std::pair{&operation.outputs(), &plan.outputs}})
    for (int id : *ids)
      if (id >= 0) slots->push_back(row_major_slot(id));
  plan.scratch_bytes =
      (split.outer * split.inner + threads * split.classes) * (int64_t)sizeof(float);
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
