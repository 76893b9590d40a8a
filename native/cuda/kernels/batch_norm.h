// Batch normalisation: launchers. Statistics, parameters and sums are float32, data is f32, bf16 or
// f16. Formulas: deepnative.h.
#pragma once

#include <cuda_runtime.h>
#include <deepnative.h>

namespace dn::cuda {

// How x and the tensors of its shape lie in memory.
struct BatchNormView {
  int32_t dtype;          // dn_dtype of x, y, residual and their gradients
  int32_t channels_last;  // 1: (batch, positions, channels); 0: (batch, channels, positions)
  int64_t batch, positions;
  int32_t channels;

  int64_t rows() const { return batch * positions; }  // values a channel
};

struct BatchNormTraining {
  BatchNormView view;
  const void* x;
  const void* residual;  // added to the result; may be null
  const float *weight, *bias;
  void* y;
  float *mean, *inv_std;
  float *running_mean, *running_var;  // updated
  void* scratch;
  float epsilon, momentum;
  int32_t relu;  // 1: y = relu(normalised + residual)
};

struct BatchNormInference {
  BatchNormView view;
  const void* x;
  const void* residual;  // may be null
  const float *weight, *bias, *running_mean, *running_var;
  void* y;
  float epsilon;
  int32_t relu;
};

// Which elements of the gradient pass a relu that followed.
enum class ReluGradient : int32_t {
  None,        // no relu
  FromInput,   // where x, normalised again, is above 0: saves reading y
  FromOutput,  // where y is above 0: the relu came after a residual
};

struct BatchNormBackward {
  BatchNormView view;
  const void* x;
  const float *weight, *mean, *inv_std;
  const float* bias;  // FromInput only
  const void* y;      // FromOutput only
  const void* dy;
  const void* dy_other;  // FromOutput only: added to dy; may be null
  void* dx;
  void* masked;  // FromOutput only: the gradient behind the relu; may be dx, never null
  float *dweight, *dbias;
  void* scratch;
  ReluGradient relu;
};

// Work space of training and backward.
int64_t batch_norm_scratch_bytes(const BatchNormView& view);

void batch_norm_training(cudaStream_t stream, const BatchNormTraining& p);
void batch_norm_inference(cudaStream_t stream, const BatchNormInference& p);
void batch_norm_backward(cudaStream_t stream, const BatchNormBackward& p);

}  // namespace dn::cuda
