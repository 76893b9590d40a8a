// layout_change: copies between arrangements of one tensor's elements, and between data types.
#pragma once

#include <cuda_runtime.h>
#include <deepnative.h>

#include <cstdint>

namespace dn::cuda {

// destination (dims, dense) = source seen through strides. The two do not overlap.
struct LayoutChange {
  const void* source = nullptr;
  void* destination = nullptr;
  int32_t element_bytes = 4;  // 1, 2, 4 or 8
  int32_t rank = 0;
  int64_t dims[DN_MAX_RANK] = {};            // in the destination's physical order, outermost first
  int64_t source_strides[DN_MAX_RANK] = {};  // in elements; 0 repeats
  bool wide_index = false;  // 64-bit indices, which 2^31 elements and more need, in any case
};
void change_layout(cudaStream_t stream, const LayoutChange& p);

// destination[i] = source[i] by way of float32 (equal types are copied as they are): rounded to
// nearest even, saturated for integers, where NaN becomes 0.
struct TypeChange {
  const void* source = nullptr;
  void* destination = nullptr;
  dn_dtype from = DN_DTYPE_F32;
  dn_dtype to = DN_DTYPE_F32;
  int64_t count = 0;
};
void change_type(cudaStream_t stream, const TypeChange& p);

}  // namespace dn::cuda
