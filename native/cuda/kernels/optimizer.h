// optimizer: one update of many parameter tensors.
#pragma once

#include <cuda_runtime.h>
#include <deepnative.h>

#include <cstdint>

namespace dn::cuda {

// One parameter and its gradient and state, each of `numel` elements in one order, none overlapping.
struct OptimizerTensor {
  float* param = nullptr;
  const void* grad = nullptr;
  float* state0 = nullptr;  // SGD: velocity (null without momentum); Adam: first moment
  float* state1 = nullptr;  // Adam: second moment
  int64_t numel = 0;
  dn_dtype grad_dtype = DN_DTYPE_F32;  // F32, BF16, F16
};

// g = grad + weight_decay w; v = momentum v + g; w -= learning_rate (nesterov ? g + momentum v : v).
struct SgdParams {
  const OptimizerTensor* tensors = nullptr;  // host memory, read when called
  int64_t tensor_count = 0;
  const float* learning_rate = nullptr;  // device memory, one number
  float momentum = 0, weight_decay = 0;
  bool nesterov = false;
};
void sgd_update(cudaStream_t stream, const SgdParams& p);

// t = ++step; m = beta1 m + (1 - beta1) g;  v = beta2 v + (1 - beta2) g^2
// w -= learning_rate / (1 - beta1^t) * m / (sqrt(v) / sqrt(1 - beta2^t) + epsilon)
struct AdamParams {
  const OptimizerTensor* tensors = nullptr;
  int64_t tensor_count = 0;
  const float* learning_rate = nullptr;
  int64_t* step = nullptr;   // device memory; updates done so far
  float* factors = nullptr;  // device memory, kAdamFactors numbers of work space
  float beta1 = 0.9f, beta2 = 0.999f, epsilon = 1e-8f, weight_decay = 0;
  bool decoupled_weight_decay = false;
};
constexpr int kAdamFactors = 4;
void adam_update(cudaStream_t stream, const AdamParams& p);

}  // namespace dn::cuda
