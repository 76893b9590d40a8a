// gemm_expression: finishes a product whose epilogue is not one of the compiled ones.
// Math      C = expression(sum of parts + bias, inputs ...), interpreted (expression.cuh).
// Tensors   partial (splits, batch, rows, columns) float32 | C and the inputs as in gemm.h.
// Grid      x: one thread = 4 columns of one row, block 256; y: batch.
// Cost      bytes = 4 splits rows columns batch + C + inputs; the expression's steps an element.
// Floor     bytes / bandwidth. The sums pass through memory in float32 once more than with a compiled
//           epilogue.
// Measured  bench/results/<gpu>-<date>.json.  Deterministic: yes.
// Why so    the interpreter in the product's own kernels would be compiled into each of them.
#include "cuda/kernels/expression.cuh"
#include "cuda/kernels/gemm_kernel.cuh"

namespace dn::cuda {

namespace {

constexpr int kBlock = 256;

__global__ void __launch_bounds__(kBlock)
    gemm_expression_kernel(const __grid_constant__ GemmParams p,
                           const __grid_constant__ GemmExpression expression,
                           const FastDivider quads) {
  const uint32_t i = blockIdx.x * kBlock + threadIdx.x;
  const int row = (int)quads.divide(i);
  const int column = (int)(i - (uint32_t)row * quads.divisor) * 4;
  const int batch = (int)blockIdx.y;
  if (row >= p.rows) return;
  const int count = p.columns - column < 4 ? p.columns - column : 4;
  float value[4] = {};
  gemm_add_parts(p, batch, row, column, value);
  const GemmOutputParams& out = p.out;
  if (out.bias) {
    const int64_t first = batch * out.bias_batch_stride + column;
    DN_UNROLL
    for (int e = 0; e < 4; ++e) {
      if (e < count) value[e] += gemm_load(out.bias, out.bias_dtype, first + e);
    }
  }
  const int64_t offset = gemm_offset(out, batch, row) + column;
  const auto load = [&](int input, float(&values)[4]) {
    DN_UNROLL
    for (int e = 0; e < 4; ++e) {
      if (input == 0)
        values[e] = value[e];
      else if (e < count)
        values[e] = gemm_load(expression.input[input - 1], out.dtype, offset + e);
    }
  };
  const auto store = [&](int, const float(&values)[4]) {
    DN_UNROLL
    for (int e = 0; e < 4; ++e) {
      if (e < count) gemm_store(values[e], out.data, out.dtype, offset + e);
    }
  };
  run_expression<4>(expression.program, load, store);
}

}  // namespace

void launch_gemm_expression(cudaStream_t stream, const GemmParams& p,
                            const GemmExpression& expression) {
  const int64_t quads = divide_up(p.columns, 4);
  launch(stream, "gemm_expression", gemm_expression_kernel,
         dim3(blocks_for(quads * p.rows, kBlock), (unsigned)p.batch), dim3(kBlock), 0, p,
         expression, FastDivider(quads));
}

}  // namespace dn::cuda
