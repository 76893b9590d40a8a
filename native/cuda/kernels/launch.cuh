// The one door through which every kernel is launched.
#pragma once

#include "device.cuh"
#include "launch.h"

namespace dn::cuda {

// `name` is a literal. An empty grid launches nothing.
template <typename... P, typename... A>
void launch(cudaStream_t stream, const char* name, void (*kernel)(P...), dim3 grid, dim3 block,
            size_t shared_bytes, A&&... arguments) {
  constexpr size_t kWithoutAsking = 48 << 10;
  if (grid.x == 0 || grid.y == 0 || grid.z == 0) return;
  note_launch(name);
  name_next_launch(name);
  cudaError_t error = cudaSuccess;
  if (shared_bytes > kWithoutAsking)
    error = cudaFuncSetAttribute(kernel, cudaFuncAttributeMaxDynamicSharedMemorySize,
                                 (int)shared_bytes);
  if (error == cudaSuccess)
    error =
        launch_kernel(kernel, grid, block, shared_bytes, stream, static_cast<A&&>(arguments)...);
  if (error == cudaSuccess) return;
  cudaGetLastError();  // reported here, not by the next call
  throw LaunchError(name, error, grid, block, shared_bytes);
}

// Blocks of `size` that cover `count`.
constexpr unsigned blocks_for(long long count, long long size) {
  return (unsigned)((count + size - 1) / size);
}

}  // namespace dn::cuda
