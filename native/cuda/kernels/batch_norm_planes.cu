// batch_norm_{training,inference,backward} of row-major tensors (batch, channels, positions).
// Math      as batch_norm.cu.
// Tensors   as batch_norm.cu, but (N, C, S).
// Needs     nothing; any alignment.
// Grid      a unit is up to 4096 neighbouring positions of a plane (n, c). Block (bx, by): bx
// threads
//           along a unit, by units at a time. Sums: grid (channels, splits of the channel's units),
//           merged in the second stage of batch_norm.cu. Elementwise: grid over all units.
// Cost      as batch_norm.cu, one element a load; programs keep their activations channels last, so
//           that only a program's row-major inputs come here.
// Floor     bytes / DRAM bandwidth. Example N256 C3 224x224 f32, training: 462 MB -> 96 us at
//           4.8 TB/s (H200 data sheet).
// Measured  bench/results. Deterministic: yes; sums have a fixed order, no atomics.
// Why so    no transposition before the first layer; coalesced along positions.
#include "cuda/kernels/batch_norm_parts.cuh"
#include "cuda/kernels/index.cuh"

namespace dn::cuda::batch_norm {

namespace {

constexpr int64_t kUnit = 4096;

// Units of all planes; those of a channel are counted n first.
struct Units {
  int64_t batch, positions;
  int32_t channels;
  int64_t per_plane;

  explicit Units(const BatchNormView& view)
      : batch(view.batch),
        positions(view.positions),
        channels(view.channels),
        per_plane(divide_up(view.positions, kUnit)) {}

  __host__ __device__ int64_t of_channel() const { return batch * per_plane; }
  int64_t all() const { return of_channel() * channels; }
};

// A unit's first element and length.
struct Range {
  int64_t first;
  int32_t length;

  __device__ Range(const Units& units, int64_t plane, int64_t part)
      : first(plane * units.positions + part * kUnit),
        length((int32_t)min(kUnit, units.positions - part * kUnit)) {}
};

dim3 block_of(const Units& units) {
  const int bx = power_of_two(units.positions, kThreads);
  return dim3(bx, kThreads / bx);
}

struct SumTiling {
  dim3 block, grid;
  int64_t units_per_split;
};

SumTiling sum_tiling(const Units& units) {
  SumTiling t;
  t.block = block_of(units);
  const int64_t target = units.channels < kBlocks ? kBlocks / units.channels : 1;
  t.units_per_split = divide_up(units.of_channel(), target);
  if (t.units_per_split < (int64_t)t.block.y) t.units_per_split = t.block.y;
  t.grid = dim3(units.channels, blocks_for(units.of_channel(), t.units_per_split));
  return t;
}

dim3 element_grid(const Units& units) {
  const int64_t blocks = divide_up(units.all(), block_of(units).y);
  return dim3((unsigned)(blocks < kMaxNarrowIndex ? blocks : kMaxNarrowIndex));
}

// Calls body(index) for the thread's elements of the block's channel (blockIdx.x) and split.
template <typename Body>
__device__ __forceinline__ void for_channel(const Units& units, int64_t units_per_split,
                                            const Body& body) {
  const int64_t first = blockIdx.y * units_per_split;
  const int64_t last = min(first + units_per_split, units.of_channel());
  for (int64_t unit = first + threadIdx.y; unit < last; unit += blockDim.y) {
    const int64_t n = unit / units.per_plane;
    const Range range(units, n * units.channels + blockIdx.x, unit % units.per_plane);
    for (int i = threadIdx.x; i < range.length; i += blockDim.x) body(range.first + i);
  }
}

// Calls body(index, constants(channel)) for the thread's elements of the whole tensor.
template <typename Constants, typename Body>
__device__ __forceinline__ void for_elements(const Units& units, const Constants& constants,
                                             const Body& body) {
  const int64_t count = units.of_channel() * units.channels;
  for (int64_t unit = (int64_t)blockIdx.x * blockDim.y + threadIdx.y; unit < count;
       unit += (int64_t)gridDim.x * blockDim.y) {
    const int64_t plane = unit / units.per_plane;
    const Range range(units, plane, unit % units.per_plane);
    const auto of_channel = constants((int)(plane % units.channels));
    for (int i = threadIdx.x; i < range.length; i += blockDim.x) body(range.first + i, of_channel);
  }
}

// ---- forward ----

template <typename T>
__global__ void __launch_bounds__(kThreads)
    batch_norm_moments_planes_kernel(const T* x, Partials partials, Units units,
                                     int64_t units_per_split) {
  DN_SHARED(float, shared, [3][kThreads]);
  Moments<1> moments;
  for_channel(units, units_per_split, [&](int64_t at) { moments.add<1>(x + at, 0); });
  const int me = threadIdx.y * blockDim.x + threadIdx.x;
  for (int half = kThreads / 2; half > 0; half /= 2) {
    if (me >= half && me < 2 * half) {
      shared[0][me] = moments.count;
      shared[1][me] = moments.mean[0];
      shared[2][me] = moments.square[0];
    }
    // The upper half has written before the lower reads. The next round writes other places.
    __syncthreads();
    if (me < half) {
      const float mean[1] = {shared[1][me + half]}, square[1] = {shared[2][me + half]};
      moments.merge(shared[0][me + half], mean, square);
    }
  }
  if (me != 0) return;
  const int64_t at = (int64_t)blockIdx.y * units.channels + blockIdx.x;
  partials.first[at] = moments.mean[0];
  partials.second[at] = moments.square[0];
  if (blockIdx.x == 0) partials.count[blockIdx.y] = moments.count;
}

struct NormalisePlanes {
  Units units;
  const void *x, *residual;
  void* y;
  const float *weight, *bias, *mean, *inv_std, *variance;  // variance: null in training
  float epsilon;
  int32_t relu;
};

template <typename T>
__global__ void __launch_bounds__(kThreads) batch_norm_normalise_planes_kernel(NormalisePlanes p) {
  struct Constants {
    float mean, scale, shift;
  };
  const auto constants = [&](int c) {
    const float inv_std = p.variance ? 1.0f / sqrtf(p.variance[c] + p.epsilon) : p.inv_std[c];
    return Constants{p.mean[c], inv_std * p.weight[c], p.bias[c]};
  };
  for_elements(p.units, constants, [&](int64_t at, const Constants& c) {
    float result = normalise(to_float(static_cast<const T*>(p.x)[at]), c.mean, c.scale, c.shift);
    if (p.residual) result += to_float(static_cast<const T*>(p.residual)[at]);
    static_cast<T*>(p.y)[at] = from_float<T>(p.relu ? relu(result) : result);
  });
}

// ---- backward ----

template <typename T>
__global__ void __launch_bounds__(kThreads)
    batch_norm_gradient_sums_planes_kernel(BatchNormBackward p, Partials partials, Units units,
                                           int64_t units_per_split) {
  DN_SHARED(float, shared, [2][kThreads]);
  const float mean = p.mean[blockIdx.x];
  const bool from_input = p.relu == ReluGradient::FromInput;
  const float scale = from_input ? p.inv_std[blockIdx.x] * p.weight[blockIdx.x] : 0.0f;
  const float shift = from_input ? p.bias[blockIdx.x] : 0.0f;
  float sum = 0, product = 0;
  for_channel(units, units_per_split, [&](int64_t at) {
    const float centred = to_float(static_cast<const T*>(p.x)[at]) - mean;
    float gradient = to_float(static_cast<const T*>(p.dy)[at]);
    if (from_input) gradient = pass_if(fmaf(centred, scale, shift) > rounds_to_zero<T>(), gradient);
    if (p.relu == ReluGradient::FromOutput) {
      if (p.dy_other) gradient += to_float(static_cast<const T*>(p.dy_other)[at]);
      const T stored =
          from_float<T>(pass_if(to_float(static_cast<const T*>(p.y)[at]) > 0, gradient));
      static_cast<T*>(p.masked)[at] = stored;
      gradient = to_float(stored);  // as the second pass will read it
    }
    sum += gradient;
    product = fmaf(gradient, centred, product);
  });
  const int me = threadIdx.y * blockDim.x + threadIdx.x;
  for (int half = kThreads / 2; half > 0; half /= 2) {
    if (me >= half && me < 2 * half) {
      shared[0][me] = sum;
      shared[1][me] = product;
    }
    // The upper half has written before the lower reads. The next round writes other places.
    __syncthreads();
    if (me < half) {
      sum += shared[0][me + half];
      product += shared[1][me + half];
    }
  }
  if (me != 0) return;
  const int64_t at = (int64_t)blockIdx.y * units.channels + blockIdx.x;
  partials.first[at] = sum;
  partials.second[at] = product;
}

template <typename T>
__global__ void __launch_bounds__(kThreads)
    batch_norm_input_gradient_planes_kernel(BatchNormBackward p, GradientCoefficients coefficients,
                                            Units units) {
  struct Constants {
    float mean, scale, shift, offset, slope;
  };
  const bool from_input = p.relu == ReluGradient::FromInput;
  const T* dy = static_cast<const T*>(p.relu == ReluGradient::FromOutput ? p.masked : p.dy);
  const auto constants = [&](int c) {
    return Constants{p.mean[c], p.inv_std[c] * p.weight[c], from_input ? p.bias[c] : 0.0f,
                     coefficients.offset[c], coefficients.slope[c]};
  };
  for_elements(units, constants, [&](int64_t at, const Constants& c) {
    const float centred = to_float(static_cast<const T*>(p.x)[at]) - c.mean;
    float gradient = to_float(dy[at]);
    if (from_input)
      gradient = pass_if(fmaf(centred, c.scale, c.shift) > rounds_to_zero<T>(), gradient);
    static_cast<T*>(p.dx)[at] =
        from_float<T>(c.scale * fmaf(-centred, c.slope, gradient - c.offset));
  });
}

}  // namespace

int planes_splits(const BatchNormView& view) {
  return (int)sum_tiling(Units(view)).grid.y;
}

void training_planes(cudaStream_t stream, const BatchNormTraining& p) {
  const Units units(p.view);
  const SumTiling t = sum_tiling(units);
  const Partials partials(p.scratch, t.grid.y, units.channels);
  with_float_type(p.view.dtype, [&](auto tag) {
    using T = typename decltype(tag)::type;
    launch(stream, "batch_norm_moments_planes", batch_norm_moments_planes_kernel<T>, t.grid,
           t.block, 0, static_cast<const T*>(p.x), partials, units, t.units_per_split);
    finish_training(stream, p, partials, (int)t.grid.y);
    const NormalisePlanes normalise{units,  p.x,       p.residual, p.y,       p.weight, p.bias,
                                    p.mean, p.inv_std, nullptr,    p.epsilon, p.relu};
    launch(stream, "batch_norm_normalise_planes", batch_norm_normalise_planes_kernel<T>,
           element_grid(units), t.block, 0, normalise);
  });
}

void inference_planes(cudaStream_t stream, const BatchNormInference& p) {
  const Units units(p.view);
  const NormalisePlanes normalise{units,         p.x,       p.residual,     p.y,
                                  p.weight,      p.bias,    p.running_mean, nullptr,
                                  p.running_var, p.epsilon, p.relu};
  with_float_type(p.view.dtype, [&](auto tag) {
    using T = typename decltype(tag)::type;
    launch(stream, "batch_norm_normalise_planes", batch_norm_normalise_planes_kernel<T>,
           element_grid(units), block_of(units), 0, normalise);
  });
}

void backward_planes(cudaStream_t stream, const BatchNormBackward& p) {
  const Units units(p.view);
  const SumTiling t = sum_tiling(units);
  const Partials partials(p.scratch, t.grid.y, units.channels);
  with_float_type(p.view.dtype, [&](auto tag) {
    using T = typename decltype(tag)::type;
    launch(stream, "batch_norm_gradient_sums_planes", batch_norm_gradient_sums_planes_kernel<T>,
           t.grid, t.block, 0, p, partials, units, t.units_per_split);
    finish_backward(stream, p, partials, (int)t.grid.y);
    launch(stream, "batch_norm_input_gradient_planes", batch_norm_input_gradient_planes_kernel<T>,
           element_grid(units), t.block, 0, p, partials.coefficients, units);
  });
}

}  // namespace dn::cuda::batch_norm
