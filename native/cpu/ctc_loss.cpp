// Connectionist temporal classification; definition: DN_OPERATOR_CTC_LOSS.
//
// A target of n labels has 2n + 1 states: blank, label, blank, ..., label, blank. alpha[t][s] is the
// logarithm of the probability to have gone through the first t steps and to be in state s; beta[t][s]
// that of what follows, without step t itself. Each step's numbers are shifted so that the largest is 0:
// float32 then keeps its digits where the probability is, however long the sequence.
#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

#include "cpu/candidates.h"
#include "cpu/kernels/pointwise_math.h"

namespace dn::cpu {

namespace {

constexpr float kNever = -std::numeric_limits<float>::infinity();

struct Ctc {
  std::string label;
  int64_t steps, batch, classes, most_labels;
  int blank;
  bool zero_infinity;
  int threads;

  // Room for the states and two neighbours on each side, which are never reached.
  int64_t row() const { return 2 * most_labels + 1 + 4; }
  int64_t rows(bool gradient) const { return (gradient ? steps : 2) + kWorkRows; }
  int64_t scratch_floats(bool gradient) const { return rows(gradient) * row(); }

  static constexpr int kWorkRows = 9;  // emission, skip, class, weights, 3 terms, 2 betas
};

// What one sample works with; rows of scratch, two elements in.
class Sample {
 public:
  Sample(const Ctc& ctc, float* scratch, bool gradient, const int32_t* target, int64_t labels)
      : ctc_(ctc), states_(2 * labels + 1), kept_(gradient) {
    const int64_t row = ctc.row();
    float* next = scratch + 2;
    const auto take = [&] { return std::exchange(next, next + row); };
    emission_ = take(), skip_ = take(), weight_ = take();
    class_ = reinterpret_cast<int32_t*>(take());
    for (float*& terms : terms_) terms = take();
    for (float*& beta : beta_) beta = take();
    alpha_ = next;
    for (int64_t s = 0; s < states_; ++s) class_[s] = s % 2 ? target[s / 2] : ctc.blank;
    // Whether a state follows the one before the last: a label that is not a repeat.
    for (int64_t s = -2; s < states_ + 2; ++s)
      skip_[s] = s >= 3 && s < states_ && s % 2 && class_[s] != class_[s - 2] ? 0.0f : kNever;
  }

  // -ln of the probability; infinity where there is none.
  float forward(const float* log_probs, int64_t length) {
    float* before = terms_[0];
    pad(before);
    std::fill(before, before + states_, kNever);
    before[0] = 0;
    double shift = 0;
    for (int64_t t = 0; t < length; ++t) {
      float* now = alpha(t);
      pad(now);
      emit(log_probs, t);
      advance(before, -1, skip_, now);
      for (int64_t s = 0; s < states_; ++s) now[s] += emission_[s];
      shift += rescale(now);
      before = now;
    }
    return -(float)(shift + last(before));
  }

  void backward(const float* log_probs, int64_t length, float* gradient) {
    const int64_t stride = ctc_.batch * ctc_.classes;
    float *after = beta_[0], *now = beta_[1];
    pad(after), pad(now);
    std::fill(after, after + states_, kNever);
    after[states_ - 1] = 0;
    if (states_ > 1) after[states_ - 2] = 0;
    for (int64_t t = length - 1; t >= 0; --t) {
      share(alpha(t), after, gradient + t * stride);
      if (t == 0) break;
      emit(log_probs, t);
      for (int64_t s = 0; s < states_; ++s) emission_[s] += after[s];
      pad(emission_);
      advance(emission_, 1, skip_ + 2, now);
      rescale(now);
      std::swap(after, now);
    }
  }

 private:
  float* alpha(int64_t t) const { return alpha_ + (kept_ ? t : t % 2) * ctc_.row(); }

  void pad(float* row) const { row[-2] = row[-1] = row[states_] = row[states_ + 1] = kNever; }

  void emit(const float* log_probs, int64_t t) {
    const float* at = log_probs + t * ctc_.batch * ctc_.classes;
    for (int64_t s = 0; s < states_; ++s) emission_[s] = at[class_[s]];
  }

  // out[s] = ln(exp from[s] + exp from[s + side] + exp(from[s + 2 side] + skip[s]))
  void advance(const float* from, int side, const float* skip, float* out) {
    float *a = terms_[1], *b = terms_[2], *c = weight_;
    for (int64_t s = 0; s < states_; ++s) {
      const float x = from[s], y = from[s + side], z = from[s + 2 * side] + skip[s];
      float most = x > y ? x : y;
      most = most > z ? most : z;
      most = most == kNever ? 0.0f : most;
      a[s] = x - most, b[s] = y - most, c[s] = z - most;
      out[s] = most;
    }
    const auto& math = DN_SELECT_ISA(pointwise_table);
    for (float* term : {a, b, c}) math.apply(MathFunction::Exp, term, term, states_);
    for (int64_t s = 0; s < states_; ++s) a[s] += b[s] + c[s];
    math.apply(MathFunction::Log, a, a, states_);
    for (int64_t s = 0; s < states_; ++s) out[s] += a[s];
  }

  // Shifts the row so that its maximum is 0; returns what it was.
  float rescale(float* row) const {
    float most = kNever;
    for (int64_t s = 0; s < states_; ++s) most = most > row[s] ? most : row[s];
    if (!std::isfinite(most)) return 0;
    for (int64_t s = 0; s < states_; ++s) row[s] -= most;
    return most;
  }

  // Both states in which a target may end, together.
  double last(const float* row) const {
    const double a = row[states_ - 1], b = states_ > 1 ? row[states_ - 2] : kNever;
    const double most = a > b || a != a ? a : b;
    return most == kNever ? most : most + std::log(std::exp(a - most) + std::exp(b - most));
  }

  // gradient[c] = -(the probability to be in a state of class c at this step, given the target)
  void share(const float* alpha, const float* beta, float* gradient) {
    float most = kNever;
    for (int64_t s = 0; s < states_; ++s) {
      weight_[s] = alpha[s] + beta[s];
      most = most > weight_[s] ? most : weight_[s];
    }
    for (int64_t s = 0; s < states_; ++s) weight_[s] -= most;
    DN_SELECT_ISA(pointwise_table).apply(MathFunction::Exp, weight_, weight_, states_);
    double sum = 0;
    for (int64_t s = 0; s < states_; ++s) sum += weight_[s];
    const float factor = (float)(1 / sum);
    for (int64_t s = 0; s < states_; ++s) gradient[class_[s]] -= weight_[s] * factor;
  }

  const Ctc& ctc_;
  int64_t states_;
  bool kept_;
  float *emission_, *skip_, *weight_, *alpha_;
  int32_t* class_;
  float* terms_[3];
  float* beta_[2];
};

// The first thing that is outside its range, by sample.
void check(const Ctc& ctc, const int32_t* targets, const int32_t* input_lengths,
           const int32_t* target_lengths) {
  for (int64_t n = 0; n < ctc.batch; ++n) {
    if (input_lengths[n] < 1 || input_lengths[n] > ctc.steps)
      fail(DN_INVALID_ARGUMENT, ctc.label, ": input length ", input_lengths[n], " of sample ", n,
           " is outside 1 to ", ctc.steps);
    if (target_lengths[n] < 0 || target_lengths[n] > ctc.most_labels)
      fail(DN_INVALID_ARGUMENT, ctc.label, ": target length ", target_lengths[n], " of sample ", n,
           " is outside 0 to ", ctc.most_labels);
    for (int64_t i = 0; i < target_lengths[n]; ++i) {
      const int32_t label = targets[n * ctc.most_labels + i];
      if (label < 0 || label >= ctc.classes || label == ctc.blank)
        fail(DN_INVALID_ARGUMENT, ctc.label, ": label ", label, " at ", i, " of sample ", n,
             " is the blank or outside the classes 0 to ", ctc.classes - 1);
    }
  }
}

void run(const Ctc& ctc, const float* log_probs, const int32_t* targets,
         const int32_t* input_lengths, const int32_t* target_lengths, float* loss, float* gradient,
         float* scratch) {
  check(ctc, targets, input_lengths, target_lengths);
  const int64_t stride = ctc.batch * ctc.classes;
  const int64_t cost = ctc.steps * ctc.batch * (2 * ctc.most_labels + 1 + ctc.classes) * 16;
  parallel(ctc.threads, ctc.batch, cost, [&](int64_t begin, int64_t end) {
    float* work = scratch + omp_get_thread_num() * ctc.scratch_floats(gradient != nullptr);
    for (int64_t n = begin; n < end; ++n) {
      const float* x = log_probs + n * ctc.classes;
      float* dx = gradient ? gradient + n * ctc.classes : nullptr;
      for (int64_t t = 0; dx && t < ctc.steps; ++t)
        std::fill(dx + t * stride, dx + t * stride + ctc.classes, 0.0f);
      Sample sample(ctc, work, gradient != nullptr, targets + n * ctc.most_labels,
                    target_lengths[n]);
      loss[n] = sample.forward(x, input_lengths[n]);
      if (std::isfinite(loss[n])) {
        if (dx) sample.backward(x, input_lengths[n], dx);
      } else if (ctc.zero_infinity && loss[n] > 0) {
        loss[n] = 0;
      } else if (dx) {
        for (int64_t t = 0; t < input_lengths[n]; ++t)
          std::fill(dx + t * stride, dx + t * stride + ctc.classes,
                    std::numeric_limits<float>::quiet_NaN());
      }
    }
  });
}

KernelPlan plan(const CompileView& view, int op) {
  const Operator& operation = view.op(op);
  const auto& attributes = operation.attributes<dn_ctc_loss_attributes>();
  const Shape& log_probs = view.tensor(operation.input(0)).shape;
  const bool gradient = operation.has_output(1);
  const Ctc ctc{view.view(op).label(),
                log_probs[0],
                log_probs[1],
                log_probs[2],
                view.tensor(operation.input(1)).shape[1],
                attributes.blank,
                attributes.zero_infinity != 0,
                device_of(view).threads()};
  KernelPlan plan;
  for (int id : operation.inputs()) plan.inputs.push_back(row_major_slot(id));
  for (int id : operation.outputs())
    if (id >= 0) plan.outputs.push_back(row_major_slot(id));
  plan.scratch_bytes = ctc.threads * ctc.scratch_floats(gradient) * (int64_t)sizeof(float);
  plan.kernel = make_kernel([=](const Arguments& a) {
    run(ctc, in(a, 0), static_cast<const int32_t*>(a.inputs[1]),
        static_cast<const int32_t*>(a.inputs[2]), static_cast<const int32_t*>(a.inputs[3]),
        out(a, 0), gradient ? out(a, 1) : nullptr, static_cast<float*>(a.scratch));
  });
  return plan;
}

const RegisterOperator ctc_loss({"own:ctc_loss", DN_OPERATOR_CTC_LOSS, 100, nullptr, plan});

}  // namespace

}  // namespace dn::cpu
