// Softmax and its logarithm along one axis: launchers. Formulas: deepnative.h.
#pragma once

#include <cuda_runtime.h>
#include <deepnative.h>

namespace dn::cuda {

// A tensor seen as (outer, classes, inner); the softmax runs over the classes.
struct SoftmaxView {
  int32_t dtype;  // dn_dtype of all tensors
  int32_t log;    // 1: the logarithm of the softmax
  int64_t outer, classes, inner;
};

struct SoftmaxForward {
  SoftmaxView view;
  const void* x;
  void* y;
};

struct SoftmaxBackward {
  SoftmaxView view;
  const void *y, *dy;
  void* dx;
};

void softmax_forward(cudaStream_t stream, const SoftmaxForward& p);
void softmax_backward(cudaStream_t stream, const SoftmaxBackward& p);

}  // namespace dn::cuda
