// resize: other spatial extents, by the nearest element, linear weights or means.
#pragma once

#include <cuda_runtime.h>
#include <deepnative.h>

#include <cstdint>

namespace dn::cuda {

// forward:  x (planes, in) -> y (planes, out)
// backward: x (planes, out), the gradient of the output -> y (planes, in)
struct ResizeParams {
  const float* x = nullptr;
  float* y = nullptr;
  dn_direction direction = DN_FORWARD;
  dn_resize_mode mode = DN_RESIZE_NEAREST;
  dn_resize_coordinates coordinates = DN_RESIZE_HALF_PIXEL;
  int64_t planes = 0;
  int64_t in[DN_MAX_SPATIAL_RANK] = {1, 1,
                                     1};  // depth, height, width of the forward direction's input
  int64_t out[DN_MAX_SPATIAL_RANK] = {1, 1, 1};
};
void resize(cudaStream_t stream, const ResizeParams& p);

}  // namespace dn::cuda
