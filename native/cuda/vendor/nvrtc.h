// Kernels compiled while the program runs: NVRTC 11 to 13 and the CUDA driver.
#pragma once

#include <cuda_runtime.h>

#include <memory>
#include <type_traits>

#include "cuda/vendor/dynamic_library.h"
#include "cuda/vendor/nvrtc_api.h"

namespace dn::cuda::vendor {

class CompiledKernel;

class Nvrtc {
 public:
  // Throws DN_UNSUPPORTED with the reason when there is no usable library.
  Nvrtc();
  Nvrtc(const Nvrtc&) = delete;
  Nvrtc& operator=(const Nvrtc&) = delete;

  std::string version() const { return version_.str(); }

  // Compiles CUDA C++ that defines `extern "C" __global__ void NAME(...)` and loads it into the
  // current device's context. capability: the device's, e.g. 90. Throws DN_VENDOR_ERROR with the
  // compiler's log when the source is wrong.
  std::unique_ptr<CompiledKernel> compile(const std::string& source, const std::string& name,
                                          int capability) const;

 private:
  friend class CompiledKernel;
  void check(int result, const char* call) const;
  void check_driver(int result, const char* call) const;

#define DN_MEMBER(name, ...) std::add_pointer_t<__VA_ARGS__> name = nullptr;
  struct Functions {
    DN_NVRTC_FUNCTIONS(DN_MEMBER)
  };
  struct DriverFunctions {
    DN_DRIVER_FUNCTIONS(DN_MEMBER)
  };
#undef DN_MEMBER
  DynamicLibrary library_, driver_library_;
  Functions f_;
  DriverFunctions driver_;
  Version version_;
};

// Loaded while it lives; the library that made it must outlive it, and work that uses it must have
// finished.
class CompiledKernel {
 public:
  ~CompiledKernel();
  CompiledKernel(const CompiledKernel&) = delete;
  CompiledKernel& operator=(const CompiledKernel&) = delete;

  // arguments: the address of each parameter's value; they are copied. Throws LaunchError.
  void launch(cudaStream_t stream, dim3 grid, dim3 block, size_t shared_bytes,
              void** arguments) const;

 private:
  friend class Nvrtc;
  CompiledKernel(const Nvrtc& library, const std::string& name, const char* image);

  const Nvrtc& library_;
  const char* name_;  // as long as the process lives: the launch door keeps it
  void* module_ = nullptr;
  void* function_ = nullptr;
};

}  // namespace dn::cuda::vendor
