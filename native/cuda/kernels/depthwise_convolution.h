// Convolutions in which every channel has a kernel of its own.
#pragma once

#include "cuda/kernels/convolution.h"

namespace dn::cuda {

// Why these kernels cannot do it; null: they can. groups = channels = out_channels, two spatial axes
// or one.
const char* depthwise_convolution_refuses(const Convolution& convolution);

// Tensors as convolution.h has them; then, forward only, bias and epilogue as gemm.h has them.
struct DepthwiseConvolution {
  Convolution convolution;
  const void* from = nullptr;  // forward: x, backward: dy
  const void* w = nullptr;     // (C, R, S)
  void* to = nullptr;          // forward: y, backward: dx
  const void* bias = nullptr;  // (C); null: none
  int32_t bias_dtype = DN_DTYPE_F32;
  GemmEpilogue epilogue = GemmEpilogue::None;
  const void* input = nullptr;  // the epilogue's, laid out as y, of its dtype
};
void depthwise_convolution_forward(cudaStream_t stream, const DepthwiseConvolution& p);
void depthwise_convolution_backward_data(cudaStream_t stream, const DepthwiseConvolution& p);

struct DepthwiseConvolutionBackwardWeight {
  Convolution convolution;
  const void* x = nullptr;
  const void* dy = nullptr;
  void* dw = nullptr;  // (C, R, S)
  int32_t dw_dtype = DN_DTYPE_F32;
};
int64_t depthwise_convolution_backward_weight_workspace_bytes(const Convolution& convolution);
void depthwise_convolution_backward_weight(cudaStream_t stream,
                                           const DepthwiseConvolutionBackwardWeight& p,
                                           void* workspace);

}  // namespace dn::cuda
