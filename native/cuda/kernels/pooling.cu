// pooling_{forward,backward,tap}: windowed maximum or mean over up to three axes, and the element at a
// given tap of each window; channels last or row-major.
// Math      max: y[p] = max over taps t of x[p * stride - begin + t]; outside = -inf; NaN wins;
// ties:
//           the lowest tap; [relu after it]. average: the mean over the taps inside, or over all.
//           backward: dx[i] = sum over the windows p that cover i of dy[p] (max: where tap[p] is
//           i's place in p; times y > 0 where a relu followed) or dy[p] / count(p), p ascending.
//           tap: y[p] = x[p * stride - begin + tap[p]], the transpose of max's backward; 0 where the
//           tap names no element.
// Tensors   x, dx (N, spatial, C) or (N, C, spatial) T | y, dy (N, spatial', C) or (N, C, spatial')
// T
//           | tap as y, u8 or i32. Disjoint.
// Needs     a sample below 2^31 elements. C % kVec == 0 and 16-byte aligned data for kVec > 1, else
//           kVec = 1 and taps of any alignment.
// Grid      one thread = kVec channels of one position of y (forward) or x (backward); block
//           (bx, by): bx threads within a sample, by samples. Windows as large as the plane: a
//           block (bx, by) reduces bx * kVec channels with by positions at a time, or a warp a
//           plane.
// Cost      bytes = sizeof(T) * (x + y) + tap; ops = kernel size * y compares or adds.
// Floor     bytes / DRAM bandwidth. Example N256 C64 32x32 k2 s2 f32: 88.1 MB -> 18.4 us at
//           4.8 TB/s (H200 data sheet).
// Measured  bench/results. Deterministic: yes; backward gathers, no atomics.
// Why so    channels innermost make loads 16 bytes wide; windows that overlap meet in the caches.
//           Gathering in backward writes each element once, so that dx need not be zeroed before.
#include "cuda/kernels/index.cuh"
#include "cuda/kernels/launch.cuh"
#include "cuda/kernels/pooling.h"
#include "cuda/kernels/pooling_parts.cuh"

namespace dn::cuda {

using namespace pooling;

namespace {

// ---- forward ----

template <typename T, int kVec, typename Tap>
__global__ void __launch_bounds__(kThreads, 3)
    pooling_max_forward_kernel(PoolingForward p, Walk walk) {
  const PoolingGeometry& g = p.geometry;
  const T* x = static_cast<const T*>(p.x);
  for_positions<kVec>(g, walk, [&](int64_t n, const Point& at, int c) {
    const int start[3] = {at.of[0] * g.stride[0] - g.begin[0], at.of[1] * g.stride[1] - g.begin[1],
                          at.of[2] * g.stride[2] - g.begin[2]};
    Best<kVec> best;
    for_taps<kVec>(g, x, n, c, start,
                   [&](int tap, const float(&value)[kVec]) { best.offer(value, tap); });
    best.template store<T, Tap>(p, element(g, g.out_positions(), n, at.position, c));
  });
}

template <typename T, int kVec>
__global__ void __launch_bounds__(kThreads, 3)
    pooling_average_forward_kernel(PoolingForward p, Walk walk) {
  const PoolingGeometry& g = p.geometry;
  const T* x = static_cast<const T*>(p.x);
  for_positions<kVec>(g, walk, [&](int64_t n, const Point& at, int c) {
    const int start[3] = {at.of[0] * g.stride[0] - g.begin[0], at.of[1] * g.stride[1] - g.begin[1],
                          at.of[2] * g.stride[2] - g.begin[2]};
    float sum[kVec] = {};
    for_taps<kVec>(g, x, n, c, start, [&](int, const float(&value)[kVec]) {
      DN_UNROLL for (int i = 0; i < kVec; ++i) sum[i] += value[i];
    });
    const float count = divisor(g, start);
    DN_UNROLL for (int i = 0; i < kVec; ++i) sum[i] /= count;
    store_floats(static_cast<T*>(p.y) + element(g, g.out_positions(), n, at.position, c), sum);
  });
}

template <typename T, int kVec, typename Tap>
__global__ void __launch_bounds__(kThreads, 3) pooling_tap_kernel(PoolingTap p, Walk walk) {
  const PoolingGeometry& g = p.geometry;
  const T* x = static_cast<const T*>(p.x);
  const int slice = g.kernel[1] * g.kernel[2];
  for_positions<kVec>(g, walk, [&](int64_t n, const Point& at, int c) {
    const int64_t to = element(g, g.out_positions(), n, at.position, c);
    const Vector<Tap, kVec> taps = load_vector<kVec>(static_cast<const Tap*>(p.tap) + to);
    Vector<T, kVec> y;
    DN_UNROLL for (int i = 0; i < kVec; ++i) {
      const int tap = (int)taps.at[i], t = tap / slice, rest = tap - t * slice;
      const int r = rest / g.kernel[2], s = rest - r * g.kernel[2];
      const int depth = at.of[0] * g.stride[0] - g.begin[0] + t;
      const int row = at.of[1] * g.stride[1] - g.begin[1] + r;
      const int column = at.of[2] * g.stride[2] - g.begin[2] + s;
      const bool inside = tap >= 0 && t < g.kernel[0] && depth >= 0 && depth < g.in[0] &&
                          row >= 0 && row < g.in[1] && column >= 0 && column < g.in[2];
      const int position = (depth * g.in[1] + row) * g.in[2] + column;
      y.at[i] = inside ? x[element(g, g.in_positions(), n, position, c + i)] : from_float<T>(0.0f);
    }
    store_vector(static_cast<T*>(p.y) + to, y);
  });
}

// ---- windows as large as the plane: every position is a tap of the only window ----

template <typename T, int kVec, typename Tap>
__global__ void __launch_bounds__(kThreads)
    pooling_global_forward_channels_last_kernel(PoolingForward p) {
  DN_SHARED(float, shared_value, [kVec][kThreads]);
  DN_SHARED(int, shared_tap, [kVec][kThreads]);
  const PoolingGeometry& g = p.geometry;
  const bool max = g.mode == DN_POOLING_MAX;
  const int64_t n = blockIdx.y;
  const int c = (blockIdx.x * blockDim.x + threadIdx.x) * kVec;
  const int positions = (int)g.in_positions();
  const bool active = c < g.channels;
  const T* x = static_cast<const T*>(p.x) + n * positions * g.channels + c;
  Best<kVec> best;
  float sum[kVec] = {};
  if (active) {
    for (int i = threadIdx.y; i < positions; i += blockDim.y) {
      float value[kVec];
      load_floats<kVec>(x + (int64_t)i * g.channels, value);
      if (max) best.offer(value, i);
      if (max) continue;
      DN_UNROLL for (int k = 0; k < kVec; ++k) sum[k] += value[k];
    }
  }
  const int me = threadIdx.y * blockDim.x + threadIdx.x;
  for (int half = blockDim.y / 2; half > 0; half /= 2) {
    if ((int)threadIdx.y >= half && (int)threadIdx.y < 2 * half) {
      DN_UNROLL for (int k = 0; k < kVec; ++k) {
        shared_value[k][me] = max ? best.value[k] : sum[k];
        shared_tap[k][me] = best.tap[k];
      }
    }
    // The upper half has written before the lower reads. The next round writes other places.
    __syncthreads();
    if ((int)threadIdx.y < half) {
      const int other = me + half * blockDim.x;
      DN_UNROLL for (int k = 0; k < kVec; ++k) {
        if (max) best.merge(k, shared_value[k][other], shared_tap[k][other]);
        if (!max) sum[k] += shared_value[k][other];
      }
    }
  }
  if (threadIdx.y != 0 || !active) return;
  if (max) return best.template store<T, Tap>(p, n * g.channels + c);
  DN_UNROLL for (int k = 0; k < kVec; ++k) sum[k] /= (float)positions;
  store_floats(static_cast<T*>(p.y) + n * g.channels + c, sum);
}

template <typename T, typename Tap>
__global__ void __launch_bounds__(kThreads)
    pooling_global_forward_row_major_kernel(PoolingForward p, int64_t planes) {
  const PoolingGeometry& g = p.geometry;
  const bool max = g.mode == DN_POOLING_MAX;
  const int positions = (int)g.in_positions();
  // A warp has a plane; whole warps leave together.
  const int64_t plane = (int64_t)blockIdx.x * blockDim.y + threadIdx.y;
  if (plane >= planes) return;
  const T* x = static_cast<const T*>(p.x) + plane * positions;
  Best<1> best;
  float sum = 0;
  for (int i = threadIdx.x; i < positions; i += 32) {
    const float value[1] = {to_float(x[i])};
    if (max) best.offer(value, i);
    sum += value[0];
  }
  if (max) {
    for (int offset = 16; offset > 0; offset /= 2) {
      const float value = __shfl_xor_sync(kFullMask, best.value[0], offset);
      const int tap = __shfl_xor_sync(kFullMask, best.tap[0], offset);
      best.merge(0, value, tap);
    }
  } else {
    sum = warp_sum(sum);
  }
  if (threadIdx.x != 0) return;
  if (max) return best.template store<T, Tap>(p, plane);
  static_cast<T*>(p.y)[plane] = from_float<T>(sum / (float)positions);
}

// ---- backward ----

template <typename T, int kVec, typename Tap>
__global__ void __launch_bounds__(kThreads, 3)
    pooling_max_backward_kernel(PoolingBackward p, Walk walk) {
  const PoolingGeometry& g = p.geometry;
  for_positions<kVec>(g, walk, [&](int64_t n, const Point& at, int c) {
    float sum[kVec] = {};
    for_windows(g, walk, at, [&](int position, const int(&)[3], int tap) {
      const int64_t from = element(g, g.out_positions(), n, position, c);
      const Vector<Tap, kVec> winner = load_vector<kVec>(static_cast<const Tap*>(p.tap) + from);
      float gradient[kVec];
      load_floats<kVec>(static_cast<const T*>(p.dy) + from, gradient);
      if (p.y) {
        float y[kVec];
        load_floats<kVec>(static_cast<const T*>(p.y) + from, y);
        DN_UNROLL for (int i = 0; i < kVec; ++i) gradient[i] *= y[i] > 0 ? 1.0f : 0.0f;
      }
      DN_UNROLL for (int i = 0; i < kVec; ++i) if ((int)winner.at[i] == tap) sum[i] += gradient[i];
    });
    store_floats(static_cast<T*>(p.dx) + element(g, g.in_positions(), n, at.position, c), sum);
  });
}

template <typename T, int kVec>
__global__ void __launch_bounds__(kThreads, 3)
    pooling_average_backward_kernel(PoolingBackward p, Walk walk) {
  const PoolingGeometry& g = p.geometry;
  for_positions<kVec>(g, walk, [&](int64_t n, const Point& at, int c) {
    float sum[kVec] = {};
    for_windows(g, walk, at, [&](int position, const int(&start)[3], int) {
      const float share = 1.0f / divisor(g, start);
      float gradient[kVec];
      load_floats<kVec>(static_cast<const T*>(p.dy) + element(g, g.out_positions(), n, position, c),
                        gradient);
      DN_UNROLL for (int i = 0; i < kVec; ++i) sum[i] = fmaf(gradient[i], share, sum[i]);
    });
    store_floats(static_cast<T*>(p.dx) + element(g, g.in_positions(), n, at.position, c), sum);
  });
}

// ---- launchers ----

struct Launch {
  Walk walk;
  dim3 grid, block;
};

// Threads for `positions` of every sample.
Launch launch_for(const PoolingGeometry& g, const int32_t (&extent)[3], int vec) {
  const int64_t threads = (int64_t)extent[0] * extent[1] * extent[2] * (g.channels / vec);
  Launch l;
  l.walk.channels = FastDivider(g.channels / vec);
  l.walk.count = (uint32_t)threads;
  for (int i = 0; i < 3; ++i) {
    l.walk.extent[i] = FastDivider(extent[i]);
    l.walk.stride[i] = FastDivider(g.stride[i]);
  }
  const int bx = power_of_two(threads, kThreads);
  l.block = dim3(bx, kThreads / bx);
  const int64_t samples = divide_up(g.batch, l.block.y);
  l.grid = dim3(blocks_for(threads, bx), (unsigned)(samples < kMaxGridY ? samples : kMaxGridY));
  return l;
}

template <typename T, int kVec, typename Tap>
void global_forward(cudaStream_t stream, const PoolingForward& p) {
  const PoolingGeometry& g = p.geometry;
  if (!g.channels_last) {
    const int64_t planes = g.batch * g.channels;
    launch(stream, "pooling_global_forward_row_major",
           pooling_global_forward_row_major_kernel<T, Tap>, dim3(blocks_for(planes, kThreads / 32)),
           dim3(32, kThreads / 32), 0, p, planes);
    return;
  }
  const int bx = power_of_two(g.channels / kVec, 32);
  launch(stream, "pooling_global_forward_channels_last",
         pooling_global_forward_channels_last_kernel<T, kVec, Tap>,
         dim3(blocks_for(g.channels / kVec, bx), (unsigned)g.batch), dim3(bx, kThreads / bx), 0, p);
}

bool is_global(const PoolingGeometry& g) {
  for (int i = 0; i < 3; ++i)
    if (g.out[i] != 1 || g.begin[i] != 0 || g.kernel[i] != g.in[i]) return false;
  return g.in_positions() > 8 && g.batch <= kMaxGridY;
}

// Calls body(TypeTag<T>{}, integral_constant<kVec>) for the widest access that fits.
template <typename Body>
void with_instance(const PoolingGeometry& g, bool aligned, const Body& body) {
  with_float_type(g.dtype, [&](auto tag) {
    constexpr int kVec = kVectorSize<typename decltype(tag)::type>;
    if (g.channels_last && aligned && g.channels % kVec == 0)
      body(tag, std::integral_constant<int, kVec>{});
    else
      body(tag, std::integral_constant<int, 1>{});
  });
}

}  // namespace

void pooling_forward(cudaStream_t stream, const PoolingForward& p) {
  const PoolingGeometry& g = p.geometry;
  if (g.batch == 0 || g.channels == 0) return;
  const bool aligned = aligned16(p.x) && aligned16(p.y) && aligned16(p.tap);
  with_instance(g, aligned, [&](auto tag, auto vec) {
    using T = typename decltype(tag)::type;
    constexpr int kVec = decltype(vec)::value;
    const bool narrow = g.tap_dtype == DN_DTYPE_U8;
    if (is_global(g)) {
      if (narrow)
        global_forward<T, kVec, uint8_t>(stream, p);
      else
        global_forward<T, kVec, int32_t>(stream, p);
      return;
    }
    const Launch l = launch_for(g, g.out, kVec);
    if (g.mode != DN_POOLING_MAX)
      launch(stream, "pooling_average_forward", pooling_average_forward_kernel<T, kVec>, l.grid,
             l.block, 0, p, l.walk);
    else if (narrow)
      launch(stream, "pooling_max_forward", pooling_max_forward_kernel<T, kVec, uint8_t>, l.grid,
             l.block, 0, p, l.walk);
    else
      launch(stream, "pooling_max_forward", pooling_max_forward_kernel<T, kVec, int32_t>, l.grid,
             l.block, 0, p, l.walk);
  });
}

void pooling_tap(cudaStream_t stream, const PoolingTap& p) {
  const PoolingGeometry& g = p.geometry;
  if (g.batch == 0 || g.channels == 0) return;
  with_instance(g, aligned16(p.x) && aligned16(p.y) && aligned16(p.tap), [&](auto tag, auto vec) {
    using T = typename decltype(tag)::type;
    constexpr int kVec = decltype(vec)::value;
    const Launch l = launch_for(g, g.out, kVec);
    if (g.tap_dtype == DN_DTYPE_U8)
      launch(stream, "pooling_tap", pooling_tap_kernel<T, kVec, uint8_t>, l.grid, l.block, 0, p,
             l.walk);
    else
      launch(stream, "pooling_tap", pooling_tap_kernel<T, kVec, int32_t>, l.grid, l.block, 0, p,
             l.walk);
  });
}

void pooling_backward(cudaStream_t stream, const PoolingBackward& p) {
  const PoolingGeometry& g = p.geometry;
  if (g.batch == 0 || g.channels == 0) return;
  const bool aligned = aligned16(p.dy) && aligned16(p.dx) && aligned16(p.tap) && aligned16(p.y);
  with_instance(g, aligned, [&](auto tag, auto vec) {
    using T = typename decltype(tag)::type;
    constexpr int kVec = decltype(vec)::value;
    const Launch l = launch_for(g, g.in, kVec);
    if (g.mode != DN_POOLING_MAX)
      launch(stream, "pooling_average_backward", pooling_average_backward_kernel<T, kVec>, l.grid,
             l.block, 0, p, l.walk);
    else if (g.tap_dtype == DN_DTYPE_U8)
      launch(stream, "pooling_max_backward", pooling_max_backward_kernel<T, kVec, uint8_t>, l.grid,
             l.block, 0, p, l.walk);
    else
      launch(stream, "pooling_max_backward", pooling_max_backward_kernel<T, kVec, int32_t>, l.grid,
             l.block, 0, p, l.walk);
  });
}

}  // namespace dn::cuda
