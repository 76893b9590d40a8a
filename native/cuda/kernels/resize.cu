// resize: other spatial extents; definition: DN_OPERATOR_RESIZE.
// Math      y[p] = sum over h of weight(p, h) x[h], one factor for each axis: nearest: 1 at floor(p H / P); linear:
//           the two neighbours of p's place; area: 1 / count over floor(p H / P) .. ceil((p + 1) H / P) - 1.
//           backward: y[h] = sum over p of weight(p, h) x[p], the same weights.
// Tensors   (planes, depth, height, width), row-major, forward x in and y out, backward the other way.
// Grid      one thread = one element of y; block 256.
// Cost      bytes = 4 * (numel(x) + numel(y)), x out of the cache where several read it; ops: 2 for each
//           weight, 2^axes of them an element of the larger tensor (linear).
// Floor     bytes / DRAM bandwidth. Example 16x64x64x64 to twice the extents: 83.9 MB -> 17.5 us at
//           4.8 TB/s (H200 data sheet).
// Deterministic: yes: backward gathers over the outputs that read an element, in their order.
// Why so    places are whole numbers over a divisor, so that no rounding moves an element to a neighbour.
//           Weights along the width stay in registers where they are at most eight.
#include "cuda/kernels/index.cuh"
#include "cuda/kernels/launch.cuh"
#include "cuda/kernels/resize.h"

namespace dn::cuda {

namespace {

constexpr int kBlock = 256;
constexpr int kKept = 8;

// One axis: H elements in, P out.
template <typename Index>
struct Axis {
  Index in, out;
  bool corners;
};

// What output p reads: begin .. end-1, with weights 1 - second and second (linear), or equal ones.
template <typename Index, int kMode>
struct Reads {
  Index begin, end;
  float second;

  __device__ __forceinline__ Reads(const Axis<Index>& axis, Index p) {
    second = 0.0f;
    if constexpr (kMode == DN_RESIZE_LINEAR) {
      const Index divisor = axis.corners ? (axis.out > 1 ? axis.out - 1 : 1) : 2 * axis.out;
      Index numerator = axis.corners ? p * (axis.in - 1) : (2 * p + 1) * axis.in - axis.out;
      if (numerator < 0) numerator = 0;
      begin = numerator / divisor;
      second = (float)(numerator - begin * divisor) / (float)divisor;
      if (begin >= axis.in - 1) {
        begin = axis.in - 1;
        second = 0.0f;
      }
      end = begin + (second > 0.0f ? 2 : 1);
    } else {
      begin = p * axis.in / axis.out;
      end = kMode == DN_RESIZE_NEAREST ? begin + 1 : ((p + 1) * axis.in + axis.out - 1) / axis.out;
    }
  }
  __device__ __forceinline__ float weight(Index h) const {
    if constexpr (kMode == DN_RESIZE_NEAREST) return 1.0f;
    if constexpr (kMode == DN_RESIZE_AREA) return 1.0f / (float)(end - begin);
    return h == begin ? 1.0f - second : second;
  }
};

// The outputs that read element h: begin .. end-1.
template <typename Index, int kMode>
struct Readers {
  Index begin, end;

  __device__ __forceinline__ Readers(const Axis<Index>& axis, Index h) {
    const Index in = axis.in, out = axis.out;
    if constexpr (kMode == DN_RESIZE_NEAREST) {
      begin = (h * out + in - 1) / in;
      end = ((h + 1) * out + in - 1) / in;
    } else if constexpr (kMode == DN_RESIZE_AREA) {
      begin = h * out / in;
      end = ((h + 1) * out + in - 1) / in;
    } else {
      // At least all of them; the outermost are then asked.
      begin = 0;
      end = out;
      if (axis.corners && in > 1) {
        if (h > 0) begin = (h - 1) * (out - 1) / (in - 1);
        end = (h + 1) * (out - 1) / (in - 1) + 2;
      } else if (!axis.corners) {
        if (h > 0) begin = (2 * h - 1) * out / (2 * in) - 1;
        if (h < in - 1) end = (2 * h + 3) * out / (2 * in) + 2;
      }
      if (begin < 0) begin = 0;
      if (end > out) end = out;
      while (begin < end && weight(axis, begin, h) == 0.0f) ++begin;
      while (begin < end && weight(axis, end - 1, h) == 0.0f) --end;
    }
  }
  static __device__ __forceinline__ float weight(const Axis<Index>& axis, Index p, Index h) {
    const Reads<Index, kMode> reads(axis, p);
    return h >= reads.begin && h < reads.end ? reads.weight(h) : 0.0f;
  }
};

template <typename Index>
struct KernelParams {
  const float* x;
  float* y;
  Index numel;  // of y
  Axis<Index> axis[DN_MAX_SPATIAL_RANK];
};

template <typename Index, int kMode>
__global__ void __launch_bounds__(kBlock) resize_forward_kernel(const KernelParams<Index> p) {
  const Axis<Index>&depth = p.axis[0], &height = p.axis[1], &width = p.axis[2];
  const Index step = (Index)gridDim.x * kBlock;
  for (Index at = (Index)blockIdx.x * kBlock + (Index)threadIdx.x; at < p.numel; at += step) {
    Index rest = at / width.out;
    const Reads<Index, kMode> w(width, at - rest * width.out);
    Index next = rest / height.out;
    const Reads<Index, kMode> h(height, rest - next * height.out);
    rest = next / depth.out;
    const Reads<Index, kMode> d(depth, next - rest * depth.out);
    float sum = 0.0f;
    for (Index i = d.begin; i < d.end; ++i) {
      for (Index j = h.begin; j < h.end; ++j) {
        const float* row = p.x + (((int64_t)rest * depth.in + i) * height.in + j) * width.in;
        float part = 0.0f;
        for (Index k = w.begin; k < w.end; ++k) part += w.weight(k) * row[k];
        sum += d.weight(i) * h.weight(j) * part;
      }
    }
    p.y[at] = sum;
  }
}

template <typename Index, int kMode>
__global__ void __launch_bounds__(kBlock) resize_backward_kernel(const KernelParams<Index> p) {
  using Range = Readers<Index, kMode>;
  const Axis<Index>&depth = p.axis[0], &height = p.axis[1], &width = p.axis[2];
  const Index step = (Index)gridDim.x * kBlock;
  for (Index at = (Index)blockIdx.x * kBlock + (Index)threadIdx.x; at < p.numel; at += step) {
    Index rest = at / width.in;
    const Index k = at - rest * width.in;
    Index next = rest / height.in;
    const Index j = rest - next * height.in;
    rest = next / depth.in;
    const Index i = next - rest * depth.in;
    const Range d(depth, i), h(height, j), w(width, k);
    float kept[kKept];
    DN_UNROLL
    for (int t = 0; t < kKept; ++t)
      kept[t] = w.begin + t < w.end ? Range::weight(width, w.begin + t, k) : 0.0f;
    float sum = 0.0f;
    for (Index a = d.begin; a < d.end; ++a) {
      const float layer = Range::weight(depth, a, i);
      for (Index b = h.begin; b < h.end; ++b) {
        const float* row = p.x + (((int64_t)rest * depth.out + a) * height.out + b) * width.out;
        float part = 0.0f;
        DN_UNROLL
        for (int t = 0; t < kKept; ++t)
          if (w.begin + t < w.end) part += kept[t] * row[w.begin + t];
        for (Index c = w.begin + kKept; c < w.end; ++c) part += Range::weight(width, c, k) * row[c];
        sum += layer * Range::weight(height, b, j) * part;
      }
    }
    p.y[at] = sum;
  }
}

template <typename Index, int kMode>
void resize_with(cudaStream_t stream, const ResizeParams& p, int64_t numel) {
  KernelParams<Index> k;
  k.x = p.x;
  k.y = p.y;
  k.numel = (Index)numel;
  for (int i = 0; i < DN_MAX_SPATIAL_RANK; ++i)
    k.axis[i] = {(Index)p.in[i], (Index)p.out[i], p.coordinates == DN_RESIZE_ALIGN_CORNERS};
  const int64_t blocks = divide_up(numel, kBlock);
  const dim3 grid((unsigned)(blocks < kMaxNarrowIndex ? blocks : kMaxNarrowIndex));
  if (p.direction == DN_FORWARD)
    launch(stream, "resize_forward", resize_forward_kernel<Index, kMode>, grid, dim3(kBlock), 0, k);
  else
    launch(stream, "resize_backward", resize_backward_kernel<Index, kMode>, grid, dim3(kBlock), 0,
           k);
}

template <int kMode>
void resize_as(cudaStream_t stream, const ResizeParams& p) {
  int64_t in = p.planes, out = p.planes;
  bool narrow = true;
  for (int i = 0; i < DN_MAX_SPATIAL_RANK; ++i) {
    in *= p.in[i];
    out *= p.out[i];
    narrow &= (2 * p.in[i] + 3) * (2 * p.out[i] + 3) < kMaxNarrowIndex;
  }
  const int64_t numel = p.direction == DN_FORWARD ? out : in;
  if (numel == 0) return;
  if (narrow && numel <= kMaxNarrowIndex / 2)
    resize_with<int32_t, kMode>(stream, p, numel);
  else
    resize_with<int64_t, kMode>(stream, p, numel);
}

}  // namespace

void resize(cudaStream_t stream, const ResizeParams& p) {
  if (p.mode == DN_RESIZE_NEAREST)
    resize_as<DN_RESIZE_NEAREST>(stream, p);
  else if (p.mode == DN_RESIZE_LINEAR)
    resize_as<DN_RESIZE_LINEAR>(stream, p);
  else
    resize_as<DN_RESIZE_AREA>(stream, p);
}

}  // namespace dn::cuda
