#include "cuda_vendor.h"

#include <cstdio>

namespace dn::bench {

namespace {

constexpr int64_t kWorkspaceBytes = int64_t{1} << 28;

cuda::vendor::Libraries& libraries() {
  static cuda::vendor::Libraries all;
  return all;
}

template <typename Library>
Library* say_once(const char* name, Library* library, const std::string& reason, bool& said) {
  if (!said) {
    said = true;
    if (library)
      std::printf("%s %s\n", name, library->version().c_str());
    else
      std::printf("no %s: %s\n", name, reason.c_str());
  }
  return library;
}

}  // namespace

cuda::vendor::Cublas* find_cublas() {
  static bool said = false;
  std::string reason;
  auto* library = libraries().cublas(reason);
  return say_once("cuBLAS", library, reason, said);
}

cuda::vendor::Cudnn* find_cudnn() {
  static bool said = false;
  std::string reason;
  auto* library = libraries().cudnn(reason);
  return say_once("cuDNN", library, reason, said);
}

Run cublas_product(Memory& memory, const cuda::vendor::Product& p) {
  cuda::vendor::Cublas* library = find_cublas();
  void* a = memory.random(p.input_type, p.rows * p.depth);
  void* b = memory.random(p.input_type, p.depth * p.columns);
  void* c = memory.empty(p.rows * p.columns * bytes_of(p.output_type));
  void* workspace = memory.empty(kWorkspaceBytes);
  return [=](cudaStream_t stream) {
    library->multiply(stream, p, a, b, c, workspace, kWorkspaceBytes);
  };
}

Run cudnn_convolution(Memory& memory, const cuda::vendor::ConvolutionProblem& problem) {
  auto convolution =
      std::make_shared<cuda::vendor::CudnnConvolution>(*find_cudnn(), problem, kWorkspaceBytes);
  const int direction = problem.attributes.direction;
  const auto random = [&](const Shape& shape) {
    return memory.random(problem.type, shape.numel());
  };
  const auto empty = [&](const Shape& shape) {
    return memory.empty(shape.numel() * bytes_of(problem.type));
  };
  const void *first = nullptr, *second = nullptr;
  void* result = nullptr;
  if (direction == DN_FORWARD) {
    first = random(problem.input), second = random(problem.weight), result = empty(problem.output);
  } else if (direction == DN_BACKWARD_DATA) {
    first = random(problem.output), second = random(problem.weight), result = empty(problem.input);
  } else {
    first = random(problem.input), second = random(problem.output), result = empty(problem.weight);
  }
  void* workspace = memory.empty(convolution->workspace_bytes());
  return [=](cudaStream_t stream) { convolution->run(stream, first, second, result, workspace); };
}

}  // namespace dn::bench
