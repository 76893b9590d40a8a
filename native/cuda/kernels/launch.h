// What the host side sees of the launch door (launch.cuh).
#pragma once

#include <cuda_runtime.h>

#include <exception>

namespace dn::cuda {

// A launch that the runtime refused; the host side adds the operator's name.
class LaunchError : public std::exception {
 public:
  LaunchError(const char* kernel, cudaError_t error, dim3 grid, dim3 block, size_t shared_bytes)
      : kernel(kernel), error(error), grid(grid), block(block), shared_bytes(shared_bytes) {}
  const char* what() const noexcept override { return kernel; }

  const char* kernel;
  cudaError_t error;
  dim3 grid, block;
  size_t shared_bytes;
};

// Remembers the kernels that were launched, by name: for errors, and for the list of what has run
// on a GPU (DEEPNATIVE_KERNEL_LOG names a file that gets them when the process ends).
void note_launch(const char* name);

// The kernel that this thread launched last; empty before the first.
const char* last_launch();

}  // namespace dn::cuda
