// batch_norm_backward: the gradients of batch normalisation, channels last.
// Math      g = dy, or masked by a relu that followed; db = sum g; s = sum g (x - mean);
//           dw = s * inv_std; dx = w inv_std (g - db / M - (x - mean) s inv_std^2 / M).
// Tensors   x, dy, dx, masked (M, C) T, M = batch * positions | w, b, mean, inv_std, dw, db (C) f32.
//           dx and masked may be dy or y.
// Needs     as batch_norm.cu.
// Grid      as batch_norm.cu: sums, their second stage, dx; up to 1024 rows one kernel.
// Cost      bytes = sizeof(T) * M C * 5 (x and dy twice, dx), 7 where the relu's mask comes from y;
//           ops = 10 M C.
// Floor     bytes / DRAM bandwidth. Example N256 C64 56x56 bf16: 514 MB -> 107 us at 4.8 TB/s (H200
//           data sheet).
// Measured  bench/results. Deterministic: yes; sums have a fixed order, no atomics.
// Why so    the relu's mask is computed again from x where nothing was added between, to the bit, so
//           that y is not read; else the first pass stores the masked gradient, which a residual
//           needs anyway, and the second reads that instead of dy and y.
#include "cuda/kernels/batch_norm_parts.cuh"

namespace dn::cuda {

namespace batch_norm {

namespace {

// Adds the sums of the threads of a column to those of threadIdx.y 0, in a fixed order.
template <int kVec>
__device__ void sum_column(float (&first)[kVec], float (&second)[kVec]) {
  DN_SHARED(float, shared_first, [kVec][kThreads]);
  DN_SHARED(float, shared_second, [kVec][kThreads]);
  const int me = threadIdx.y * blockDim.x + threadIdx.x;
  for (int half = blockDim.y / 2; half > 0; half /= 2) {
    if ((int)threadIdx.y >= half && (int)threadIdx.y < 2 * half) {
      DN_UNROLL for (int i = 0; i < kVec; ++i) {
        shared_first[i][me] = first[i];
        shared_second[i][me] = second[i];
      }
    }
    // The upper half has written before the lower reads. The next round writes other places.
    __syncthreads();
    if ((int)threadIdx.y < half) {
      const int other = me + half * blockDim.x;
      DN_UNROLL for (int i = 0; i < kVec; ++i) {
        first[i] += shared_first[i][other];
        second[i] += shared_second[i][other];
      }
    }
  }
}

struct BackwardRows {
  BatchNormBackward p;
  int64_t rows, rows_per_split;
  int32_t channels;
};

// x and the gradient of kRows vectors, loaded together and unpacked one by one.
template <typename T, int kVec, ReluGradient kRelu, int kRows>
struct GradientRows {
  static constexpr bool kFromOutput = kRelu == ReluGradient::FromOutput;
  Vector<T, kVec> x[kRows], dy[kRows], y[kFromOutput ? kRows : 1], other[kFromOutput ? kRows : 1];
  bool has_other;

  __device__ __forceinline__ GradientRows(const BatchNormBackward& p, const T* dy_data, int64_t at,
                                          int64_t stride)
      : has_other(kFromOutput && p.dy_other) {
    DN_UNROLL for (int r = 0; r < kRows; ++r) {
      x[r] = load_vector<kVec>(static_cast<const T*>(p.x) + at + r * stride);
      dy[r] = load_vector<kVec>(dy_data + at + r * stride);
      if constexpr (kFromOutput) {
        const T* added = static_cast<const T*>(p.dy_other);
        y[r] = load_vector<kVec>(static_cast<const T*>(p.y) + at + r * stride);
        other[r] = has_other ? load_vector<kVec>(added + at + r * stride) : Vector<T, kVec>{};
      }
    }
  }

  // x - mean, and the gradient behind the relu.
  __device__ __forceinline__ void unpack(int r, const float (&mean)[kVec],
                                         const float (&scale)[kVec], const float (&shift)[kVec],
                                         float (&centred)[kVec], float (&gradient)[kVec]) const {
    DN_UNROLL for (int i = 0; i < kVec; ++i) {
      centred[i] = to_float(x[r].at[i]) - mean[i];
      gradient[i] = to_float(dy[r].at[i]);
      if constexpr (kRelu == ReluGradient::FromInput)
        gradient[i] =
            pass_if(fmaf(centred[i], scale[i], shift[i]) > rounds_to_zero<T>(), gradient[i]);
      if constexpr (kFromOutput) {
        if (has_other) gradient[i] += to_float(other[r].at[i]);
        // The second pass reads what is stored, so the sums are of the rounded gradient.
        gradient[i] = to_float(from_float<T>(pass_if(to_float(y[r].at[i]) > 0, gradient[i])));
      }
    }
  }
};

// Four tensors are read at once there.
template <typename T, int kVec, ReluGradient kRelu>
constexpr int kGradientBatch = kVec > 1 && kRelu == ReluGradient::FromOutput ? 2 : kBatch;

template <typename T, int kVec, ReluGradient kRelu>
struct GradientSums {
  float mean[kVec], scale[kVec], shift[kVec];  // the last two for FromInput
  float dbias[kVec] = {}, product[kVec] = {};

  __device__ void set(const BatchNormBackward& p, int channel) {
    DN_UNROLL for (int i = 0; i < kVec; ++i) {
      mean[i] = p.mean[channel + i];
      if constexpr (kRelu == ReluGradient::FromInput) {
        scale[i] = p.inv_std[channel + i] * p.weight[channel + i];
        shift[i] = p.bias[channel + i];
      }
    }
  }

  template <int kRows>
  __device__ __forceinline__ void add(const BatchNormBackward& p, int64_t at, int64_t stride) {
    const GradientRows<T, kVec, kRelu, kRows> rows(p, static_cast<const T*>(p.dy), at, stride);
    DN_UNROLL for (int r = 0; r < kRows; ++r) {
      float centred[kVec], gradient[kVec];
      rows.unpack(r, mean, scale, shift, centred, gradient);
      DN_UNROLL for (int i = 0; i < kVec; ++i) {
        dbias[i] += gradient[i];
        product[i] = fmaf(gradient[i], centred[i], product[i]);
      }
      if constexpr (kRelu == ReluGradient::FromOutput)
        store_floats(static_cast<T*>(p.masked) + at + r * stride, gradient);
    }
  }
};

template <typename T, int kVec, ReluGradient kRelu>
__global__ void __launch_bounds__(kThreads)
    batch_norm_gradient_sums_rows_kernel(BackwardRows b, Partials partials) {
  const Place<kVec> place(b.rows, b.channels, b.rows_per_split);
  const int64_t stride = (int64_t)blockDim.y * b.channels;
  GradientSums<T, kVec, kRelu> sums;
  if (place.active) sums.set(b.p, place.channel);
  for_rows<kGradientBatch<T, kVec, kRelu>>(place, [&](int64_t row, auto count) {
    sums.template add<decltype(count)::value>(b.p, row * b.channels + place.channel, stride);
  });
  sum_column(sums.dbias, sums.product);
  if (threadIdx.y != 0 || !place.active) return;
  const int64_t at = (int64_t)blockIdx.y * b.channels + place.channel;
  DN_UNROLL for (int i = 0; i < kVec; ++i) {
    partials.first[at + i] = sums.dbias[i];
    partials.second[at + i] = sums.product[i];
  }
}

struct ParameterGradients {
  const float *mean, *inv_std;
  float *dweight, *dbias;
  GradientCoefficients coefficients;

  __device__ void write(int channel, double sum, double product, double count) const {
    const double inverse = inv_std[channel];
    dbias[channel] = (float)sum;
    dweight[channel] = (float)(product * inverse);
    coefficients.offset[channel] = (float)(sum / count);
    coefficients.slope[channel] = (float)(product / count * inverse * inverse);
  }
};

__global__ void __launch_bounds__(kThreads)
    batch_norm_finish_backward_kernel(Partials partials, ParameterGradients gradients, int splits,
                                      int channels, double count) {
  DN_SHARED(double, shared, [kFinishRows][kFinishChannels]);
  const int channel = blockIdx.x * kFinishChannels + threadIdx.x;
  const int last = channel < channels ? splits : 0;
  double sum = 0, product = 0;
  for (int s = threadIdx.y; s < last; s += kFinishRows) {
    sum += partials.first[(int64_t)s * channels + channel];
    product += partials.second[(int64_t)s * channels + channel];
  }
  sum = sum_of_channel(sum, shared);
  product = sum_of_channel(product, shared);
  if (threadIdx.y == 0 && channel < channels) gradients.write(channel, sum, product, count);
}

template <typename T, int kVec, bool kMaskFromInput>
struct InputGradient {
  float mean[kVec], scale[kVec], offset[kVec], slope[kVec], shift[kVec];

  __device__ void set(const BatchNormBackward& p, const GradientCoefficients& c, int channel) {
    DN_UNROLL for (int i = 0; i < kVec; ++i) {
      mean[i] = p.mean[channel + i];
      scale[i] = p.inv_std[channel + i] * p.weight[channel + i];
      offset[i] = c.offset[channel + i];
      slope[i] = c.slope[channel + i];
      if constexpr (kMaskFromInput) shift[i] = p.bias[channel + i];
    }
  }

  // dy_data: what the first pass wrote down, or dy.
  template <int kRows>
  __device__ __forceinline__ void apply(const BatchNormBackward& p, const T* dy_data, int64_t at,
                                        int64_t stride) const {
    constexpr ReluGradient kRelu = kMaskFromInput ? ReluGradient::FromInput : ReluGradient::None;
    const GradientRows<T, kVec, kRelu, kRows> rows(p, dy_data, at, stride);
    DN_UNROLL for (int r = 0; r < kRows; ++r) {
      float centred[kVec], gradient[kVec];
      rows.unpack(r, mean, scale, shift, centred, gradient);
      DN_UNROLL for (int i = 0; i < kVec; ++i) gradient[i] =
          scale[i] * fmaf(-centred[i], slope[i], gradient[i] - offset[i]);
      store_floats(static_cast<T*>(p.dx) + at + r * stride, gradient);
    }
  }
};

template <typename T, int kVec, bool kMaskFromInput>
__global__ void __launch_bounds__(kThreads)
    batch_norm_input_gradient_rows_kernel(BackwardRows b, GradientCoefficients coefficients) {
  const Place<kVec> place(b.rows, b.channels, b.rows_per_split);
  if (!place.active) return;
  const int64_t stride = (int64_t)blockDim.y * b.channels;
  const void* dy = b.p.relu == ReluGradient::FromOutput ? b.p.masked : b.p.dy;
  InputGradient<T, kVec, kMaskFromInput> gradient;
  gradient.set(b.p, coefficients, place.channel);
  for_rows<kBatch>(place, [&](int64_t row, auto count) {
    constexpr int kRows = decltype(count)::value;
    const int64_t at = row * b.channels + place.channel;
    gradient.template apply<kRows>(b.p, static_cast<const T*>(dy), at, stride);
  });
}

// Both passes in one kernel: a block has all rows of its channels.
template <typename T, int kVec, ReluGradient kRelu>
__global__ void __launch_bounds__(kThreads)
    batch_norm_backward_small_rows_kernel(BackwardRows b, ParameterGradients gradients) {
  const Place<kVec> place(b.rows, b.channels, b.rows_per_split);
  const int64_t stride = (int64_t)blockDim.y * b.channels;
  GradientSums<T, kVec, kRelu> sums;
  if (place.active) sums.set(b.p, place.channel);
  for_rows<kGradientBatch<T, kVec, kRelu>>(place, [&](int64_t row, auto count) {
    sums.template add<decltype(count)::value>(b.p, row * b.channels + place.channel, stride);
  });
  sum_column(sums.dbias, sums.product);
  if (threadIdx.y == 0 && place.active) {
    DN_UNROLL for (int i = 0; i < kVec; ++i)
        gradients.write(place.channel + i, sums.dbias[i], sums.product[i], (double)b.rows);
  }
  __syncthreads();  // the coefficients are there
  if (!place.active) return;
  const void* dy = kRelu == ReluGradient::FromOutput ? b.p.masked : b.p.dy;
  InputGradient<T, kVec, kRelu == ReluGradient::FromInput> gradient;
  gradient.set(b.p, gradients.coefficients, place.channel);
  for_rows<kBatch>(place, [&](int64_t row, auto count) {
    gradient.template apply<decltype(count)::value>(b.p, static_cast<const T*>(dy),
                                                    row * b.channels + place.channel, stride);
  });
}

template <typename T, int kVec, ReluGradient kRelu>
void backward_rows(cudaStream_t stream, const BatchNormBackward& p) {
  const Splits splits = splits_of(p.view);
  const Tiling t = tiling_of(p.view, kVec, splits);
  const BackwardRows b{p, p.view.rows(), t.rows_per_split, p.view.channels};
  const Partials partials(p.scratch, t.grid.y, p.view.channels);
  if (splits == Splits::One) {
    const ParameterGradients gradients{p.mean, p.inv_std, p.dweight, p.dbias,
                                       partials.coefficients};
    launch(stream, "batch_norm_backward_small_rows",
           batch_norm_backward_small_rows_kernel<T, kVec, kRelu>, t.grid, t.block, 0, b, gradients);
    return;
  }
  launch(stream, "batch_norm_gradient_sums_rows",
         batch_norm_gradient_sums_rows_kernel<T, kVec, kRelu>, t.grid, t.block, 0, b, partials);
  finish_backward(stream, p, partials, (int)t.grid.y);
  launch(stream, "batch_norm_input_gradient_rows",
         batch_norm_input_gradient_rows_kernel<T, kVec, kRelu == ReluGradient::FromInput>, t.grid,
         t.block, 0, b, partials.coefficients);
}

}  // namespace

void finish_backward(cudaStream_t stream, const BatchNormBackward& p, const Partials& partials,
                     int splits) {
  const ParameterGradients gradients{p.mean, p.inv_std, p.dweight, p.dbias, partials.coefficients};
  launch(stream, "batch_norm_finish_backward", batch_norm_finish_backward_kernel,
         dim3(blocks_for(p.view.channels, kFinishChannels)), dim3(kFinishChannels, kFinishRows), 0,
         partials, gradients, splits, p.view.channels, (double)p.view.rows());
}

}  // namespace batch_norm

using namespace batch_norm;

void batch_norm_backward(cudaStream_t stream, const BatchNormBackward& p) {
  if (p.view.channels == 0) return;
  if (!p.view.channels_last) return backward_planes(stream, p);
  const bool aligned = aligned16(p.x) && aligned16(p.y) && aligned16(p.dy) &&
                       aligned16(p.dy_other) && aligned16(p.dx) && aligned16(p.masked);
  with_instance(p.view, aligned, [&](auto tag, auto vec) {
    using T = typename decltype(tag)::type;
    constexpr int kVec = decltype(vec)::value;
    if (p.relu == ReluGradient::None)
      backward_rows<T, kVec, ReluGradient::None>(stream, p);
    else if (p.relu == ReluGradient::FromInput)
      backward_rows<T, kVec, ReluGradient::FromInput>(stream, p);
    else
      backward_rows<T, kVec, ReluGradient::FromOutput>(stream, p);
  });
}

}  // namespace dn::cuda
