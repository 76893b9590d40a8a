// What the kernels of gemm.h get, by value, and how positions become pixels.
#pragma once

#include "cuda/kernels/gemm.h"
#include "cuda/kernels/index.cuh"

namespace dn::cuda {

// The expression of GemmEpilogue::Program with the addresses of its inputs 1, 2, ...
struct GemmExpression {
  ExpressionProgram program;
  const void* input[kMaxGemmInputs];
};

// A coordinate that no tap brings inside.
constexpr int kGemmOutside = -(1 << 30);

// Position -> pixel and coordinates.
struct GemmMap {
  FastDivider size[3];
  int32_t outer_pitch;
  int32_t stride[3], origin[3], pitch[3];
};

struct GemmOperandParams {
  const void* data;
  int64_t batch_stride;
  GemmMap map;
  int32_t pixel_stride;  // 32 bits: one multiplication gives a 64-bit address
  int32_t positions, channels;
  int32_t taps[3], step[3], extent[3];
};

struct GemmOutputParams {
  void* data;
  int64_t pixel_stride, batch_stride;
  int32_t dtype;
  int32_t scattered;
  GemmMap map;
  int32_t vectors;  // 4 columns at a time
  GemmEpilogue epilogue;
  const void* input;
  const void* bias;
  int64_t bias_batch_stride;
  int32_t bias_dtype;
};

struct GemmParams {
  GemmOperandParams a, b;
  int32_t rows, columns;
  int32_t row_tiles, column_tiles;
  int32_t steps, steps_per_split;  // tiles of depth
  int32_t splits, batch;
  GemmOutputParams out;
  // (splits, batch, rows, columns): sums that gemm_reduce or gemm_expression finishes; null: the
  // kernel finishes them.
  float* partial;
};

// pixel, and the three coordinates before any tap.
__device__ __forceinline__ int4 gemm_locate(const GemmMap& map, uint32_t position) {
  const uint32_t q1 = map.size[2].divide(position);
  const uint32_t q0 = map.size[1].divide(q1);
  const uint32_t outer = map.size[0].divide(q0);
  const int c0 = (int)(q0 - outer * map.size[0].divisor) * map.stride[0] + map.origin[0];
  const int c1 = (int)(q1 - q0 * map.size[1].divisor) * map.stride[1] + map.origin[1];
  const int c2 = (int)(position - q1 * map.size[2].divisor) * map.stride[2] + map.origin[2];
  const int pixel =
      (int)outer * map.outer_pitch + c0 * map.pitch[0] + c1 * map.pitch[1] + c2 * map.pitch[2];
  return make_int4(pixel, c0, c1, c2);
}

// Positions past the end lie outside whatever the tap.
__device__ __forceinline__ int4 gemm_locate(const GemmOperandParams& operand, int position) {
  if (position >= operand.positions) return make_int4(0, kGemmOutside, kGemmOutside, kGemmOutside);
  return gemm_locate(operand.map, (uint32_t)position);
}

}  // namespace dn::cuda
