// Group normalisation: launchers. Statistics, parameters and sums are float32, data is f32, bf16 or
// f16. Formulas: deepnative.h.
#pragma once

#include <cuda_runtime.h>
#include <deepnative.h>

namespace dn::cuda {

// x as (outer, channels, inner), or (outer, inner, channels); a group has channels / groups
// neighbouring channels. Fewer than 2^31 groups, of fewer than 2^31 values, not none.
struct GroupNormView {
  int32_t dtype;          // dn_dtype of x, y and their gradients
  int32_t channels_last;  // 1: (outer, inner, channels)
  int64_t outer, inner;
  int32_t channels, groups;

  int64_t chunks() const { return outer * groups; }
  int32_t width() const { return channels / groups; }
  int64_t size() const { return width() * inner; }  // values of a group
};

struct GroupNormForward {
  GroupNormView view;
  const void* x;
  const float *weight, *bias;  // (channels), or null
  void* y;                     // may be x
  float *mean, *inv_std;       // (outer, groups), or null
  void* scratch;
  float epsilon;
};

struct GroupNormBackward {
  GroupNormView view;
  const void* x;
  const float* weight;  // (channels), or null
  const float *mean, *inv_std;
  const void* dy;
  void* dx;                // may be dy or x
  float *dweight, *dbias;  // (channels), or null
  void* scratch;
};

int64_t group_norm_scratch_bytes(const GroupNormView& view);

void group_norm_forward(cudaStream_t stream, const GroupNormForward& p);
void group_norm_backward(cudaStream_t stream, const GroupNormBackward& p);

}  // namespace dn::cuda
