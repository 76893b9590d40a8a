// depthwise_convolution: 2-D convolutions with one kernel a channel, three directions.
// Math      y[n,p,q,c] = sum over r,s of x[n, p*sh-ph+r*dh, q*sw-pw+s*dw, c] * w[c,r,s];
//           dx[n,h,w,c] = sum over the p,q,r,s that read it of dy[n,p,q,c] * w[c,r,s];
//           dw[c,r,s] = sum over n,p,q of x[same] * dy[n,p,q,c]. Sums in float32.
// Tensors   x, dx (N,H,W,C) T | y, dy (N,P,Q,C) T | w, dw (C,R,S) | partial (parts, C, R*S) float32.
// Needs     kVector = 4: C % 4 == 0 and tensors aligned to 4 elements.
// Grid      forward, data: a thread has kVector channels of one pixel; x = pixels, y = channels.
//           weight: x = parts of the pixels, y = channels, z = tap; block 256 = lanes * lines.
// Cost      operations = 2 N P Q C R S; bytes = sizeof(T) (x + y), weights once a block. The weight
//           gradient reads x and dy once for each tap, from the second-level cache where they fit.
// Floor     bytes / DRAM bandwidth.
// Measured  bench/results/<gpu>-<date>.json.  Deterministic: yes (parts are added in order).
// Why so    there is nothing to share between channels, so no matrix product: R*S multiply-adds an
//           element, neighbours' reads meet in the first-level cache.
#include "cuda/kernels/column_sum.h"
#include "cuda/kernels/depthwise_convolution.h"
#include "cuda/kernels/gemm_epilogue.cuh"
#include "cuda/kernels/launch.cuh"

namespace dn::cuda {

namespace {

constexpr int kBlock = 256;
constexpr int kMaxSharedBytes = 99 << 10;

struct Axis {
  int32_t input, output, kernel, stride, padding, dilation;
};
struct Geometry {
  Axis h, w;
  int32_t channels;
  int32_t pixels;            // that the grid covers
  FastDivider width, image;  // of them: their last axis, both axes
};

Geometry geometry_of(const Convolution& c, bool over_input) {
  const auto axis = [](const ConvolutionAxis& a) {
    return Axis{a.input, a.output, a.kernel, a.stride, a.padding, a.dilation};
  };
  Geometry g;
  g.h = axis(c.axis[1]), g.w = axis(c.axis[2]);
  g.channels = c.channels;
  const int64_t width = over_input ? c.axis[2].input : c.axis[2].output;
  const int64_t image = over_input ? c.input_pixels() : c.output_pixels();
  g.pixels = (int32_t)(c.batch * image);
  g.width = FastDivider(width > 0 ? width : 1);
  g.image = FastDivider(image > 0 ? image : 1);
  return g;
}

struct Pixel {
  int image, row, column;
};
__device__ __forceinline__ Pixel pixel_of(const Geometry& g, int index) {
  const int image = (int)g.image.divide((uint32_t)index);
  const int rest = index - image * (int)g.image.divisor;
  const int row = (int)g.width.divide((uint32_t)rest);
  return {image, row, rest - row * (int)g.width.divisor};
}

// The other tensor's coordinate at a tap; negative: none.
template <bool kBackward>
__device__ __forceinline__ int at_tap(const Axis& axis, int coordinate, int tap) {
  if constexpr (kBackward) {
    const int reached = coordinate + axis.padding - tap * axis.dilation;
    const int at = reached / axis.stride;
    return reached >= 0 && at * axis.stride == reached && at < axis.output ? at : -1;
  } else {
    const int at = coordinate * axis.stride - axis.padding + tap * axis.dilation;
    return at < axis.input ? at : -1;
  }
}

template <typename T, int kVector, bool kBackward>
__global__ void __launch_bounds__(kBlock)
    depthwise_convolution_kernel(const T* __restrict__ from, const T* __restrict__ w,
                                 const Geometry g, int lanes,
                                 const __grid_constant__ GemmOutputParams out) {
  DN_DYN_SHARED(float, weights);  // (R*S, lanes * kVector)
  const int width = lanes * kVector, taps = g.h.kernel * g.w.kernel;
  const int first_channel = (int)blockIdx.y * width;
  for (int i = (int)threadIdx.x; i < taps * width; i += kBlock) {
    const int channel = i / taps, tap = i - channel * taps;
    const bool exists = first_channel + channel < g.channels;
    weights[tap * width + channel] =
        exists ? to_float(w[(int64_t)(first_channel + channel) * taps + tap]) : 0.0f;
  }
  __syncthreads();  // the weights are complete

  const int lane = (int)threadIdx.x % lanes * kVector;
  const int index = (int)blockIdx.x * (kBlock / lanes) + (int)threadIdx.x / lanes;
  const int channel = first_channel + lane;
  if (index >= g.pixels || channel >= g.channels) return;
  const Pixel pixel = pixel_of(g, index);
  const int rows = kBackward ? g.h.output : g.h.input;
  const int columns = kBackward ? g.w.output : g.w.input;
  float value[4] = {};
  for (int r = 0; r < g.h.kernel; ++r) {
    const int h = at_tap<kBackward>(g.h, pixel.row, r);
    if (h < 0) continue;
    const int64_t row = ((int64_t)pixel.image * rows + h) * columns;
    for (int s = 0; s < g.w.kernel; ++s) {
      const int v = at_tap<kBackward>(g.w, pixel.column, s);
      if (v < 0) continue;
      const auto pack =
          *reinterpret_cast<const Pack<T, kVector>*>(from + (row + v) * g.channels + channel);
      const auto weight = *reinterpret_cast<const Pack<float, kVector>*>(
          weights + (r * g.w.kernel + s) * width + lane);
      DN_UNROLL
      for (int e = 0; e < kVector; ++e)
        value[e] = fmaf(to_float(pack.item[e]), weight.item[e], value[e]);
    }
  }
  gemm_finish(out, channel + kVector, 0, index, channel, value);
}

template <typename T, int kVector>
__global__ void __launch_bounds__(kBlock)
    depthwise_convolution_backward_weight_kernel(const T* __restrict__ x, const T* __restrict__ dy,
                                                 const Geometry g, int lanes, int pixels_per_part,
                                                 void* __restrict__ out, int out_dtype) {
  DN_SHARED(float, sums, [kBlock][kVector]);
  const int lane = (int)threadIdx.x % lanes, line = (int)threadIdx.x / lanes;
  const int lines = kBlock / lanes;
  const int channel = ((int)blockIdx.y * lanes + lane) * kVector;
  const int tap = (int)blockIdx.z, taps = g.h.kernel * g.w.kernel;
  const int r = tap / g.w.kernel, s = tap - r * g.w.kernel;
  const int first = (int)blockIdx.x * pixels_per_part;
  const int last = g.pixels - first < pixels_per_part ? g.pixels : first + pixels_per_part;
  float sum[kVector] = {};
  for (int index = first + line; index < last && channel < g.channels; index += lines) {
    const Pixel pixel = pixel_of(g, index);
    const int h = at_tap<false>(g.h, pixel.row, r), v = at_tap<false>(g.w, pixel.column, s);
    if (h < 0 || v < 0) continue;
    const int64_t at = ((int64_t)pixel.image * g.h.input + h) * g.w.input + v;
    const auto of_x = *reinterpret_cast<const Pack<T, kVector>*>(x + at * g.channels + channel);
    const auto of_dy =
        *reinterpret_cast<const Pack<T, kVector>*>(dy + (int64_t)index * g.channels + channel);
    DN_UNROLL
    for (int e = 0; e < kVector; ++e)
      sum[e] = fmaf(to_float(of_x.item[e]), to_float(of_dy.item[e]), sum[e]);
  }
  DN_UNROLL
  for (int e = 0; e < kVector; ++e) sums[threadIdx.x][e] = sum[e];
  __syncthreads();  // the sums of all lines are there
  if (line > 0 || channel >= g.channels) return;
  for (int other = 1; other < lines; ++other) {
    DN_UNROLL
    for (int e = 0; e < kVector; ++e) sum[e] += sums[other * lanes + lane][e];
  }
  DN_UNROLL
  for (int e = 0; e < kVector; ++e) {
    const int64_t row = (int64_t)blockIdx.x * g.channels + channel + e;
    gemm_store(sum[e], out, out_dtype, row * taps + tap);
  }
}

// Threads side by side along the channels: a power of two.
int lanes_of(int64_t channels, int vector) {
  int lanes = 1;
  while (lanes < 32 && (int64_t)lanes * vector < channels) lanes *= 2;
  return lanes;
}

template <typename T, int kVector, bool kBackward>
void launch_products(cudaStream_t stream, const DepthwiseConvolution& p, bool vectors) {
  const Geometry g = geometry_of(p.convolution, kBackward);
  GemmOutputParams out{};
  out.data = p.to;
  out.dtype = p.convolution.dtype;
  out.pixel_stride = g.channels;
  out.vectors = vectors;
  out.epilogue = p.epilogue;
  out.input = p.input;
  out.bias = p.bias;
  out.bias_dtype = p.bias_dtype;
  const int lanes = lanes_of(g.channels, kVector);
  const int64_t width = (int64_t)lanes * kVector;
  launch(stream,
         kBackward ? "depthwise_convolution_backward_data" : "depthwise_convolution_forward",
         depthwise_convolution_kernel<T, kVector, kBackward>,
         dim3(blocks_for(g.pixels, kBlock / lanes), blocks_for(g.channels, width)), dim3(kBlock),
         (size_t)(g.h.kernel * g.w.kernel * width) * sizeof(float), static_cast<const T*>(p.from),
         static_cast<const T*>(p.w), g, lanes, out);
}

template <typename T, bool kBackward>
void launch_products(cudaStream_t stream, const DepthwiseConvolution& p) {
  const int64_t bytes = 4 * sizeof(T);
  const bool vectors = p.convolution.channels % 4 == 0 && aligned_to(p.from, bytes) &&
                       aligned_to(p.to, bytes) && aligned_to(p.input, bytes);
  if (vectors)
    launch_products<T, 4, kBackward>(stream, p, true);
  else
    launch_products<T, 1, kBackward>(stream, p, false);
}

template <bool kBackward>
void launch_products(cudaStream_t stream, const DepthwiseConvolution& p) {
  if (p.convolution.dtype == DN_DTYPE_F32)
    launch_products<float, kBackward>(stream, p);
  else if (p.convolution.dtype == DN_DTYPE_BF16)
    launch_products<__nv_bfloat16, kBackward>(stream, p);
  else
    launch_products<__half, kBackward>(stream, p);
}

int64_t parts_of(const Geometry& g) {
  constexpr int64_t kPixelsPerPart = 1024, kMaxParts = 256;
  const int64_t parts = divide_up(g.pixels, kPixelsPerPart);
  return parts < 1 ? 1 : parts < kMaxParts ? parts : kMaxParts;
}

template <typename T, int kVector>
void launch_weight(cudaStream_t stream, const DepthwiseConvolutionBackwardWeight& p, void* to,
                   int to_dtype) {
  const Geometry g = geometry_of(p.convolution, false);
  const int lanes = lanes_of(g.channels, kVector);
  const int64_t parts = parts_of(g);
  launch(stream, "depthwise_convolution_backward_weight",
         depthwise_convolution_backward_weight_kernel<T, kVector>,
         dim3((unsigned)parts, blocks_for(g.channels, (int64_t)lanes * kVector),
              (unsigned)(g.h.kernel * g.w.kernel)),
         dim3(kBlock), 0, static_cast<const T*>(p.x), static_cast<const T*>(p.dy), g, lanes,
         (int)divide_up(g.pixels, parts), to, to_dtype);
}

template <typename T>
void launch_weight(cudaStream_t stream, const DepthwiseConvolutionBackwardWeight& p, void* to,
                   int to_dtype) {
  const int64_t bytes = 4 * sizeof(T);
  if (p.convolution.channels % 4 == 0 && aligned_to(p.x, bytes) && aligned_to(p.dy, bytes))
    launch_weight<T, 4>(stream, p, to, to_dtype);
  else
    launch_weight<T, 1>(stream, p, to, to_dtype);
}

}  // namespace

const char* depthwise_convolution_refuses(const Convolution& c) {
  if (c.groups != c.channels || c.groups != c.out_channels)
    return "has not one kernel for each channel";
  if (c.axis[0].input != 1 || c.axis[0].kernel != 1 || c.axis[0].output != 1)
    return "has three spatial axes";
  if (c.batch * c.input_pixels() > kMaxNarrowIndex || c.batch * c.output_pixels() > kMaxNarrowIndex)
    return "has 2^31 positions or more";
  if (c.taps() * 128 * (int64_t)sizeof(float) > kMaxSharedBytes)
    return "has a kernel too large for shared memory";
  return nullptr;
}

void depthwise_convolution_forward(cudaStream_t stream, const DepthwiseConvolution& p) {
  launch_products<false>(stream, p);
}

void depthwise_convolution_backward_data(cudaStream_t stream, const DepthwiseConvolution& p) {
  launch_products<true>(stream, p);
}

int64_t depthwise_convolution_backward_weight_workspace_bytes(const Convolution& c) {
  const int64_t parts = parts_of(geometry_of(c, false)), count = c.channels * c.taps();
  if (parts == 1) return 0;
  return parts * count * (int64_t)sizeof(float) + column_sum_workspace_bytes(parts, count);
}

void depthwise_convolution_backward_weight(cudaStream_t stream,
                                           const DepthwiseConvolutionBackwardWeight& p,
                                           void* workspace) {
  const Convolution& c = p.convolution;
  const int64_t parts = parts_of(geometry_of(c, false)), count = c.channels * c.taps();
  void* to = parts > 1 ? workspace : p.dw;
  const int to_dtype = parts > 1 ? (int)DN_DTYPE_F32 : p.dw_dtype;
  if (c.dtype == DN_DTYPE_F32)
    launch_weight<float>(stream, p, to, to_dtype);
  else if (c.dtype == DN_DTYPE_BF16)
    launch_weight<__nv_bfloat16>(stream, p, to, to_dtype);
  else
    launch_weight<__half>(stream, p, to, to_dtype);
  if (parts == 1) return;
  ColumnSum sum;
  sum.rows = parts, sum.columns = count;
  sum.x = workspace;
  sum.y = p.dw, sum.y_dtype = p.dw_dtype;
  column_sum(stream, sum, static_cast<float*>(workspace) + parts * count);
}

}  // namespace dn::cuda
