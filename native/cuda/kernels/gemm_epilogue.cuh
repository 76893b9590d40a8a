// What happens to finished sums: bias, expression, conversion, store.
#pragma once

#include "cuda/kernels/element.cuh"
#include "cuda/kernels/gemm_params.cuh"

namespace dn::cuda {

__device__ __forceinline__ float gemm_apply(GemmEpilogue epilogue, float x, float y) {
  switch (epilogue) {
    case GemmEpilogue::Relu:
      return x < 0.0f ? 0.0f : x;
    case GemmEpilogue::ReluGradient:
      return y > 0.0f ? x : 0.0f;
    case GemmEpilogue::Add:
      return x + y;
    case GemmEpilogue::AddRelu:
      return x + y < 0.0f ? 0.0f : x + y;
    default:
      return x;
  }
}

// The three storage types; the same branch in all threads.
__device__ __forceinline__ float gemm_load(const void* data, int dtype, int64_t offset) {
  if (dtype == DN_DTYPE_F32) return static_cast<const float*>(data)[offset];
  if (dtype == DN_DTYPE_BF16) return to_float(static_cast<const __nv_bfloat16*>(data)[offset]);
  return to_float(static_cast<const __half*>(data)[offset]);
}
__device__ __forceinline__ void gemm_store(float value, void* data, int dtype, int64_t offset) {
  if (dtype == DN_DTYPE_F32)
    static_cast<float*>(data)[offset] = value;
  else if (dtype == DN_DTYPE_BF16)
    static_cast<__nv_bfloat16*>(data)[offset] = from_float<__nv_bfloat16>(value);
  else
    static_cast<__half*>(data)[offset] = from_float<__half>(value);
}

template <typename T>
__device__ __forceinline__ void gemm_load4(float (&out)[4], const void* data, int64_t offset) {
  const auto pack = *reinterpret_cast<const Pack<T, 4>*>(static_cast<const T*>(data) + offset);
  DN_UNROLL for (int e = 0; e < 4; ++e) out[e] = to_float(pack.item[e]);
}
template <typename T>
__device__ __forceinline__ void gemm_store4(const float (&in)[4], void* data, int64_t offset) {
  Pack<T, 4> pack;
  DN_UNROLL for (int e = 0; e < 4; ++e) pack.item[e] = from_float<T>(in[e]);
  *reinterpret_cast<Pack<T, 4>*>(static_cast<T*>(data) + offset) = pack;
}

// Where a row of C starts, in elements.
__device__ __forceinline__ int64_t gemm_offset(const GemmOutputParams& out, int batch, int row) {
  const int pixel = out.scattered ? gemm_locate(out.map, (uint32_t)row).x : row;
  return (int64_t)pixel * out.pixel_stride + batch * out.batch_stride;
}

// value[0 .. 3] += the parts of columns column .. column+3 of one row, in ascending order.
__device__ __forceinline__ void gemm_add_parts(const GemmParams& p, int batch, int row, int column,
                                               float (&value)[4]) {
  const int64_t part = (int64_t)p.batch * p.rows * p.columns;
  const float* from = p.partial + ((int64_t)batch * p.rows + row) * p.columns + column;
  if (p.columns % 4 == 0) {
    for (int split = 0; split < p.splits; ++split) {
      const float4 quad = *reinterpret_cast<const float4*>(from + split * part);
      value[0] += quad.x, value[1] += quad.y, value[2] += quad.z, value[3] += quad.w;
    }
  } else {
    for (int split = 0; split < p.splits; ++split) {
      DN_UNROLL for (int e = 0; e < 4; ++e) {
        if (column + e < p.columns) value[e] += from[split * part + e];
      }
    }
  }
}

// Columns column .. column+3 of one row, as far as they exist.
__device__ inline void gemm_finish(const GemmOutputParams& out, int columns, int batch, int row,
                                   int column, float (&value)[4]) {
  const int count = columns - column < 4 ? columns - column : 4;
  const int64_t offset = gemm_offset(out, batch, row) + column;
  if (out.bias) {
    const int64_t first = batch * out.bias_batch_stride + column;
    DN_UNROLL for (int e = 0; e < 4; ++e) {
      if (e < count) value[e] += gemm_load(out.bias, out.bias_dtype, first + e);
    }
  }
  if (!out.vectors) {
    DN_UNROLL for (int e = 0; e < 4; ++e) {
      if (e >= count) continue;
      const float y = out.input ? gemm_load(out.input, out.dtype, offset + e) : 0.0f;
      gemm_store(gemm_apply(out.epilogue, value[e], y), out.data, out.dtype, offset + e);
    }
    return;
  }
  float y[4] = {};
  if (out.input) {
    if (out.dtype == DN_DTYPE_F32)
      gemm_load4<float>(y, out.input, offset);
    else if (out.dtype == DN_DTYPE_BF16)
      gemm_load4<__nv_bfloat16>(y, out.input, offset);
    else
      gemm_load4<__half>(y, out.input, offset);
  }
  DN_UNROLL for (int e = 0; e < 4; ++e) value[e] = gemm_apply(out.epilogue, value[e], y[e]);
  if (out.dtype == DN_DTYPE_F32)
    gemm_store4<float>(value, out.data, offset);
  else if (out.dtype == DN_DTYPE_BF16)
    gemm_store4<__nv_bfloat16>(value, out.data, offset);
  else
    gemm_store4<__half>(value, out.data, offset);
}

}  // namespace dn::cuda
