// The libraries that kernels are timed against, where they are found.
#pragma once

#include "cuda/vendor/libraries.h"
#include "cuda_bench.h"

namespace dn::bench {

// Null without the library.
cuda::vendor::Cublas* find_cublas();
cuda::vendor::Cudnn* find_cudnn();

// One product, on memory of the case's own.
Run cublas_product(Memory& memory, const cuda::vendor::Product& product);
Run cudnn_convolution(Memory& memory, const cuda::vendor::ConvolutionProblem& problem);

}  // namespace dn::bench
