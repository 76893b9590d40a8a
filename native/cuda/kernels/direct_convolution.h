// Convolutions of few input channels, such as first layers: sums over all taps of a tile at once.
#pragma once

#include "cuda/kernels/convolution.h"

namespace dn::cuda {

// Why the direct kernels cannot do it; null: they can. Two spatial axes (or one), groups 1, at most 4
// channels, dilation 1 along the last axis, and a kernel that fits into shared memory.
const char* direct_convolution_refuses(const Convolution& convolution);

// y as convolution.h has it, then bias and epilogue as gemm.h has them.
struct DirectConvolutionForward {
  Convolution convolution;
  const void* x = nullptr;
  const void* w = nullptr;
  void* y = nullptr;
  const void* bias = nullptr;  // (K); null: none
  int32_t bias_dtype = DN_DTYPE_F32;
  GemmEpilogue epilogue = GemmEpilogue::None;
  const void* input = nullptr;  // the epilogue's, laid out as y, of its dtype
};
void direct_convolution_forward(cudaStream_t stream, const DirectConvolutionForward& p);

struct DirectConvolutionBackwardWeight {
  Convolution convolution;
  const void* x = nullptr;
  const void* dy = nullptr;
  void* dw = nullptr;  // (K, R, S, C)
  int32_t dw_dtype = DN_DTYPE_F32;
};
int64_t direct_convolution_backward_weight_workspace_bytes(const Convolution& convolution);
void direct_convolution_backward_weight(cudaStream_t stream,
                                        const DirectConvolutionBackwardWeight& p, void* workspace);

}  // namespace dn::cuda
