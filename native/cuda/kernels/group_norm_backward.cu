// group_norm_backward: the gradients of group normalisation.
// Math      n = (x - mean) * inv_std, h = dy * w; over the M values of a group:
//           dx = inv_std * (h - mean(h) - n * mean(h n)); over the samples and positions of a channel:
//           dw = sum dy n, db = sum dy.
// Tensors   x, dy, dx (O, C, I) or (O, I, C) T | w, dw, db (C) f32 or null | mean, inv_std (O, G) f32.
//           dx may be x or dy.
// Needs     as group_norm.cu.
// Grid      dx: as group_norm.cu. dw, db: planes: block (bx positions, by samples), grid (C, splits of
//           the samples); else block of 32 channels by 8 rows, grid (C / 32, splits of the rows); the
//           splits are added up by one thread a channel.
// Cost      bytes = sizeof(T) * O C I * 5 (x, dy twice, mostly from cache; dx), 7 with parameters;
//           ops = 12 O C I.
// Floor     3 * sizeof(T) * O C I / DRAM bandwidth. Example layer norm 16384x1024 f32: 201 MB -> 42 us
//           at 4.8 TB/s (H200 data sheet).
// Measured  bench/results. Deterministic: yes; sums have a fixed order, no atomics.
// Why so    the sums of the parameters run across the groups' grain: a pass of their own keeps both
//           orders fixed.
#include "cuda/kernels/group_norm_parts.cuh"

namespace dn::cuda {

using namespace group_norm;

namespace {

// Sums of h and h * (x - mean) over the thread's share of [first, last).
template <typename T, Order kOrder>
__device__ __forceinline__ void gradient_sums(const GroupNormBackward& p, const Walk<kOrder>& walk,
                                              int64_t chunk, uint32_t first, uint32_t last,
                                              float mean, float& sum, float& product) {
  for (uint32_t j = first + threadIdx.x; j < last; j += blockDim.x) {
    const auto place = walk.place(chunk, j);
    float h = to_float(static_cast<const T*>(p.dy)[place.at]);
    if (p.weight) h *= p.weight[place.channel];
    sum += h;
    product = fmaf(h, to_float(static_cast<const T*>(p.x)[place.at]) - mean, product);
  }
}

template <typename T, Order kOrder>
__device__ __forceinline__ void input_gradient(const GroupNormBackward& p, const Walk<kOrder>& walk,
                                               int64_t chunk, uint32_t first, uint32_t last,
                                               float mean, float sum, float product) {
  const float inv_std = p.inv_std[chunk], share = 1.0f / (float)walk.size;
  const float offset = sum * share, slope = product * share * inv_std * inv_std;
  for (uint32_t j = first + threadIdx.x; j < last; j += blockDim.x) {
    const auto place = walk.place(chunk, j);
    float h = to_float(static_cast<const T*>(p.dy)[place.at]);
    if (p.weight) h *= p.weight[place.channel];
    const float centred = to_float(static_cast<const T*>(p.x)[place.at]) - mean;
    static_cast<T*>(p.dx)[place.at] = from_float<T>(inv_std * fmaf(-centred, slope, h - offset));
  }
}

template <typename T, Order kOrder>
__global__ void __launch_bounds__(kThreads)
    group_norm_backward_kernel(GroupNormBackward p, Walk<kOrder> walk, int64_t chunks) {
  const int64_t chunk = (int64_t)blockIdx.x * blockDim.y + threadIdx.y;
  const bool active = chunk < chunks;
  const float mean = active ? p.mean[chunk] : 0.0f;
  float sum = 0, product = 0;
  if (active) gradient_sums<T>(p, walk, chunk, 0, walk.size, mean, sum, product);
  team_sum(sum, product);
  if (active) input_gradient<T>(p, walk, chunk, 0, walk.size, mean, sum, product);
}

template <typename T, Order kOrder>
__global__ void __launch_bounds__(kThreads)
    group_norm_gradient_sums_kernel(GroupNormBackward p, Walk<kOrder> walk, int splits) {
  const int64_t chunk = blockIdx.x / splits;
  const SplitRange range(walk.size, (int)(blockIdx.x - chunk * splits), splits);
  float sum = 0, product = 0;
  gradient_sums<T>(p, walk, chunk, range.first, range.last, p.mean[chunk], sum, product);
  team_sum(sum, product);
  if (threadIdx.x != 0) return;
  float* partial = static_cast<float*>(p.scratch) + 2 * (int64_t)blockIdx.x;
  partial[0] = sum;
  partial[1] = product;
}

template <typename T, Order kOrder>
__global__ void __launch_bounds__(kThreads)
    group_norm_input_gradient_kernel(GroupNormBackward p, Walk<kOrder> walk, int splits) {
  const int64_t chunk = blockIdx.x / splits;
  const SplitRange range(walk.size, (int)(blockIdx.x - chunk * splits), splits);
  const float* partial = static_cast<const float*>(p.scratch) + 2 * chunk * splits;
  float sum = 0, product = 0;
  for (int split = 0; split < splits; ++split) {
    sum += partial[2 * split];
    product += partial[2 * split + 1];
  }
  input_gradient<T>(p, walk, chunk, range.first, range.last, p.mean[chunk], sum, product);
}

// ---- parameters; partial: [split][dw, db][channel] ----

struct ParameterSums {
  const void *x, *dy;
  const float *mean, *inv_std;
  float* partial;
  int64_t outer, inner;
  int32_t channels, groups, width;
  int32_t splits;

  __device__ __forceinline__ void write(int split, int channel, float dweight, float dbias) const {
    partial[2 * (int64_t)split * channels + channel] = dweight;
    partial[(2 * (int64_t)split + 1) * channels + channel] = dbias;
  }
};

template <typename T>
__device__ __forceinline__ void add_parameters(const ParameterSums& p, int64_t at, float mean,
                                               float inv_std, float& dweight, float& dbias) {
  const float gradient = to_float(static_cast<const T*>(p.dy)[at]);
  const float normal = (to_float(static_cast<const T*>(p.x)[at]) - mean) * inv_std;
  dweight = fmaf(gradient, normal, dweight);
  dbias += gradient;
}

// Grid (channels, splits): a block has the channel's planes of some samples.
template <typename T>
__global__ void __launch_bounds__(kThreads) group_norm_parameters_planes_kernel(ParameterSums p) {
  const int channel = blockIdx.x, split = blockIdx.y;
  const int64_t last = p.outer * (split + 1) / p.splits;
  float dweight = 0, dbias = 0;
  for (int64_t n = p.outer * split / p.splits + threadIdx.y; n < last; n += blockDim.y) {
    const int64_t chunk = n * p.groups + channel / p.width;
    const float mean = p.mean[chunk], inv_std = p.inv_std[chunk];
    const int64_t plane = (n * p.channels + channel) * p.inner;
    for (int64_t i = threadIdx.x; i < p.inner; i += blockDim.x)
      add_parameters<T>(p, plane + i, mean, inv_std, dweight, dbias);
  }
  DN_SHARED(float, shared, [2][kThreads]);
  const int me = threadIdx.y * blockDim.x + threadIdx.x;
  shared[0][me] = dweight;
  shared[1][me] = dbias;
  for (int half = kThreads / 2; half > 0; half /= 2) {
    __syncthreads();  // the last round's sums are written
    if (me < half) {
      shared[0][me] += shared[0][me + half];
      shared[1][me] += shared[1][me + half];
    }
  }
  if (me == 0) p.write(split, channel, shared[0][0], shared[1][0]);
}

constexpr int kColumns = 32, kRows = kThreads / kColumns;

// Grid (channels / 32, splits): rows of neighbouring channels.
template <typename T>
__global__ void __launch_bounds__(kThreads) group_norm_parameters_rows_kernel(ParameterSums p) {
  const int channel = blockIdx.x * kColumns + threadIdx.x, split = blockIdx.y;
  const int64_t rows = p.outer * p.inner, last = rows * (split + 1) / p.splits;
  float dweight = 0, dbias = 0;
  if (channel < p.channels) {
    const int group = channel / p.width;
    for (int64_t row = rows * split / p.splits + threadIdx.y; row < last; row += kRows) {
      const int64_t chunk = row / p.inner * p.groups + group;
      add_parameters<T>(p, row * p.channels + channel, p.mean[chunk], p.inv_std[chunk], dweight,
                        dbias);
    }
  }
  DN_SHARED(float, shared, [2][kRows][kColumns]);
  shared[0][threadIdx.y][threadIdx.x] = dweight;
  shared[1][threadIdx.y][threadIdx.x] = dbias;
  for (int half = kRows / 2; half > 0; half /= 2) {
    __syncthreads();  // the last round's sums are written
    if ((int)threadIdx.y < half)
      DN_UNROLL for (int i = 0; i < 2; ++i) shared[i][threadIdx.y][threadIdx.x] +=
          shared[i][threadIdx.y + half][threadIdx.x];
  }
  if (threadIdx.y == 0 && channel < p.channels)
    p.write(split, channel, shared[0][0][threadIdx.x], shared[1][0][threadIdx.x]);
}

__global__ void __launch_bounds__(kThreads)
    group_norm_parameters_finish_kernel(ParameterSums p, float* dweight, float* dbias) {
  const int channel = blockIdx.x * kThreads + threadIdx.x;
  if (channel >= p.channels) return;
  float weight_sum = 0, bias_sum = 0;
  for (int64_t split = 0; split < p.splits; ++split) {
    weight_sum += p.partial[2 * split * p.channels + channel];
    bias_sum += p.partial[(2 * split + 1) * p.channels + channel];
  }
  if (dweight) dweight[channel] = weight_sum;
  if (dbias) dbias[channel] = bias_sum;
}

void parameters(cudaStream_t stream, const GroupNormBackward& p) {
  const GroupNormView& v = p.view;
  // No samples: no splits, and the sums are 0.
  const int splits = v.chunks() > 0 ? parameter_splits(v) : 0;
  float* partial =
      static_cast<float*>(p.scratch) + (splits > 0 ? 2 * v.chunks() * splits_of(v) : 0);
  const ParameterSums sums{p.x,     p.dy,       p.mean,   p.inv_std, partial, v.outer,
                           v.inner, v.channels, v.groups, v.width(), splits};
  with_float_type(v.dtype, [&](auto tag) {
    using T = typename decltype(tag)::type;
    if (v.inner > 1 && !v.channels_last) {
      const int bx = power_of_two(v.inner, kThreads);
      launch(stream, "group_norm_parameters_planes", group_norm_parameters_planes_kernel<T>,
             dim3(v.channels, splits), dim3(bx, kThreads / bx), 0, sums);
    } else {
      launch(stream, "group_norm_parameters_rows", group_norm_parameters_rows_kernel<T>,
             dim3(blocks_for(v.channels, kColumns), splits), dim3(kColumns, kRows), 0, sums);
    }
  });
  launch(stream, "group_norm_parameters_finish", group_norm_parameters_finish_kernel,
         dim3(blocks_for(v.channels, kThreads)), dim3(kThreads), 0, sums, p.dweight, p.dbias);
}

}  // namespace

void group_norm_backward(cudaStream_t stream, const GroupNormBackward& p) {
  const GroupNormView& v = p.view;
  if (p.dweight || p.dbias) parameters(stream, p);  // before dx takes the memory of x
  if (v.chunks() == 0) return;
  with_order(v, [&](auto tag, auto order) {
    using T = typename decltype(tag)::type;
    constexpr Order kOrder = decltype(order)::value;
    const Walk<kOrder> walk(v);
    const int splits = splits_of(v);
    if (splits == 1) {
      const dim3 block = team_block(v);
      launch(stream, "group_norm_backward", group_norm_backward_kernel<T, kOrder>,
             dim3(blocks_for(v.chunks(), block.y)), block, 0, p, walk, v.chunks());
      return;
    }
    const dim3 grid((unsigned)(v.chunks() * splits)), block(kThreads);
    launch(stream, "group_norm_gradient_sums", group_norm_gradient_sums_kernel<T, kOrder>, grid,
           block, 0, p, walk, splits);
    launch(stream, "group_norm_input_gradient", group_norm_input_gradient_kernel<T, kOrder>, grid,
           block, 0, p, walk, splits);
  });
}

}  // namespace dn::cuda
