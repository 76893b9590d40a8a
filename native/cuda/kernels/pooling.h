// Max and average pooling over up to three spatial axes: launchers. Rules: deepnative.h.
#pragma once

#include <cuda_runtime.h>
#include <deepnative.h>

namespace dn::cuda {

// Always three spatial axes; unused ones come first and have extent 1.
struct PoolingGeometry {
  int32_t dtype;          // dn_dtype of x, y and their gradients
  int32_t tap_dtype;      // DN_DTYPE_U8 or DN_DTYPE_I32
  int32_t channels_last;  // 1: (batch, spatial, channels); 0: (batch, channels, spatial)
  int32_t mode;           // dn_pooling_mode
  int64_t batch;
  int32_t channels;
  int32_t in[3], out[3], kernel[3], stride[3], begin[3];

  __host__ __device__ int64_t in_positions() const { return (int64_t)in[0] * in[1] * in[2]; }
  __host__ __device__ int64_t out_positions() const { return (int64_t)out[0] * out[1] * out[2]; }
};

struct PoolingForward {
  PoolingGeometry geometry;
  const void* x;
  void* y;
  void* tap;     // max only; may be null
  int32_t relu;  // max only: y = relu(maximum)
};

// The element of x at the tap of each window; 0 where a tap names none.
struct PoolingTap {
  PoolingGeometry geometry;
  const void* x;
  const void* tap;
  void* y;
};

struct PoolingBackward {
  PoolingGeometry geometry;
  const void* dy;
  const void* tap;  // max only
  const void* y;    // max only, may be null: dy counts where y is above 0, a relu's gradient
  void* dx;
};

// Elements of one sample above this are refused: indices inside a sample have 32 bits.
constexpr int64_t kMaxPoolingSample = (int64_t{1} << 31) - 1;

void pooling_forward(cudaStream_t stream, const PoolingForward& p);
void pooling_tap(cudaStream_t stream, const PoolingTap& p);
void pooling_backward(cudaStream_t stream, const PoolingBackward& p);

}  // namespace dn::cuda
