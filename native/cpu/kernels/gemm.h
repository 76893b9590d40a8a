// gemm: C = epilogue(scale * op(A) op(B) + bias), float32, row-major, batched by strides.
// Each element of C is computed by one thread, its sum in ascending order of depth, in blocks whose
// size depends on the shape alone: the result has the same bits for every thread count.
#pragma once

#include <cstdint>

#include "grad_mode.h"
#include "isa.h"

namespace dn::cpu {

enum class Transpose { No, Yes };

enum class Epilogue {
  Identity,
  Relu,  // max(x, 0), NaN kept
  Sigmoid,
  Tanh,
  ReluBackward,  // 0 unless `activation` (the ReLU's output) > 0
};

// Strides count elements. C overlaps no input. Any of the sizes may be 0; depth 0 is a zero
// product.
struct GemmParams {
  int64_t rows = 0, columns = 0, depth = 0, batch = 1;

  const float* a = nullptr;  // (rows, depth), stored (depth, rows) when transposed
  int64_t lda = 0, a_batch_stride = 0;
  Transpose transpose_a = Transpose::No;

  const float* b = nullptr;  // (depth, columns), stored (columns, depth) when transposed
  int64_t ldb = 0, b_batch_stride = 0;
  Transpose transpose_b = Transpose::No;

  float* c = nullptr;  // (rows, columns)
  int64_t ldc = 0, c_batch_stride = 0;
  GradMode mode = GradMode::Overwrite;  // Accumulate adds C before the epilogue

  const float* bias = nullptr;   // (columns), the same for each batch item; null = none
  const float* scale = nullptr;  // one number, read when the call runs; null = 1
  Epilogue epilogue = Epilogue::Identity;
  const float* activation = nullptr;  // ReluBackward only: as C, with C's strides

  // Sum of op(B) over depth, (columns): the bias's gradient, when B is grad_output. Needs batch 1.
  // `mode` holds for it too; null = not computed.
  float* b_sums = nullptr;

  void* scratch = nullptr;  // gemm_scratch_bytes(), 64-byte aligned; null where that is 0
};

struct GemmTable {
  int64_t (*scratch_bytes)(const GemmParams& params, int threads);
  void (*run)(const GemmParams& params, int threads);
};

}  // namespace dn::cpu

DN_DECLARE_ISA_TABLES(GemmTable, gemm_table)

namespace dn::cpu {

inline int64_t gemm_scratch_bytes(const GemmParams& params, int threads) {
  return DN_SELECT_ISA(gemm_table).scratch_bytes(params, threads);
}

// `threads` (>= 1) is an upper limit: small products use fewer.
inline void gemm(const GemmParams& params, int threads) {
  DN_SELECT_ISA(gemm_table).run(params, threads);
}

}  // namespace dn::cpu
