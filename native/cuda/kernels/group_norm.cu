// group_norm_forward: normalisation of each sample's groups of channels by their own moments.
// Math      mean, var over the M values of a group; y = (x - mean) * inv_std * w[c] + b[c].
// Tensors   x, y (O, C, I) or (O, I, C) T | w, b (C) f32 or null | mean, inv_std (O, G) f32 or null.
//           y may be x.
// Needs     O G < 2^31, M = C / G * I < 2^31, M > 0; any alignment.
// Grid      M <= 16384: teams of 32 to 256 threads, one a group, 1 to 8 a block; all in one kernel.
//           Above: a block of 256 a split of a group finds its moments, a second kernel merges those
//           of the group in a fixed order and normalises.
// Cost      bytes = sizeof(T) * O C I * 3 (x twice, mostly from cache; y); ops = 8 O C I.
// Floor     2 * sizeof(T) * O C I / DRAM bandwidth. Example layer norm 16384x1024 f32: 134 MB -> 28 us
//           at 4.8 TB/s (H200 data sheet).
// Measured  bench/results. Deterministic: yes; sums have a fixed order, no atomics.
// Why so    Welford in batches of 4 values: one division a batch, 4 loads under way. Groups of few
//           channels, channels last, share their sectors with neighbouring groups, through L2.
#include "cuda/kernels/batch_norm_parts.cuh"
#include "cuda/kernels/group_norm_parts.cuh"

namespace dn::cuda {

using namespace group_norm;
using batch_norm::Moments;

namespace {

// Merges over threadIdx.x, for each threadIdx.y, in a fixed order; all of its threads get the result.
__device__ void merge_team(Moments<1>& moments) {
  DN_SHARED(float, shared, [3][kThreads]);
  const int me = threadIdx.y * blockDim.x + threadIdx.x;
  for (int half = blockDim.x / 2; half > 0; half /= 2) {
    if ((int)threadIdx.x >= half && (int)threadIdx.x < 2 * half) {
      shared[0][me] = moments.count;
      shared[1][me] = moments.mean[0];
      shared[2][me] = moments.square[0];
    }
    // The upper half has written before the lower reads. The next round writes other places.
    __syncthreads();
    if ((int)threadIdx.x < half) {
      const float mean[1] = {shared[1][me + half]}, square[1] = {shared[2][me + half]};
      moments.merge(shared[0][me + half], mean, square);
    }
  }
  if (threadIdx.x == 0) {
    shared[1][me] = moments.mean[0];
    shared[2][me] = moments.square[0];
  }
  __syncthreads();  // the first thread's result is written
  moments.mean[0] = shared[1][threadIdx.y * blockDim.x];
  moments.square[0] = shared[2][threadIdx.y * blockDim.x];
}

// Moments of the thread's share of [first, last).
template <typename T, Order kOrder>
__device__ __forceinline__ Moments<1> moments_of(const T* x, const Walk<kOrder>& walk,
                                                 int64_t chunk, uint32_t first, uint32_t last) {
  constexpr int kBatch = 4;
  const uint32_t step = blockDim.x;
  Moments<1> moments;
  uint32_t j = first + threadIdx.x;
  for (; j + (kBatch - 1) * step < last; j += kBatch * step) {
    float value[kBatch];
    DN_UNROLL for (int i = 0; i < kBatch; ++i) value[i] =
        to_float(x[walk.place(chunk, j + i * step).at]);
    const float mean[1] = {(value[0] + value[1] + value[2] + value[3]) * 0.25f};
    float square[1] = {0};
    DN_UNROLL for (int i = 0; i < kBatch; ++i) square[0] =
        fmaf(value[i] - mean[0], value[i] - mean[0], square[0]);
    moments.merge((float)kBatch, mean, square);
  }
  for (; j < last; j += step) {
    const float mean[1] = {to_float(x[walk.place(chunk, j).at])}, square[1] = {0};
    moments.merge(1.0f, mean, square);
  }
  return moments;
}

// Splits of a group in scratch: [chunk][split][mean, square].
__device__ __forceinline__ Moments<1> merge_splits(const float* partial, uint32_t size,
                                                   int splits) {
  Moments<1> moments;
  for (int split = 0; split < splits; ++split) {
    const SplitRange range(size, split, splits);
    const float mean[1] = {partial[2 * split]}, square[1] = {partial[2 * split + 1]};
    moments.merge((float)(range.last - range.first), mean, square);
  }
  return moments;
}

template <typename T, Order kOrder>
__device__ __forceinline__ void normalise(const GroupNormForward& p, const Walk<kOrder>& walk,
                                          int64_t chunk, uint32_t first, uint32_t last, float mean,
                                          float inv_std) {
  for (uint32_t j = first + threadIdx.x; j < last; j += blockDim.x) {
    const auto place = walk.place(chunk, j);
    const float scale = inv_std * (p.weight ? p.weight[place.channel] : 1.0f);
    const float shift = p.bias ? p.bias[place.channel] : 0.0f;
    const float value = to_float(static_cast<const T*>(p.x)[place.at]);
    static_cast<T*>(p.y)[place.at] = from_float<T>(fmaf(value - mean, scale, shift));
  }
}

__device__ __forceinline__ float inverse_deviation(const Moments<1>& moments, uint32_t size,
                                                   float epsilon) {
  return (float)(1.0 / sqrt((double)moments.square[0] / size + (double)epsilon));
}

__device__ __forceinline__ void keep(const GroupNormForward& p, int64_t chunk, float mean,
                                     float inv_std) {
  if (p.mean) p.mean[chunk] = mean;
  if (p.inv_std) p.inv_std[chunk] = inv_std;
}

template <typename T, Order kOrder>
__global__ void __launch_bounds__(kThreads)
    group_norm_forward_kernel(GroupNormForward p, Walk<kOrder> walk, int64_t chunks) {
  const int64_t chunk = (int64_t)blockIdx.x * blockDim.y + threadIdx.y;
  const bool active = chunk < chunks;
  Moments<1> moments;
  if (active) moments = moments_of(static_cast<const T*>(p.x), walk, chunk, 0, walk.size);
  merge_team(moments);
  if (!active) return;
  const float mean = moments.mean[0], inv_std = inverse_deviation(moments, walk.size, p.epsilon);
  if (threadIdx.x == 0) keep(p, chunk, mean, inv_std);
  normalise<T>(p, walk, chunk, 0, walk.size, mean, inv_std);
}

template <typename T, Order kOrder>
__global__ void __launch_bounds__(kThreads)
    group_norm_moments_kernel(GroupNormForward p, Walk<kOrder> walk, int splits) {
  const int64_t chunk = blockIdx.x / splits;
  const int split = (int)(blockIdx.x - chunk * splits);
  const SplitRange range(walk.size, split, splits);
  Moments<1> moments = moments_of(static_cast<const T*>(p.x), walk, chunk, range.first, range.last);
  merge_team(moments);
  if (threadIdx.x != 0) return;
  float* partial = static_cast<float*>(p.scratch) + 2 * (int64_t)blockIdx.x;
  partial[0] = moments.mean[0];
  partial[1] = moments.square[0];
}

template <typename T, Order kOrder>
__global__ void __launch_bounds__(kThreads)
    group_norm_normalise_kernel(GroupNormForward p, Walk<kOrder> walk, int splits) {
  const int64_t chunk = blockIdx.x / splits;
  const int split = (int)(blockIdx.x - chunk * splits);
  const SplitRange range(walk.size, split, splits);
  const Moments<1> moments =
      merge_splits(static_cast<const float*>(p.scratch) + 2 * chunk * splits, walk.size, splits);
  const float mean = moments.mean[0], inv_std = inverse_deviation(moments, walk.size, p.epsilon);
  if (split == 0 && threadIdx.x == 0) keep(p, chunk, mean, inv_std);
  normalise<T>(p, walk, chunk, range.first, range.last, mean, inv_std);
}

}  // namespace

void group_norm_forward(cudaStream_t stream, const GroupNormForward& p) {
  const GroupNormView& v = p.view;
  if (v.chunks() == 0) return;
  with_order(v, [&](auto tag, auto order) {
    using T = typename decltype(tag)::type;
    constexpr Order kOrder = decltype(order)::value;
    const Walk<kOrder> walk(v);
    const int splits = splits_of(v);
    if (splits == 1) {
      const dim3 block = team_block(v);
      launch(stream, "group_norm_forward", group_norm_forward_kernel<T, kOrder>,
             dim3(blocks_for(v.chunks(), block.y)), block, 0, p, walk, v.chunks());
      return;
    }
    const dim3 grid((unsigned)(v.chunks() * splits)), block(kThreads);
    launch(stream, "group_norm_moments", group_norm_moments_kernel<T, kOrder>, grid, block, 0, p,
           walk, splits);
    launch(stream, "group_norm_normalise", group_norm_normalise_kernel<T, kOrder>, grid, block, 0,
           p, walk, splits);
  });
}

int64_t group_norm_scratch_bytes(const GroupNormView& v) {
  if (v.chunks() == 0) return 0;
  const int64_t moments = 2 * v.chunks() * splits_of(v);
  const int64_t parameters = 2 * (int64_t)parameter_splits(v) * v.channels;
  return (moments + parameters) * (int64_t)sizeof(float);
}

}  // namespace dn::cuda
