// Softmax cross-entropy, loss and gradient at once: launcher. Formulas: deepnative.h.
#pragma once

#include <cuda_runtime.h>
#include <deepnative.h>

namespace dn::cuda {

struct SoftmaxCrossEntropy {
  int32_t dtype;  // dn_dtype of logits and their gradient
  float scale;
  float label_smoothing;
  bool ignore;  // samples labelled ignore_index: no loss, gradient 0
  int32_t ignore_index;
  int64_t outer, classes, inner;  // of the logits; sample = outer * inner + inner index
  const void* logits;
  const int32_t* labels;  // (outer, inner)
  const float* weight;    // (outer, inner); may be null
  float* loss;            // one number
  void* grad_logits;      // may be null
  void* scratch;
  // Gets min((sample << 32) | label) over the labels outside the classes; such a sample's gradient
  // is 0 and the loss NaN.
  unsigned long long* fault;
};

int64_t softmax_cross_entropy_scratch_bytes(int64_t outer, int64_t classes, int64_t inner);
void softmax_cross_entropy(cudaStream_t stream, const SoftmaxCrossEntropy& p);

}  // namespace dn::cuda
