// local_response_norm_{forward,backward}: normalisation across neighbouring channels.
// Math      s = k + alpha / size * (sum of x^2 over channels c - size/2 .. c + (size-1)/2);
//           y = x s^-beta; dx = dy s^-beta - 2 alpha beta / size * x * (sum of dy x s^(-beta-1) over the
//           windows that c is in: c - (size-1)/2 .. c + size/2).
// Tensors   x, y, dy, dx, terms (O, C, I) f32. y is not x.
// Needs     nothing; any alignment.
// Grid      one thread = one element; block 256. Backward: two kernels, the first keeps
//           dy x s^(-beta-1) of every channel.
// Cost      forward: bytes = 8 numel, windows from the first-level cache; ops = (2 size + 6) numel.
//           backward: bytes = 28 numel.
// Floor     bytes / DRAM bandwidth. Example AlexNet norm1 128x96x55x55, forward: 297 MB -> 62 us at
//           4.8 TB/s (H200 data sheet).
// Measured  bench/results. Deterministic: yes; each window is added up in order.
// Why so    windows are added up anew: a running sum over the channels would drift, and would need a
//           thread to have all channels.
#include "cuda/kernels/index.cuh"
#include "cuda/kernels/launch.cuh"
#include "cuda/kernels/local_response_norm.h"

namespace dn::cuda {

namespace {

constexpr int kBlock = 256;

template <typename Index>
struct View {
  using Divider = typename DividerOf<Index>::Type;
  Divider inner, channels;
  Index count, channel_count, step, before, after;
  float share, beta, k;

  explicit View(const LocalResponseNorm& p)
      : inner(p.inner),
        channels(p.channels),
        count((Index)p.numel()),
        channel_count((Index)p.channels),
        step((Index)p.inner),
        // A window larger than all channels is all channels.
        before((Index)(p.size / 2 < p.channels ? p.size / 2 : p.channels)),
        after((Index)((p.size - 1) / 2 < p.channels ? (p.size - 1) / 2 : p.channels)),
        share(p.alpha / (float)p.size),
        beta(p.beta),
        k(p.k) {}

  __device__ __forceinline__ Index channel(Index i) const {
    const Index row = inner.divide(i);
    return row - channels.divide(row) * channel_count;
  }
};

// Calls body(element) for the channels c - before .. c + after that exist, in order.
template <typename Index, typename Body>
__device__ __forceinline__ void for_window(const View<Index>& v, Index i, Index c, Index before,
                                           Index after, const Body& body) {
  const Index first = c < before ? 0 : c - before;
  const Index last = v.channel_count - 1 - c < after ? v.channel_count - 1 : c + after;
  for (Index j = first; j <= last; ++j) body(i + j * v.step - c * v.step);
}

template <typename Index>
__device__ __forceinline__ float scale_of(const View<Index>& v, const float* x, Index i, Index c) {
  float sum = 0;
  for_window(v, i, c, v.before, v.after, [&](Index j) { sum = fmaf(x[j], x[j], sum); });
  return fmaf(sum, v.share, v.k);
}

__device__ __forceinline__ float inverse_power(float s, float beta) {
  if (beta == 0.75f) return 1.0f / (sqrtf(s) * sqrtf(sqrtf(s)));
  return powf(s, -beta);
}

template <typename Index>
__global__ void __launch_bounds__(kBlock)
    local_response_norm_forward_kernel(View<Index> v, const float* x, float* y) {
  const Index step = (Index)gridDim.x * kBlock;
  for (Index i = (Index)blockIdx.x * kBlock + threadIdx.x; i < v.count; i += step)
    y[i] = x[i] * inverse_power(scale_of(v, x, i, v.channel(i)), v.beta);
}

template <typename Index>
__global__ void __launch_bounds__(kBlock)
    local_response_norm_terms_kernel(View<Index> v, const float* x, const float* dy, float* terms) {
  const Index step = (Index)gridDim.x * kBlock;
  for (Index i = (Index)blockIdx.x * kBlock + threadIdx.x; i < v.count; i += step) {
    const float s = scale_of(v, x, i, v.channel(i));
    terms[i] = dy[i] * x[i] * inverse_power(s, v.beta) / s;
  }
}

template <typename Index>
__global__ void __launch_bounds__(kBlock)
    local_response_norm_backward_kernel(View<Index> v, const float* x, const float* dy, float* dx,
                                        const float* terms) {
  const Index step = (Index)gridDim.x * kBlock;
  for (Index i = (Index)blockIdx.x * kBlock + threadIdx.x; i < v.count; i += step) {
    const Index c = v.channel(i);
    float sum = 0;
    for_window(v, i, c, v.after, v.before, [&](Index j) { sum += terms[j]; });
    const float direct = dy[i] * inverse_power(scale_of(v, x, i, c), v.beta);
    dx[i] = fmaf(-2.0f * v.beta * v.share * x[i], sum, direct);
  }
}

// Calls body(view, grid) in the narrowest index that fits.
template <typename Body>
void with_view(const LocalResponseNorm& p, const Body& body) {
  if (p.numel() == 0) return;
  const int64_t blocks = divide_up(p.numel(), kBlock);
  const dim3 grid((unsigned)(blocks < kMaxNarrowIndex ? blocks : kMaxNarrowIndex));
  if (p.numel() <= kMaxNarrowIndex - kBlock)
    body(View<uint32_t>(p), grid);
  else
    body(View<uint64_t>(p), grid);
}

}  // namespace

void local_response_norm_forward(cudaStream_t stream, const LocalResponseNorm& p, const float* x,
                                 float* y) {
  with_view(p, [&](const auto& view, dim3 grid) {
    using Index = decltype(view.count);
    launch(stream, "local_response_norm_forward", local_response_norm_forward_kernel<Index>, grid,
           dim3(kBlock), 0, view, x, y);
  });
}

void local_response_norm_backward(cudaStream_t stream, const LocalResponseNorm& p, const float* x,
                                  const float* dy, float* dx, float* terms) {
  with_view(p, [&](const auto& view, dim3 grid) {
    using Index = decltype(view.count);
    launch(stream, "local_response_norm_terms", local_response_norm_terms_kernel<Index>, grid,
           dim3(kBlock), 0, view, x, dy, terms);
    launch(stream, "local_response_norm_backward", local_response_norm_backward_kernel<Index>, grid,
           dim3(kBlock), 0, view, x, dy, dx, terms);
  });
}

}  // namespace dn::cuda
