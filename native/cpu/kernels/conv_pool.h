// conv_pool: convolution, bias, max pooling and optional ReLU as one operation, and its gradients.
// Math      conv[n,k,p,q] = bias[k] +
//             sum over (c,r,s) of x[n,c,p-pad_top+r,q-pad_left+s] * w[k,c,r,s];
//           y[n,k,i,j] = relu?(max over taps (a,b) of conv[n,k,i*pool_h+a,j*pool_w+b]);
//           tap = a*pool_w+b of the maximum. Ties: lowest tap; NaN wins; ReLU keeps NaN.
//           Windows do not overlap; a rest that fills no window is dropped.
//           conv is never written to memory.
// Gradient  Max pooling passes a gradient to one position per window, so both gradients are sums
//           over the non-zero pooled gradients only: pool_h*pool_w (and, after ReLU, about twice)
//           fewer operations than the dense convolution's. A zero pooled gradient contributes
//           nothing (0 * inf included).
// Tensors   x, dx   C <= 4: planes, x_layout.column == 1, x_layout.block = stride of a channel;
//                   C % 16 == 0: vectors of 16 channels at x_layout.
//           w, dw   C <= 4: Ohwi16o = [K/16][R][S][C][16k];
//                   C % 16 == 0: OIhw16i16o = [K/16][C/16][R][S][16c][16k].
//           y, dy   (N,K,P/pool_h,Q/pool_w) at y_layout.
//           tap     u8, dense (N,P/pool_h,Q/pool_w,K).
//           bias, db  (K).
//           All disjoint. Vectors on 64-byte boundaries are fastest.
// Threads   OpenMP inside; the result is the same to the bit for any number of threads.
#pragma once

#include <cstddef>
#include <cstdint>

#include "grad_mode.h"
#include "isa.h"

namespace dn::cpu {

// Distances in floats between neighbours in each direction. `block` separates blocks of 16 channels
// (single channels where C <= 4); `channel` separates the channels of one block: 1 for NHWC and
// nChw16c.
struct ConvPoolLayout {
  int64_t image, block, row, column;
  int64_t channel = 1;  // y only; must be 1 in x_layout
};

struct ConvPoolParams {
  int64_t batch, channels, height, width;
  int64_t out_channels;
  int64_t kernel_h, kernel_w;
  int64_t pad_top = 0, pad_left = 0, pad_bottom = 0, pad_right = 0;
  int64_t pool_h, pool_w;
  bool relu = false;
  ConvPoolLayout x_layout, y_layout;

  int64_t conv_h() const { return height + pad_top + pad_bottom - kernel_h + 1; }
  int64_t conv_w() const { return width + pad_left + pad_right - kernel_w + 1; }
  int64_t pooled_h() const { return conv_h() / pool_h; }
  int64_t pooled_w() const { return conv_w() / pool_w; }
  bool padded() const { return pad_top || pad_left || pad_bottom || pad_right; }
  // Few channels: x is read plane by plane. Otherwise in vectors of 16 channels.
  bool planar() const { return channels <= 4; }
};

enum class ConvPoolPass { Forward, BackwardWeight, BackwardData };

// Null where the kernels can do this pass; otherwise the reason why not, for `bench --explain`.
const char* conv_pool_can_run(const ConvPoolParams& params, ConvPoolPass pass);

// Scratch that a pass needs, valid for every instruction set; the caller aligns it to 64 bytes.
size_t conv_pool_scratch_bytes(const ConvPoolParams& params, ConvPoolPass pass, int threads);

struct ConvPoolForwardTable {
  // bias may be null (zero), tap too (inference).
  void (*forward)(const ConvPoolParams& params, const float* x, const float* w, const float* bias,
                  float* y, uint8_t* tap, void* scratch, int threads);
};

struct ConvPoolBackwardTable {
  // y: the forward output if dy counts only where y > 0 (the fused ReLU's gradient), else null.
  // db may be null.
  void (*backward_weight)(const ConvPoolParams& params, const float* dy, const float* y,
                          const uint8_t* tap, const float* x, float* dw, float* db, GradMode mode,
                          void* scratch, int threads);
  // Not for C <= 4.
  void (*backward_data)(const ConvPoolParams& params, const float* dy, const float* y,
                        const uint8_t* tap, const float* w, float* dx, GradMode mode, void* scratch,
                        int threads);
};

}  // namespace dn::cpu

DN_DECLARE_ISA_TABLES(ConvPoolForwardTable, conv_pool_forward)
DN_DECLARE_ISA_TABLES(ConvPoolBackwardTable, conv_pool_backward)
