// Failures of the CUDA runtime as exceptions.
#pragma once

#include <cuda_runtime.h>

#include "engine/error.h"

namespace dn::cuda {

// "out of memory (cudaErrorMemoryAllocation)"
std::string error_text(cudaError_t error);

// After one of these the device's context refuses all further work until the process ends.
bool is_sticky(cudaError_t error);

// A failed call of the CUDA runtime; DN_DEVICE_LOST when the error is sticky.
class CudaError final : public Error {
 public:
  CudaError(cudaError_t error, const std::string& what);
  cudaError_t error() const { return error_; }

 private:
  cudaError_t error_;
};

inline void check(cudaError_t error, const char* call) {
  if (error != cudaSuccess) throw CudaError(error, call);
}

#define DN_CUDA(call) ::dn::cuda::check(call, #call)

// Destructors have nobody to tell.
inline void ignore(cudaError_t) {}

}  // namespace dn::cuda
