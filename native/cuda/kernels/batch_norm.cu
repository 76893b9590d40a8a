// batch_norm_{training,inference}: batch normalisation, channels last.
// Math      training: mean, var over rows; y = (x - mean) * inv_std * w + b [+ residual] [relu].
// Tensors   x, y, residual (M, C) T, M = batch * positions | w, b, mean, inv_std, running (C) f32.
//           y may be x or residual.
// Needs     M < 2^24 * splits. C % kVec == 0 and 16-byte aligned data for kVec > 1, else kVec = 1.
// Grid      block (bx, by): bx threads = bx * kVec channels side by side, by rows at a time; grid
//           (channel blocks, splits of the rows), about 768 blocks. Splits merge in a second stage,
//           8 channels a block. Up to 1024 rows: one kernel, a block has all rows of its channels.
// Cost      training: bytes = sizeof(T) * M C * 3 (x twice, y), 4 with a residual; ops = 8 M C.
// Floor     bytes / DRAM bandwidth. Example N256 C64 56x56 bf16, training: 308 MB -> 64 us at
//           4.8 TB/s (H200 data sheet).
// Measured  bench/results. Deterministic: yes; sums have a fixed order, no atomics.
// Why so    Welford in batches of 4 rows: one division a batch, 4 loads under way. Splits do not
//           depend on the GPU, so that its sums are those of any other.
#include "cuda/kernels/batch_norm_parts.cuh"

namespace dn::cuda {

namespace batch_norm {

namespace {

// Merges the moments of the threads of a column into those of threadIdx.y 0, in a fixed order.
template <int kVec>
__device__ void merge_column(Moments<kVec>& moments) {
  DN_SHARED(float, shared_count, [kThreads]);
  DN_SHARED(float, shared_mean, [kVec][kThreads]);
  DN_SHARED(float, shared_square, [kVec][kThreads]);
  const int me = threadIdx.y * blockDim.x + threadIdx.x;
  for (int half = blockDim.y / 2; half > 0; half /= 2) {
    if ((int)threadIdx.y >= half && (int)threadIdx.y < 2 * half) {
      shared_count[me] = moments.count;
      DN_UNROLL for (int i = 0; i < kVec; ++i) {
        shared_mean[i][me] = moments.mean[i];
        shared_square[i][me] = moments.square[i];
      }
    }
    // The upper half has written before the lower reads. The next round writes other places.
    __syncthreads();
    if ((int)threadIdx.y < half) {
      const int other = me + half * blockDim.x;
      float mean[kVec], square[kVec];
      DN_UNROLL for (int i = 0; i < kVec; ++i) {
        mean[i] = shared_mean[i][other];
        square[i] = shared_square[i][other];
      }
      moments.merge(shared_count[other], mean, square);
    }
  }
}

template <typename T, int kVec>
__global__ void __launch_bounds__(kThreads)
    batch_norm_moments_rows_kernel(const T* x, Partials partials, int64_t rows, int channels,
                                   int64_t rows_per_split) {
  const Place<kVec> place(rows, channels, rows_per_split);
  const int64_t stride = (int64_t)blockDim.y * channels;
  Moments<kVec> moments;
  for_rows<kBatch>(place, [&](int64_t row, auto count) {
    moments.template add<decltype(count)::value>(x + row * channels + place.channel, stride);
  });
  merge_column(moments);
  if (threadIdx.y != 0 || !place.active) return;
  const int64_t at = (int64_t)blockIdx.y * channels + place.channel;
  DN_UNROLL for (int i = 0; i < kVec; ++i) {
    partials.first[at + i] = moments.mean[i];
    partials.second[at + i] = moments.square[i];
  }
  if (blockIdx.x == 0 && threadIdx.x == 0) partials.count[blockIdx.y] = moments.count;
}

struct Statistics {
  float *mean, *inv_std, *running_mean, *running_var;
  float epsilon, momentum;

  __device__ void write(int channel, double centre, double square, double count) const {
    mean[channel] = (float)centre;
    inv_std[channel] = (float)(1.0 / sqrt(square / count + (double)epsilon));
    running_mean[channel] += momentum * ((float)centre - running_mean[channel]);
    running_var[channel] += momentum * ((float)(square / (count - 1)) - running_var[channel]);
  }
};

__global__ void __launch_bounds__(kThreads)
    batch_norm_finish_training_kernel(Partials partials, Statistics statistics, int splits,
                                      int channels, double count) {
  DN_SHARED(double, shared, [kFinishRows][kFinishChannels]);
  const int channel = blockIdx.x * kFinishChannels + threadIdx.x;
  const int last = channel < channels ? splits : 0;
  double sum = 0, square = 0;
  for (int s = threadIdx.y; s < last; s += kFinishRows)
    sum += (double)partials.count[s] * partials.first[(int64_t)s * channels + channel];
  const double mean = sum_of_channel(sum, shared) / count;
  for (int s = threadIdx.y; s < last; s += kFinishRows) {
    const double distance = partials.first[(int64_t)s * channels + channel] - mean;
    square +=
        partials.second[(int64_t)s * channels + channel] + partials.count[s] * distance * distance;
  }
  square = sum_of_channel(square, shared);
  if (threadIdx.y == 0 && channel < channels) statistics.write(channel, mean, square, count);
}

// Of kVec channels, in registers while the rows pass by.
template <int kVec>
struct Normaliser {
  float mean[kVec], scale[kVec], shift[kVec];

  __device__ void set(int i, float centre, float inv_std, float weight, float bias) {
    mean[i] = centre;
    scale[i] = inv_std * weight;
    shift[i] = bias;
  }

  template <int kRows, typename T>
  __device__ __forceinline__ void apply(const T* x, const T* residual, T* y, int64_t at,
                                        int64_t stride, bool with_relu) const {
    // Kept packed until their turn, which needs half the registers of floats.
    Vector<T, kVec> value[kRows], added[kRows];
    DN_UNROLL for (int r = 0; r < kRows; ++r) value[r] = load_vector<kVec>(x + at + r * stride);
    DN_UNROLL for (int r = 0; r < kRows; ++r) added[r] =
        residual ? load_vector<kVec>(residual + at + r * stride) : Vector<T, kVec>{};
    DN_UNROLL for (int r = 0; r < kRows; ++r) {
      float result[kVec];
      to_floats(value[r], result);
      DN_UNROLL for (int i = 0; i < kVec; ++i) {
        result[i] = normalise(result[i], mean[i], scale[i], shift[i]);
        if (residual) result[i] += to_float(added[r].at[i]);
        if (with_relu) result[i] = relu(result[i]);
      }
      store_floats(y + at + r * stride, result);
    }
  }
};

struct NormaliseRows {
  int64_t rows, rows_per_split;
  const void *x, *residual;
  void* y;
  // variance: 1 / sqrt(variance + epsilon) in the place of inv_std; null in training
  const float *weight, *bias, *mean, *inv_std, *variance;
  float epsilon;
  int32_t channels, relu;
};

template <typename T, int kVec>
__global__ void __launch_bounds__(kThreads) batch_norm_normalise_rows_kernel(NormaliseRows p) {
  const Place<kVec> place(p.rows, p.channels, p.rows_per_split);
  if (!place.active) return;
  Normaliser<kVec> normaliser;
  DN_UNROLL for (int i = 0; i < kVec; ++i) {
    const int c = place.channel + i;
    const float inv_std = p.variance ? 1.0f / sqrtf(p.variance[c] + p.epsilon) : p.inv_std[c];
    normaliser.set(i, p.mean[c], inv_std, p.weight[c], p.bias[c]);
  }
  const int64_t stride = (int64_t)blockDim.y * p.channels;
  for_rows<kBatch>(place, [&](int64_t row, auto count) {
    normaliser.template apply<decltype(count)::value>(
        static_cast<const T*>(p.x), static_cast<const T*>(p.residual), static_cast<T*>(p.y),
        row * p.channels + place.channel, stride, p.relu != 0);
  });
}

template <typename T, int kVec>
__global__ void __launch_bounds__(kThreads, 2)
    batch_norm_training_small_rows_kernel(NormaliseRows p, Statistics statistics) {
  DN_SHARED(float, shared, [2][kVec][kThreads]);
  const Place<kVec> place(p.rows, p.channels, p.rows_per_split);
  const T* x = static_cast<const T*>(p.x);
  const int64_t stride = (int64_t)blockDim.y * p.channels;
  Moments<kVec> moments;
  for_rows<kBatch>(place, [&](int64_t row, auto count) {
    moments.template add<decltype(count)::value>(x + row * p.channels + place.channel, stride);
  });
  merge_column(moments);
  if (threadIdx.y == 0 && place.active) {
    DN_UNROLL for (int i = 0; i < kVec; ++i) {
      const int c = place.channel + i;
      statistics.write(c, moments.mean[i], moments.square[i], (double)p.rows);
      shared[0][i][threadIdx.x] = statistics.mean[c];
      shared[1][i][threadIdx.x] = statistics.inv_std[c];
    }
  }
  __syncthreads();  // the statistics are there
  if (!place.active) return;
  Normaliser<kVec> normaliser;
  DN_UNROLL for (int i = 0; i < kVec; ++i) {
    const int c = place.channel + i;
    normaliser.set(i, shared[0][i][threadIdx.x], shared[1][i][threadIdx.x], p.weight[c], p.bias[c]);
  }
  for_rows<kBatch>(place, [&](int64_t row, auto count) {
    normaliser.template apply<decltype(count)::value>(
        x, static_cast<const T*>(p.residual), static_cast<T*>(p.y),
        row * p.channels + place.channel, stride, p.relu != 0);
  });
}

}  // namespace

void finish_training(cudaStream_t stream, const BatchNormTraining& p, const Partials& partials,
                     int splits) {
  const Statistics statistics{p.mean,        p.inv_std, p.running_mean,
                              p.running_var, p.epsilon, p.momentum};
  launch(stream, "batch_norm_finish_training", batch_norm_finish_training_kernel,
         dim3(blocks_for(p.view.channels, kFinishChannels)), dim3(kFinishChannels, kFinishRows), 0,
         partials, statistics, splits, p.view.channels, (double)p.view.rows());
}

}  // namespace batch_norm

using namespace batch_norm;

int64_t batch_norm_scratch_bytes(const BatchNormView& view) {
  if (view.channels == 0) return 0;
  int64_t splits = 1;
  if (!view.channels_last) splits = planes_splits(view);
  if (view.channels_last && splits_of(view) == Splits::Many) {
    for (int vec : {1, 4, 8}) {
      if (view.channels % vec != 0) continue;
      const int64_t count = tiling_of(view, vec, Splits::Many).grid.y;
      if (count > splits) splits = count;
    }
  }
  return Partials::bytes(splits, view.channels);
}

void batch_norm_training(cudaStream_t stream, const BatchNormTraining& p) {
  if (p.view.channels == 0) return;
  if (!p.view.channels_last) return training_planes(stream, p);
  const bool aligned = aligned16(p.x) && aligned16(p.y) && aligned16(p.residual);
  with_instance(p.view, aligned, [&](auto tag, auto vec) {
    using T = typename decltype(tag)::type;
    constexpr int kVec = decltype(vec)::value;
    const Splits splits = splits_of(p.view);
    const Tiling t = tiling_of(p.view, kVec, splits);
    const NormaliseRows normalise{p.view.rows(), t.rows_per_split, p.x,    p.residual, p.y,
                                  p.weight,      p.bias,           p.mean, p.inv_std,  nullptr,
                                  p.epsilon,     p.view.channels,  p.relu};
    if (splits == Splits::One) {
      const Statistics statistics{p.mean,        p.inv_std, p.running_mean,
                                  p.running_var, p.epsilon, p.momentum};
      launch(stream, "batch_norm_training_small_rows",
             batch_norm_training_small_rows_kernel<T, kVec>, t.grid, t.block, 0, normalise,
             statistics);
      return;
    }
    const Partials partials(p.scratch, t.grid.y, p.view.channels);
    launch(stream, "batch_norm_moments_rows", batch_norm_moments_rows_kernel<T, kVec>, t.grid,
           t.block, 0, static_cast<const T*>(p.x), partials, p.view.rows(), p.view.channels,
           t.rows_per_split);
    finish_training(stream, p, partials, (int)t.grid.y);
    launch(stream, "batch_norm_normalise_rows", batch_norm_normalise_rows_kernel<T, kVec>, t.grid,
           t.block, 0, normalise);
  });
}

void batch_norm_inference(cudaStream_t stream, const BatchNormInference& p) {
  if (p.view.channels == 0) return;
  if (!p.view.channels_last) return inference_planes(stream, p);
  const bool aligned = aligned16(p.x) && aligned16(p.y) && aligned16(p.residual);
  with_instance(p.view, aligned, [&](auto tag, auto vec) {
    using T = typename decltype(tag)::type;
    constexpr int kVec = decltype(vec)::value;
    const Tiling t = tiling_of(p.view, kVec, Splits::Many);
    const NormaliseRows normalise{p.view.rows(), t.rows_per_split, p.x,       p.residual,
                                  p.y,           p.weight,         p.bias,    p.running_mean,
                                  nullptr,       p.running_var,    p.epsilon, p.view.channels,
                                  p.relu};
    launch(stream, "batch_norm_normalise_rows", batch_norm_normalise_rows_kernel<T, kVec>, t.grid,
           t.block, 0, normalise);
  });
}

}  // namespace dn::cuda
