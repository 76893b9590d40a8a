// pad, pad_backward: a tensor with more elements around it or between its own; definition:
// DN_OPERATOR_PAD.
// Math      y[j] = x[i(j)], where each axis maps its own index: (j - begin) / step, mirrored or cut to
//           0 .. extent - 1; outside of x a constant. Backward: dx[i] = sum of dy[j] with i(j) = i.
// Tensors   x, y of elements of 1, 2, 4 or 8 bytes; backward float32. Up to 8 axes, dense. Disjoint.
// Grid      one thread = one element of what is written (16 bytes, where the innermost axis is not
//           padded and allows it); block 256.
// Cost      bytes = x + y; no arithmetic but the indices, and the sums backward.
// Floor     bytes / DRAM bandwidth. Example 256x64x56x56 f32 by 1: 426 MB -> 88.8 us at 4.8 TB/s
//           (H200 data sheet).
// Deterministic: yes; backward adds in a fixed order.
// Why so    walking what is written makes all stores whole sectors; rows are read from begin to end,
//           their ends a second time, from the caches.
#include <cstring>

#include "cuda/kernels/element.cuh"
#include "cuda/kernels/index.cuh"
#include "cuda/kernels/launch.cuh"
#include "cuda/kernels/pad.h"

namespace dn::cuda {

namespace {

constexpr int kBlock = 256;

// Axes innermost first; strides in units.
template <typename Index>
struct Walk {
  const void* source;
  void* destination;
  Index count;  // units to write
  int rank;
  dn_pad_mode mode;
  uint4 value;                                          // the constant, repeated
  typename DividerOf<Index>::Type extent[DN_MAX_RANK];  // of what is written
  int64_t stride[DN_MAX_RANK];                          // of what is read
  PadAxis axis[DN_MAX_RANK];
};

// The index in x of index j of y; below 0: none.
__device__ __forceinline__ int64_t source_of(const PadAxis& axis, dn_pad_mode mode, int64_t j) {
  int64_t i = j - axis.begin;
  if (mode == DN_PAD_REFLECT) {
    i = i < 0 ? -i : i;
    return i < axis.x ? i : 2 * (axis.x - 1) - i;
  }
  if (mode == DN_PAD_EDGE) return i < 0 ? 0 : i < axis.x ? i : axis.x - 1;
  if (axis.step > 1 && i > 0) {
    if (i % axis.step != 0) return -1;
    i /= axis.step;
  }
  return i < axis.x ? i : -1;
}

template <typename T, typename Index>
__global__ void __launch_bounds__(kBlock) pad_kernel(const Walk<Index> p) {
  const Index step = (Index)gridDim.x * kBlock;
  for (Index unit = (Index)blockIdx.x * kBlock + threadIdx.x; unit < p.count; unit += step) {
    Index rest = unit;
    int64_t offset = 0;
    bool inside = true;
    DN_UNROLL
    for (int a = 0; a < DN_MAX_RANK; ++a) {
      if (a >= p.rank) break;
      const Index next = p.extent[a].divide(rest);
      const int64_t i =
          source_of(p.axis[a], p.mode, (int64_t)(rest - next * (Index)p.extent[a].divisor));
      rest = next;
      inside = inside && i >= 0;
      offset += i * p.stride[a];
    }
    T value;
    memcpy(&value, &p.value, sizeof(T));
    if (inside) value = static_cast<const T*>(p.source)[offset];
    static_cast<T*>(p.destination)[unit] = value;
  }
}

// How many elements of y were copied from index i of x, and the k-th of them: its own place first,
// then those before and behind.
__device__ __forceinline__ int64_t copies_before(const PadAxis& axis, dn_pad_mode mode, int64_t i) {
  if (mode == DN_PAD_EDGE) return i == 0 ? axis.begin : 0;
  return i >= 1 && i <= axis.begin ? 1 : 0;
}
__device__ __forceinline__ int64_t copies_behind(const PadAxis& axis, dn_pad_mode mode, int64_t i) {
  const int64_t end = axis.y - axis.begin - axis.x, from_last = axis.x - 1 - i;
  if (mode == DN_PAD_EDGE) return from_last == 0 ? end : 0;
  return from_last >= 1 && from_last <= end ? 1 : 0;
}
__device__ __forceinline__ int64_t copy_place(const PadAxis& axis, dn_pad_mode mode, int64_t i,
                                              int64_t before, int64_t k) {
  if (k == 0) return axis.begin + i;
  if (k <= before) return mode == DN_PAD_EDGE ? k - 1 : axis.begin - i;
  const int64_t last = axis.begin + axis.x - 1;
  return mode == DN_PAD_EDGE ? last + (k - before) : last + (axis.x - 1 - i);
}

template <typename Index>
__global__ void __launch_bounds__(kBlock) pad_backward_kernel(const Walk<Index> p) {
  const Index step = (Index)gridDim.x * kBlock;
  for (Index unit = (Index)blockIdx.x * kBlock + threadIdx.x; unit < p.count; unit += step) {
    int64_t copies = 1;
    Index rest = unit;
    DN_UNROLL
    for (int a = 0; a < DN_MAX_RANK; ++a) {
      if (a >= p.rank) break;
      const Index next = p.extent[a].divide(rest);
      const int64_t i = (int64_t)(rest - next * (Index)p.extent[a].divisor);
      rest = next;
      copies *= 1 + copies_before(p.axis[a], p.mode, i) + copies_behind(p.axis[a], p.mode, i);
    }
    float sum = 0.0f;
    for (int64_t copy = 0; copy < copies; ++copy) {
      int64_t which = copy, offset = 0;
      rest = unit;
      DN_UNROLL
      for (int a = 0; a < DN_MAX_RANK; ++a) {
        if (a >= p.rank) break;
        const Index next = p.extent[a].divide(rest);
        const int64_t i = (int64_t)(rest - next * (Index)p.extent[a].divisor);
        rest = next;
        const int64_t before = copies_before(p.axis[a], p.mode, i);
        const int64_t count = 1 + before + copies_behind(p.axis[a], p.mode, i);
        // Most elements were copied once; 64-bit divisions are slow.
        const int64_t k = count == 1 ? 0 : which % count;
        which = count == 1 ? which : which / count;
        offset += copy_place(p.axis[a], p.mode, i, before, k) * p.stride[a];
      }
      sum += static_cast<const float*>(p.source)[offset];
    }
    static_cast<float*>(p.destination)[unit] = sum;
  }
}

template <typename Index>
Walk<Index> make_walk(const PadParams& p, bool forward, int64_t units_per_element_row) {
  Walk<Index> walk{};
  walk.source = p.source;
  walk.destination = p.destination;
  walk.rank = p.rank;
  walk.mode = p.mode;
  int64_t stride = 1, count = 1;
  for (int i = 0; i < p.rank; ++i) {
    PadAxis axis = p.axes[p.rank - 1 - i];
    if (i == 0) {
      axis.x /= units_per_element_row;
      axis.y /= units_per_element_row;
    }
    walk.axis[i] = axis;
    walk.stride[i] = stride;
    stride *= forward ? axis.x : axis.y;
    const int64_t extent = forward ? axis.y : axis.x;
    count *= extent;
    walk.extent[i] = typename DividerOf<Index>::Type(extent > 0 ? extent : 1);
  }
  walk.count = (Index)count;
  return walk;
}

int64_t written(const PadParams& p, bool forward) {
  int64_t count = 1;
  for (int i = 0; i < p.rank; ++i) count *= forward ? p.axes[i].y : p.axes[i].x;
  return count;
}

template <typename Kernel, typename Index>
void launch_walk(cudaStream_t stream, const char* name, Kernel kernel, const Walk<Index>& walk) {
  const int64_t blocks = divide_up((int64_t)walk.count, kBlock);
  launch(stream, name, kernel,
         dim3((unsigned)(blocks < kMaxNarrowIndex ? blocks : kMaxNarrowIndex)), dim3(kBlock), 0,
         walk);
}

template <typename T, typename Index>
void pad_with(cudaStream_t stream, const PadParams& p) {
  Walk<Index> walk = make_walk<Index>(p, true, (int64_t)sizeof(T) / p.element_bytes);
  for (int at = 0; at < 16; at += p.element_bytes)
    std::memcpy(reinterpret_cast<char*>(&walk.value) + at, &p.value, (size_t)p.element_bytes);
  launch_walk(stream, "pad", pad_kernel<T, Index>, walk);
}

template <typename T>
void pad_as(cudaStream_t stream, const PadParams& p) {
  if (written(p, true) <= kMaxNarrowIndex - kBlock && !p.wide_index)
    pad_with<T, uint32_t>(stream, p);
  else
    pad_with<T, uint64_t>(stream, p);
}

}  // namespace

void pad(cudaStream_t stream, const PadParams& p) {
  // An innermost axis that is copied as it is moves in larger pieces.
  const auto fits = [&](int64_t unit) {
    if (unit == p.element_bytes) return true;
    if (p.rank == 0 || unit < p.element_bytes) return false;
    const PadAxis& inner = p.axes[p.rank - 1];
    return inner.x == inner.y && inner.x * p.element_bytes % unit == 0 &&
           aligned_to(p.source, unit) && aligned_to(p.destination, unit);
  };
  if (fits(16))
    pad_as<uint4>(stream, p);
  else if (fits(8))
    pad_as<uint64_t>(stream, p);
  else if (fits(4))
    pad_as<uint32_t>(stream, p);
  else if (fits(2))
    pad_as<uint16_t>(stream, p);
  else
    pad_as<uint8_t>(stream, p);
}

void pad_backward(cudaStream_t stream, const PadParams& p) {
  const int64_t read = written(p, true);
  if (read <= kMaxNarrowIndex - kBlock && !p.wide_index)
    launch_walk(stream, "pad_backward", pad_backward_kernel<uint32_t>,
                make_walk<uint32_t>(p, false, 1));
  else
    launch_walk(stream, "pad_backward", pad_backward_kernel<uint64_t>,
                make_walk<uint64_t>(p, false, 1));
}

}  // namespace dn::cuda
