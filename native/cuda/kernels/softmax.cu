// softmax_{forward,backward}: softmax or log-softmax over the middle axis of (outer, classes,
// inner). Math      m = max x; e = exp(x - m); y = e / sum e, or x - m - log(sum e).
//           backward: dx = y (dy - sum dy y), or dy - exp(y) sum dy.
// Tensors   x, y, dy, dx (outer, classes, inner) T. y may be x; dx may be y or dy.
// Needs     nothing; any alignment.
// Grid      inner = 1: a warp per row, 8 rows a block, up to 1024 classes (kept in registers);
//           above, a block per row. inner > 1: a block has 32 neighbouring samples by 8 threads
//           along the classes.
// Cost      forward: bytes = 2 * sizeof(T) * numel (larger rows are read up to three times, mostly
//           from cache), ops = 5 numel; backward: 3 * sizeof(T) * numel, ops = 4 numel.
// Floor     bytes / DRAM bandwidth. Example 65536x1000 f32, forward: 524 MB -> 109 us at 4.8 TB/s
//           (H200 data sheet).
// Measured  bench/results. Deterministic: yes; sums have a fixed order.
// Why so    the maximum before the sum keeps exp finite; NaN anywhere in a row makes all of it NaN.
#include "cuda/kernels/softmax.h"
#include "cuda/kernels/softmax_parts.cuh"

namespace dn::cuda {

using namespace softmax;

namespace {

// ---- a warp per row ----

template <typename T, int kItems>
__global__ void __launch_bounds__(kThreads)
    softmax_forward_warp_kernel(const T* x, T* y, int64_t rows, int classes, bool log) {
  // A warp has a row; whole warps leave together.
  const int64_t row = (int64_t)blockIdx.x * kWarps + threadIdx.y;
  if (row >= rows) return;
  const int lane = threadIdx.x;
  x += row * classes;
  y += row * classes;
  float value[kItems];
  float largest = -INFINITY;
  DN_UNROLL for (int i = 0; i < kItems; ++i) {
    value[i] = lane + 32 * i < classes ? to_float(x[lane + 32 * i]) : -INFINITY;
    largest = larger(value[i], largest);
  }
  largest = warp_max(largest);
  float sum = 0;
  DN_UNROLL for (int i = 0; i < kItems; ++i) {
    const float shifted = value[i] - largest;
    const float e = lane + 32 * i < classes ? expf(shifted) : 0.0f;
    value[i] = log ? shifted : e;
    sum += e;
  }
  sum = warp_sum(sum);
  const float log_sum = logf(sum);
  DN_UNROLL for (int i = 0; i < kItems; ++i) if (lane + 32 * i < classes) y[lane + 32 * i] =
      from_float<T>(log ? value[i] - log_sum : value[i] / sum);
}

template <typename T, int kItems>
__global__ void __launch_bounds__(kThreads)
    softmax_backward_warp_kernel(const T* y, const T* dy, T* dx, int64_t rows, int classes,
                                 bool log) {
  // A warp has a row; whole warps leave together.
  const int64_t row = (int64_t)blockIdx.x * kWarps + threadIdx.y;
  if (row >= rows) return;
  const int lane = threadIdx.x;
  y += row * classes;
  dy += row * classes;
  dx += row * classes;
  float value[kItems], gradient[kItems];
  float sum = 0;
  DN_UNROLL for (int i = 0; i < kItems; ++i) {
    const bool inside = lane + 32 * i < classes;
    value[i] = inside ? to_float(y[lane + 32 * i]) : 0.0f;
    gradient[i] = inside ? to_float(dy[lane + 32 * i]) : 0.0f;
    sum += log ? gradient[i] : gradient[i] * value[i];
  }
  sum = warp_sum(sum);
  DN_UNROLL for (int i = 0; i < kItems; ++i) if (lane + 32 * i < classes) dx[lane + 32 * i] =
      from_float<T>(log ? gradient[i] - expf(value[i]) * sum : value[i] * (gradient[i] - sum));
}

// ---- a block per row, or 32 neighbouring samples a block ----

// The classes of one sample as a thread sees them.
template <Team kTeam>
struct Share {
  int64_t offset, stride;  // of the sample's first class, between classes
  int64_t begin, step;     // the thread's classes
  bool active;

  __device__ explicit Share(const SoftmaxView& v) {
    if constexpr (kTeam == Team::Block) {
      offset = (int64_t)blockIdx.x * v.classes;
      stride = 1;
      begin = threadIdx.x;
      step = kThreads;
      active = true;
    } else {
      const Column column(v.outer * v.inner, v.classes, v.inner);
      offset = column.first;
      stride = v.inner;
      begin = threadIdx.y;
      step = blockDim.y;
      active = column.active;
    }
  }

  template <typename Body>
  __device__ __forceinline__ void each(int64_t classes, const Body& body) const {
    if (!active) return;
    for (int64_t c = begin; c < classes; c += step) body(offset + c * stride);
  }

  template <bool kMax>
  static __device__ __forceinline__ float reduce(float value, float* shared) {
    if constexpr (kTeam == Team::Block)
      return block_reduce<kMax>(value, shared);
    else
      return column_reduce<kMax>(value, shared);
  }
};

template <typename T, Team kTeam>
__global__ void __launch_bounds__(kThreads)
    softmax_forward_shared_kernel(const T* x, T* y, SoftmaxView v) {
  DN_SHARED(float, shared, [kThreads]);
  const Share<kTeam> share(v);
  float largest = -INFINITY;
  share.each(v.classes, [&](int64_t at) { largest = larger(to_float(x[at]), largest); });
  largest = share.template reduce<true>(largest, shared);
  float sum = 0;
  share.each(v.classes, [&](int64_t at) { sum += expf(to_float(x[at]) - largest); });
  sum = share.template reduce<false>(sum, shared);
  const float log_sum = logf(sum);
  share.each(v.classes, [&](int64_t at) {
    const float shifted = to_float(x[at]) - largest;
    y[at] = from_float<T>(v.log ? shifted - log_sum : expf(shifted) / sum);
  });
}

template <typename T, Team kTeam>
__global__ void __launch_bounds__(kThreads)
    softmax_backward_shared_kernel(const T* y, const T* dy, T* dx, SoftmaxView v) {
  DN_SHARED(float, shared, [kThreads]);
  const Share<kTeam> share(v);
  float sum = 0;
  share.each(v.classes, [&](int64_t at) {
    sum += v.log ? to_float(dy[at]) : to_float(dy[at]) * to_float(y[at]);
  });
  sum = share.template reduce<false>(sum, shared);
  share.each(v.classes, [&](int64_t at) {
    const float value = to_float(y[at]), gradient = to_float(dy[at]);
    dx[at] = from_float<T>(v.log ? gradient - expf(value) * sum : value * (gradient - sum));
  });
}

// Calls body(TypeTag<T>, integral_constant<Team>, integral_constant<items>).
template <typename Body>
void with_instance(const SoftmaxView& v, const Body& body) {
  using Warp = std::integral_constant<Team, Team::Warp>;
  with_float_type(v.dtype, [&](auto tag) {
    if (v.inner > 1)
      body(tag, std::integral_constant<Team, Team::Columns>{}, std::integral_constant<int, 1>{});
    else if (v.classes > 32 * kManyItems)
      body(tag, std::integral_constant<Team, Team::Block>{}, std::integral_constant<int, 1>{});
    else if (v.classes > 32 * kFewItems)
      body(tag, Warp{}, std::integral_constant<int, kManyItems>{});
    else
      body(tag, Warp{}, std::integral_constant<int, kFewItems>{});
  });
}

// Grid and block of the kernels that share a sample.
void shape_of(const SoftmaxView& v, Team team, dim3& grid, dim3& block) {
  const int64_t samples = v.outer * v.inner;
  block = team == Team::Block ? dim3(kThreads) : column_block(samples);
  grid = dim3(team == Team::Block ? (unsigned)samples : blocks_for(samples, block.x));
}

}  // namespace

void softmax_forward(cudaStream_t stream, const SoftmaxForward& p) {
  const SoftmaxView& v = p.view;
  if (v.outer * v.classes * v.inner == 0) return;
  with_instance(v, [&](auto tag, auto team, auto items) {
    using T = typename decltype(tag)::type;
    constexpr Team kTeam = decltype(team)::value;
    const T* x = static_cast<const T*>(p.x);
    T* y = static_cast<T*>(p.y);
    if constexpr (kTeam == Team::Warp) {
      launch(stream, "softmax_forward_warp", softmax_forward_warp_kernel<T, decltype(items)::value>,
             dim3(blocks_for(v.outer, kWarps)), dim3(32, kWarps), 0, x, y, v.outer, (int)v.classes,
             v.log != 0);
    } else {
      dim3 grid, block;
      shape_of(v, kTeam, grid, block);
      launch(stream, "softmax_forward_shared", softmax_forward_shared_kernel<T, kTeam>, grid, block,
             0, x, y, v);
    }
  });
}

void softmax_backward(cudaStream_t stream, const SoftmaxBackward& p) {
  const SoftmaxView& v = p.view;
  if (v.outer * v.classes * v.inner == 0) return;
  with_instance(v, [&](auto tag, auto team, auto items) {
    using T = typename decltype(tag)::type;
    constexpr Team kTeam = decltype(team)::value;
    const T* y = static_cast<const T*>(p.y);
    const T* dy = static_cast<const T*>(p.dy);
    T* dx = static_cast<T*>(p.dx);
    if constexpr (kTeam == Team::Warp) {
      launch(stream, "softmax_backward_warp",
             softmax_backward_warp_kernel<T, decltype(items)::value>,
             dim3(blocks_for(v.outer, kWarps)), dim3(32, kWarps), 0, y, dy, dx, v.outer,
             (int)v.classes, v.log != 0);
    } else {
      dim3 grid, block;
      shape_of(v, kTeam, grid, block);
      launch(stream, "softmax_backward_shared", softmax_backward_shared_kernel<T, kTeam>, grid,
             block, 0, y, dy, dx, v);
    }
  });
}

}  // namespace dn::cuda
