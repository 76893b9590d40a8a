// optimizer: one update of many parameter tensors in one parallel region, split by elements.
// Each element is computed alone: the result does not depend on the number of threads.
#pragma once

#include <cstdint>

#include "isa.h"

namespace dn::cpu {

// One parameter and its gradient and state, each `numel` floats, no two overlapping.
struct OptimizerTensor {
  float* param = nullptr;
  const float* grad = nullptr;
  float* state0 = nullptr;  // Sgd: velocity (null when momentum is 0); Adam: first moment
  float* state1 = nullptr;  // Adam: second moment
  int64_t numel = 0;
};

// PyTorch's torch.optim.SGD without dampening: g = grad + weight_decay w; v = momentum v + g;
// w -= learning_rate (nesterov ? g + momentum v : v). A velocity of 0 makes the first step v = g.
struct SgdParams {
  const OptimizerTensor* tensors = nullptr;
  int64_t tensor_count = 0;
  const float* learning_rate = nullptr;  // one number, read when the call runs
  float momentum = 0, weight_decay = 0;
  bool nesterov = false;
};

enum class WeightDecay {
  L2,         // Adam: added to the gradient
  Decoupled,  // AdamW: w -= learning_rate weight_decay w, before the step
};

// PyTorch's torch.optim.Adam / AdamW, without amsgrad:
//   m = beta1 m + (1 - beta1) g;  v = beta2 v + (1 - beta2) g^2
//   w -= learning_rate / (1 - beta1^t) * m / (sqrt(v) / sqrt(1 - beta2^t) + epsilon)
struct AdamParams {
  const OptimizerTensor* tensors = nullptr;
  int64_t tensor_count = 0;
  const float* learning_rate = nullptr;
  const int64_t* step = nullptr;  // t of this update, 1 for the first; read when the call runs
  double beta1 = 0.9, beta2 = 0.999, epsilon = 1e-8;
  float weight_decay = 0;
  WeightDecay decay = WeightDecay::L2;
};

struct OptimizerTable {
  void (*sgd)(const SgdParams& params, int threads);
  void (*adam)(const AdamParams& params, int threads);
};

}  // namespace dn::cpu

DN_DECLARE_ISA_TABLES(OptimizerTable, optimizer_table)

namespace dn::cpu {

// `threads` (>= 1) is an upper limit: small updates use fewer.
inline void sgd_update(const SgdParams& params, int threads) {
  DN_SELECT_ISA(optimizer_table).sgd(params, threads);
}
inline void adam_update(const AdamParams& params, int threads) {
  DN_SELECT_ISA(optimizer_table).adam(params, threads);
}

}  // namespace dn::cpu
