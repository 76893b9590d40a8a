// What the kernels of batch_norm.cu (channels last) and batch_norm_planes.cu (row-major) share:
// moments and how they merge, the formulas of one element, the work space.
#pragma once

#include <type_traits>

#include "cuda/kernels/batch_norm.h"
#include "cuda/kernels/launch.cuh"
#include "cuda/kernels/vector.cuh"

namespace dn::cuda::batch_norm {

constexpr int kThreads = 256;
// Enough blocks to fill a large GPU; a constant, so that the sums do not depend on the GPU.
constexpr int kBlocks = 768;

// Count, mean and sum of squared differences from it, of kVec channels (Welford; Chan et al. 1979).
template <int kVec>
struct Moments {
  float count = 0;
  float mean[kVec] = {};
  float square[kVec] = {};

  __device__ __forceinline__ void merge(float other_count, const float (&other_mean)[kVec],
                                        const float (&other_square)[kVec]) {
    const float sum = count + other_count;
    const float share = sum > 0 ? other_count / sum : 0.0f;
    const float cross = count * share;
    DN_UNROLL for (int i = 0; i < kVec; ++i) {
      const float distance = other_mean[i] - mean[i];
      mean[i] = fmaf(distance, share, mean[i]);
      square[i] += fmaf(distance * distance, cross, other_square[i]);
    }
    count = sum;
  }

  // kRows vectors at once: one division for all, and their loads are under way together.
  template <int kRows, typename T>
  __device__ __forceinline__ void add(const T* at, int64_t stride) {
    float value[kRows][kVec];
    DN_UNROLL for (int r = 0; r < kRows; ++r) load_floats<kVec>(at + r * stride, value[r]);
    float batch_mean[kVec], batch_square[kVec];
    DN_UNROLL for (int i = 0; i < kVec; ++i) {
      float sum = value[0][i];
      DN_UNROLL for (int r = 1; r < kRows; ++r) sum += value[r][i];
      batch_mean[i] = sum * (1.0f / kRows);
      batch_square[i] = 0;
      DN_UNROLL for (int r = 0; r < kRows; ++r) {
        const float distance = value[r][i] - batch_mean[i];
        batch_square[i] = fmaf(distance, distance, batch_square[i]);
      }
    }
    merge((float)kRows, batch_mean, batch_square);
  }
};

// Keeps NaN; -0 becomes 0.
__device__ __forceinline__ float relu(float value) {
  return value <= 0 ? 0.0f : value;
}

// One element of y before residual and relu. The gradient calls it too, to know the relu's input to
// the last bit.
__device__ __forceinline__ float normalise(float x, float mean, float scale, float shift) {
  return fmaf(x - mean, scale, shift);
}

// The largest number that rounds to 0 in the storage type.
template <typename T>
__device__ __forceinline__ float rounds_to_zero() {
  return 0.0f;
}
template <>
__device__ __forceinline__ float rounds_to_zero<__half>() {
  return 0x1p-25f;
}
template <>
__device__ __forceinline__ float rounds_to_zero<__nv_bfloat16>() {
  return 0x1p-134f;
}

// g * (y > 0), as the relu's gradient is written: an infinite gradient times 0 is NaN.
__device__ __forceinline__ float pass_if(bool positive, float gradient) {
  return gradient * (positive ? 1.0f : 0.0f);
}

// Of one channel, for the second pass of the gradient:
// dx = scale * (dy - offset - (x - mean) * slope).
struct GradientCoefficients {
  float* offset;
  float* slope;
};

// The work space: what each split of the rows found for each channel, and its count of rows.
struct Partials {
  float* first;   // [split][channel]: mean, or the sum of dy
  float* second;  // [split][channel]: squares, or the sum of dy * (x - mean)
  float* count;   // [split]
  GradientCoefficients coefficients;

  Partials(void* scratch, int64_t splits, int64_t channels)
      : first(static_cast<float*>(scratch)),
        second(first + splits * channels),
        count(second + splits * channels),
        coefficients{count + splits, count + splits + channels} {}
  static int64_t bytes(int64_t splits, int64_t channels) {
    return (2 * splits * channels + splits + 2 * channels) * (int64_t)sizeof(float);
  }
};

// ---- channels last ----

constexpr int kBatch = 4;         // rows of a thread under way together
constexpr int kSmallRows = 1024;  // up to here one kernel does it all

struct Tiling {
  dim3 block, grid;
  int64_t rows_per_split;
};

// One split: a block has all rows of its channels.
enum class Splits { One, Many };

inline Splits splits_of(const BatchNormView& view) {
  return view.rows() <= kSmallRows ? Splits::One : Splits::Many;
}

inline Tiling tiling_of(const BatchNormView& view, int vec, Splits splits) {
  const bool one = splits == Splits::One;
  const int64_t columns = view.channels / vec, rows = view.rows();
  const int bx = power_of_two(columns, one ? 4 : 32), by = kThreads / bx;
  const int64_t column_blocks = (columns + bx - 1) / bx;
  const int64_t target = column_blocks < kBlocks ? kBlocks / column_blocks : 1;
  Tiling t;
  t.rows_per_split = (rows + target - 1) / target;
  if (t.rows_per_split < by * kBatch) t.rows_per_split = by * kBatch;
  if (one) t.rows_per_split = rows > 0 ? rows : 1;
  t.block = dim3(bx, by);
  t.grid = dim3((unsigned)column_blocks, one ? 1 : blocks_for(rows, t.rows_per_split));
  return t;
}

// The rows and channels of a thread.
template <int kVec>
struct Place {
  int channel;
  bool active;
  int64_t first, last;

  __device__ Place(int64_t rows, int channels, int64_t rows_per_split)
      : channel((blockIdx.x * blockDim.x + threadIdx.x) * kVec),
        active(channel < channels),
        first(blockIdx.y * rows_per_split + threadIdx.y),
        last(min((int64_t)(blockIdx.y + 1) * rows_per_split, rows)) {}
};

// Calls body(row, integral_constant<rows>): kRows rows at once, each blockDim.y from the last, then
// one by one.
template <int kRows, int kVec, typename Body>
__device__ __forceinline__ void for_rows(const Place<kVec>& place, const Body& body) {
  if (!place.active) return;
  const int64_t step = blockDim.y;
  int64_t row = place.first;
  for (; row + (kRows - 1) * step < place.last; row += kRows * step)
    body(row, std::integral_constant<int, kRows>{});
  for (; row < place.last; row += step) body(row, std::integral_constant<int, 1>{});
}

// Calls body(TypeTag<T>{}, integral_constant<kVec>) for the widest access that fits.
template <typename Body>
void with_instance(const BatchNormView& view, bool aligned, const Body& body) {
  with_float_type(view.dtype, [&](auto tag) {
    constexpr int kVec = kVectorSize<typename decltype(tag)::type>;
    if (aligned && view.channels % kVec == 0)
      body(tag, std::integral_constant<int, kVec>{});
    else
      body(tag, std::integral_constant<int, 1>{});
  });
}

// ---- the second stage, for both layouts ----

constexpr int kFinishChannels = 8;  // a 32-byte sector
constexpr int kFinishRows = kThreads / kFinishChannels;

// Sums over the threads of a channel; all of them get the result.
__device__ __forceinline__ double sum_of_channel(double value, double (*shared)[kFinishChannels]) {
  __syncthreads();  // an earlier sum has been read
  shared[threadIdx.y][threadIdx.x] = value;
  for (int half = kFinishRows / 2; half > 0; half /= 2) {
    __syncthreads();  // the last round's sums are written
    if ((int)threadIdx.y < half)
      shared[threadIdx.y][threadIdx.x] += shared[threadIdx.y + half][threadIdx.x];
  }
  __syncthreads();  // row 0 is written
  return shared[0][threadIdx.x];
}

void finish_training(cudaStream_t stream, const BatchNormTraining& p, const Partials& partials,
                     int splits);
void finish_backward(cudaStream_t stream, const BatchNormBackward& p, const Partials& partials,
                     int splits);

// ---- row-major tensors ----

int planes_splits(const BatchNormView& view);
void training_planes(cudaStream_t stream, const BatchNormTraining& p);
void inference_planes(cudaStream_t stream, const BatchNormInference& p);
void backward_planes(cudaStream_t stream, const BatchNormBackward& p);

}  // namespace dn::cuda::batch_norm
