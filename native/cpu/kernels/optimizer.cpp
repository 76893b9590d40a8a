#include "optimizer.h"

#include <omp.h>

#include <algorithm>
#include <cmath>

#include "denormals.h"
#include "vector_math.h"

namespace dn::cpu::DN_ISA {

namespace {

// A part begins at a multiple of this many elements of the whole list: 64-byte lines are not shared
// between threads where tensors are aligned.
constexpr int64_t kGrain = 16;

// About a microsecond of work, which waking a thread must be worth.
constexpr int64_t kElementsPerThread = 8192;

// Calls range(tensor, begin, end) for the elements of each thread's part.
template <typename Range>
void for_each_part(const OptimizerTensor* tensors, int64_t tensor_count, int threads, Range range) {
  int64_t total = 0;
  for (int64_t i = 0; i < tensor_count; ++i) total += tensors[i].numel;
  const int parts = int(std::clamp<int64_t>(total / kElementsPerThread, 1, std::max(1, threads)));

  const auto run_part = [&](int part) {
    const auto bound = [&](int64_t p) {
      return p == parts ? total : total / kGrain * p / parts * kGrain;
    };
    const int64_t begin = bound(part), end = bound(part + 1);
    int64_t first = 0;  // place of the tensor's first element in the whole list
    for (int64_t i = 0; i < tensor_count && first < end; ++i) {
      const int64_t numel = tensors[i].numel;
      const int64_t from = std::max<int64_t>(0, begin - first);
      const int64_t to = std::min(numel, end - first);
      if (from < to) range(tensors[i], from, to);
      first += numel;
    }
  };
  if (parts == 1) {
    run_part(0);
    return;
  }
#pragma omp parallel num_threads(parts)
  {
    flush_denormals();
    for (int part = omp_get_thread_num(); part < parts; part += omp_get_num_threads())
      run_part(part);
  }
}

// Calls body(i, mask) for whole vectors and once for what is left.
template <typename Body>
inline void for_each_vector(int64_t begin, int64_t end, Body body) {
  int64_t i = begin;
  for (; i + kLanes <= end; i += kLanes) body(i, AllLanes{});
  if (i < end) body(i, first_lanes(int(end - i)));
}

enum class Momentum { None, Plain, Nesterov };

template <Momentum kMomentum>
void sgd_range(const OptimizerTensor& t, int64_t begin, int64_t end, float learning_rate,
               float momentum, float weight_decay) {
  const vf step = broadcast(-learning_rate), mu = broadcast(momentum),
           decay = broadcast(weight_decay);
  for_each_vector(begin, end, [&](int64_t i, auto mask) {
    const vf w = load(t.param + i, mask);
    vf g = fma(decay, w, load(t.grad + i, mask));
    if constexpr (kMomentum != Momentum::None) {
      const vf v = fma(mu, load(t.state0 + i, mask), g);
      store(t.state0 + i, v, mask);
      g = kMomentum == Momentum::Nesterov ? fma(mu, v, g) : v;
    }
    store(t.param + i, fma(step, g, w), mask);
  });
}

void sgd(const SgdParams& p, int threads) {
  const auto range = p.momentum == 0 ? sgd_range<Momentum::None>
                     : p.nesterov    ? sgd_range<Momentum::Nesterov>
                                     : sgd_range<Momentum::Plain>;
  const float learning_rate = *p.learning_rate;
  for_each_part(p.tensors, p.tensor_count, threads,
                [&](const OptimizerTensor& t, int64_t begin, int64_t end) {
                  range(t, begin, end, learning_rate, p.momentum, p.weight_decay);
                });
}

void adam(const AdamParams& p, int threads) {
  const double t = double(*p.step);
  const double correction1 = 1 - std::pow(p.beta1, t), correction2 = 1 - std::pow(p.beta2, t);
  const float learning_rate = *p.learning_rate;
  const bool decoupled = p.decay == WeightDecay::Decoupled;
  const vf step = broadcast(float(-learning_rate / correction1));
  const vf root_scale = broadcast(float(1 / std::sqrt(correction2)));
  const vf epsilon = broadcast(float(p.epsilon));
  const vf beta2 = broadcast(float(p.beta2));
  const vf rest1 = broadcast(float(1 - p.beta1)), rest2 = broadcast(float(1 - p.beta2));
  const vf l2 = broadcast(decoupled ? 0.0f : p.weight_decay);
  const vf keep = broadcast(decoupled ? 1.0f - learning_rate * p.weight_decay : 1.0f);

  for_each_part(p.tensors, p.tensor_count, threads,
                [&](const OptimizerTensor& tensor, int64_t begin, int64_t end) {
                  for_each_vector(begin, end, [&](int64_t i, auto mask) {
                    const vf w = load(tensor.param + i, mask);
                    const vf g = fma(l2, w, load(tensor.grad + i, mask));
                    vf m = load(tensor.state0 + i, mask);
                    m = fma(rest1, g - m, m);  // PyTorch's lerp
                    const vf v = fma(rest2 * g, g, beta2 * load(tensor.state1 + i, mask));
                    store(tensor.state0 + i, m, mask);
                    store(tensor.state1 + i, v, mask);
                    const vf denominator = fma(square_root(v), root_scale, epsilon);
                    store(tensor.param + i, fma(step, m / denominator, w * keep), mask);
                  });
                });
}

}  // namespace

extern const OptimizerTable optimizer_table = {sgd, adam};

}  // namespace dn::cpu::DN_ISA
