// Convolutions by cuDNN 8 and 9, channels innermost.
#pragma once

#include <cuda_runtime.h>

#include <memory>
#include <type_traits>

#include "cuda/vendor/cublas.h"
#include "cuda/vendor/cudnn_api.h"
#include "cuda/vendor/dynamic_library.h"

namespace dn::cuda::vendor {

class Cudnn {
 public:
  // For the current device. Throws DN_UNSUPPORTED with the reason when there is no usable library.
  Cudnn();
  ~Cudnn();
  Cudnn(const Cudnn&) = delete;
  Cudnn& operator=(const Cudnn&) = delete;

  std::string version() const { return version_.str(); }

 private:
  friend class CudnnConvolution;
  void check(int status, const char* call) const;

#define DN_MEMBER(name, ...) std::add_pointer_t<__VA_ARGS__> name = nullptr;
  struct Functions {
    DN_CUDNN_FUNCTIONS(DN_MEMBER)
  };
#undef DN_MEMBER
  DynamicLibrary library_;
  Functions f_;
  Version version_;
  void* handle_ = nullptr;
};

// Logical shapes: input (N, C, ...), weight (K, C/groups, ...), output (N, K, ...).
struct ConvolutionProblem {
  Shape input, weight, output;
  dn_convolution_attributes attributes;
  DType type = DN_DTYPE_F32;
  Tf32 tf32 = Tf32::Refused;
};

// Why cuDNN cannot do it; empty: it can.
std::string refuse_convolution(const ConvolutionProblem& problem);

// One convolution in one direction, with the fastest deterministic algorithm that the library's
// heuristics know.
class CudnnConvolution {
 public:
  // Throws DN_UNSUPPORTED when there is none that needs at most that workspace.
  CudnnConvolution(const Cudnn& library, const ConvolutionProblem& problem,
                   int64_t max_workspace_bytes);
  int64_t workspace_bytes() const { return (int64_t)chosen_.workspace_bytes; }

  // By the problem's direction: output from input and weight; grad_input from grad_output and
  // weight; grad_weight from input and grad_output.
  void run(cudaStream_t stream, const void* first, const void* second, void* result,
           void* workspace) const;
  // output += bias (K)
  void add_bias(cudaStream_t stream, const void* bias, void* output) const;
  // grad_bias (K) = the sums of grad_output
  void sum_bias(cudaStream_t stream, const void* grad_output, void* grad_bias) const;

 private:
  using Object = std::unique_ptr<void, int (*)(void*)>;
  using Create = int (*)(void**);
  Object create(Create create, int (*destroy)(void*)) const;
  Object tensor(const Shape& shape, int type) const;
  void set_stream(cudaStream_t stream) const;

  const Cudnn& library_;
  int direction_;
  Object input_, weight_, output_, bias_, convolution_;
  cudnn::AlgorithmResult chosen_{};
};

}  // namespace dn::cuda::vendor
