// The families of kernels, each in a file of its own, and what they share.
#pragma once

#include <algorithm>

#include "cuda/vendor/cublas.h"
#include "cuda_bench.h"

namespace dn::bench {

void layout_cases(Suite& suite);
void gemm_cases(Suite& suite);
void convolution_cases(Suite& suite);
void data_cases(Suite& suite);
void index_cases(Suite& suite);
void norm_cases(Suite& suite);
void pointwise_cases(Suite& suite);

// What a unit's products are stored as.
constexpr dn_dtype dtype_of(Unit unit) {
  return unit == Unit::Bf16 ? DN_DTYPE_BF16 : unit == Unit::F16 ? DN_DTYPE_F16 : DN_DTYPE_F32;
}

// One product of dense matrices; for the ceilings too.
Case product_case(int32_t rows, int32_t columns, int32_t depth, cuda::vendor::Transpose transpose_a,
                  cuda::vendor::Transpose transpose_b, Unit unit, int multiprocessors);

}  // namespace dn::bench
