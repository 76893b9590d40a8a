// Convolutions as matrix products, channels last.
//
//   x (N, D, H, W, C) | w (K, T, R, S, C/g) | y (N, Z, P, Q, K)
//   y[n,z,p,q,k] = sum over t,r,s,c of x[n, z*sd-pd+t*dd, p*sh-ph+r*dh, q*sw-pw+s*dw, c] *
//   w[k,t,r,s,c]
//
// One and two spatial axes are the last of three; the others have extent 1.
#pragma once

#include <vector>

#include "cuda/kernels/gemm.h"

namespace dn::cuda {

struct ConvolutionAxis {
  int32_t input = 1, kernel = 1, output = 1;
  int32_t stride = 1, dilation = 1;
  int32_t padding = 0;  // before the first; what comes after follows from `output`
};

struct Convolution {
  int32_t batch = 0, channels = 0, out_channels = 0, groups = 1;
  ConvolutionAxis axis[3];
  int32_t dtype = DN_DTYPE_F32;
  GemmFloat32 float32 = GemmFloat32::Exact;

  int64_t input_pixels() const { return int64_t{axis[0].input} * axis[1].input * axis[2].input; }
  int64_t output_pixels() const {
    return int64_t{axis[0].output} * axis[1].output * axis[2].output;
  }
  int64_t taps() const { return int64_t{axis[0].kernel} * axis[1].kernel * axis[2].kernel; }
  int64_t group_channels() const { return channels / groups; }
  int64_t group_out_channels() const { return out_channels / groups; }
};

// The products without addresses: which tensor each operand reads is said below. The caller sets
// a.data, b.data and c, and for the forward direction bias and epilogue.

// c = y, a = x, b = w.
Gemm convolution_forward_gemm(const Convolution& convolution);
// c = dx, a = dy, b = w. With strides each residue of the input's coordinates is a product of its
// own, with the taps that reach it: no multiplication by the zeros between the outputs.
std::vector<Gemm> convolution_backward_data_gemms(const Convolution& convolution);
// c = dw, a = dy, b = x.
Gemm convolution_backward_weight_gemm(const Convolution& convolution);

}  // namespace dn::cuda
