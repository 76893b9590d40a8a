// random: numbers from Philox 4x32-10, and the step of its state.
#pragma once

#include <cuda_runtime.h>
#include <deepnative.h>

#include <cstdint>

namespace dn::cuda {

struct RandomParams {
  int64_t* state = nullptr;  // {seed, offset}; the offset advances by 1
  float* values = nullptr;
  int64_t count = 0;
  dn_distribution distribution = DN_DISTRIBUTION_UNIFORM;
  float a = 0, b = 1;
  int32_t stream = 0;  // dn_random_attributes.stream
  // Blocks that have read the state, so that the last one advances it; 0 between launches.
  unsigned* finished = nullptr;
};
void random(cudaStream_t stream, const RandomParams& p);

}  // namespace dn::cuda
