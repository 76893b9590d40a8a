// softmax_cross_entropy: the loss and its gradient, reading the logits from memory once.
// Math      m = max z; s = sum exp(z - m); q = (1 - e) onehot(label) + e / classes, e the smoothing;
//           loss = scale * sum over samples of w (log s - sum over c of q (z - m));
//           dz = scale * w * (exp(z - m) / s - q).
// Tensors   z, dz (outer, classes, inner) T | labels (outer, inner) i32 | w (outer, inner) f32, may
//           be absent | loss f32 | scratch: one double a block. Disjoint.
// Needs     samples < 2^32 for the number in the fault. A label outside the classes: fault, NaN
// loss,
//           gradient 0.
// Grid      as softmax.cu. Each block writes the sum of its samples' losses; a second kernel of one
//           block adds those.
// Cost      bytes = sizeof(T) * numel * 2 (rows above 1024 classes are read up to three times,
// mostly
//           from cache); ops = 5 numel.
// Floor     bytes / DRAM bandwidth. Example 65536x1000 f32: 524 MB -> 109 us at 4.8 TB/s (H200 data
//           sheet).
// Measured  bench/results. Deterministic: yes; losses are added in a fixed order, in double.
// Why so    one pass for loss and gradient: the probabilities are never stored.
#include "cuda/kernels/softmax_cross_entropy.h"
#include "cuda/kernels/softmax_parts.cuh"

namespace dn::cuda {

using namespace softmax;

namespace {

// What one sample's label and weight amount to.
struct Target {
  int64_t label = 0;
  float weight = 1, factor = 0, on_label = 1, elsewhere = 0;  // the latter two: q
  bool good = false, ignored = false;

  // `reports`: this thread tells of a bad label.
  __device__ Target(const SoftmaxCrossEntropy& p, int64_t sample, bool reports) {
    const int32_t found = p.labels[sample];
    ignored = p.ignore && found == p.ignore_index;
    good = !ignored && found >= 0 && found < p.classes;
    if (!good && !ignored && reports)
      atomicMin(p.fault, (unsigned long long)sample << 32 | (unsigned)found);
    if (!good) return;
    label = found;
    if (p.weight) weight = p.weight[sample];
    factor = p.scale * weight;
    elsewhere = p.label_smoothing / (float)p.classes;
    on_label = 1 - p.label_smoothing + elsewhere;
  }

  // `rest`: sum over all classes of z - m; used only with smoothing.
  __device__ float loss(float log_sum, float logit, float largest, float rest) const {
    if (!good) return ignored ? 0.0f : NAN;
    float target = logit - largest;
    if (elsewhere > 0) target = (on_label - elsewhere) * target + elsewhere * rest;
    return weight * (log_sum - target);
  }
  __device__ float gradient(float probability, int64_t c) const {
    return good ? factor * (probability - (c == label ? on_label : elsewhere)) : 0.0f;
  }
};

// The block's sum of `losses`, of which there are `count`.
__device__ __forceinline__ void write_block_loss(const SoftmaxCrossEntropy& p, const float* losses,
                                                 int count) {
  __syncthreads();  // all losses are written
  if (threadIdx.x != 0 || threadIdx.y != 0) return;
  double sum = 0;
  for (int i = 0; i < count; ++i) sum += losses[i];
  static_cast<double*>(p.scratch)[blockIdx.x] = sum;
}

template <typename T, int kItems>
__global__ void __launch_bounds__(kThreads)
    softmax_cross_entropy_warp_kernel(SoftmaxCrossEntropy p) {
  DN_SHARED(float, losses, [kWarps]);
  const int64_t row = (int64_t)blockIdx.x * kWarps + threadIdx.y;
  const int lane = threadIdx.x, classes = (int)p.classes;
  // A warp has a row, so that its lanes take the same branches.
  if (row < p.outer) {
    const T* z = static_cast<const T*>(p.logits) + row * classes;
    const Target target(p, row, lane == 0);
    float value[kItems];
    float largest = -INFINITY;
    DN_UNROLL for (int i = 0; i < kItems; ++i) {
      value[i] = lane + 32 * i < classes ? to_float(z[lane + 32 * i]) : -INFINITY;
      largest = larger(value[i], largest);
    }
    largest = warp_max(largest);
    float sum = 0, rest = 0;
    DN_UNROLL for (int i = 0; i < kItems; ++i) {
      const bool inside = lane + 32 * i < classes;
      rest += inside ? value[i] - largest : 0.0f;
      value[i] = inside ? expf(value[i] - largest) : 0.0f;
      sum += value[i];
    }
    sum = warp_sum(sum);
    if (target.elsewhere > 0) rest = warp_sum(rest);
    if (lane == 0)
      losses[threadIdx.y] = target.loss(logf(sum), to_float(z[target.label]), largest, rest);
    if (p.grad_logits) {
      T* dz = static_cast<T*>(p.grad_logits) + row * classes;
      DN_UNROLL for (int i = 0; i < kItems; ++i) {
        const int c = lane + 32 * i;
        if (c < classes) dz[c] = from_float<T>(target.gradient(value[i] / sum, c));
      }
    }
  } else if (lane == 0) {
    losses[threadIdx.y] = 0;
  }
  write_block_loss(p, losses, kWarps);
}

template <typename T>
__global__ void __launch_bounds__(kThreads)
    softmax_cross_entropy_block_kernel(SoftmaxCrossEntropy p) {
  DN_SHARED(float, shared, [kWarps]);
  DN_SHARED(float, loss, [1]);
  const int64_t row = blockIdx.x;
  const T* z = static_cast<const T*>(p.logits) + row * p.classes;
  const Target target(p, row, threadIdx.x == 0);
  float largest = -INFINITY;
  for (int64_t c = threadIdx.x; c < p.classes; c += kThreads)
    largest = larger(to_float(z[c]), largest);
  largest = block_reduce<true>(largest, shared);
  float sum = 0, rest = 0;
  for (int64_t c = threadIdx.x; c < p.classes; c += kThreads) {
    rest += to_float(z[c]) - largest;
    sum += expf(to_float(z[c]) - largest);
  }
  sum = block_reduce<false>(sum, shared);
  if (target.elsewhere > 0) rest = block_reduce<false>(rest, shared);
  if (threadIdx.x == 0) loss[0] = target.loss(logf(sum), to_float(z[target.label]), largest, rest);
  if (p.grad_logits) {
    T* dz = static_cast<T*>(p.grad_logits) + row * p.classes;
    for (int64_t c = threadIdx.x; c < p.classes; c += kThreads)
      dz[c] = from_float<T>(target.gradient(expf(to_float(z[c]) - largest) / sum, c));
  }
  write_block_loss(p, loss, 1);
}

template <typename T>
__global__ void __launch_bounds__(kThreads)
    softmax_cross_entropy_columns_kernel(SoftmaxCrossEntropy p) {
  DN_SHARED(float, shared, [kThreads]);
  DN_SHARED(float, losses, [32]);
  const Column column(p.outer * p.inner, p.classes, p.inner);
  const T* z = static_cast<const T*>(p.logits) + column.first;
  const int64_t last = column.active ? p.classes : 0;
  float largest = -INFINITY;
  for (int64_t c = threadIdx.y; c < last; c += blockDim.y)
    largest = larger(to_float(z[c * p.inner]), largest);
  largest = column_reduce<true>(largest, shared);
  float sum = 0, rest = 0;
  for (int64_t c = threadIdx.y; c < last; c += blockDim.y) {
    rest += to_float(z[c * p.inner]) - largest;
    sum += expf(to_float(z[c * p.inner]) - largest);
  }
  sum = column_reduce<false>(sum, shared);
  if (p.label_smoothing > 0) rest = column_reduce<false>(rest, shared);
  if (column.active) {
    const Target target(p, column.sample, threadIdx.y == 0);
    if (threadIdx.y == 0)
      losses[threadIdx.x] =
          target.loss(logf(sum), to_float(z[target.label * p.inner]), largest, rest);
    if (p.grad_logits) {
      T* dz = static_cast<T*>(p.grad_logits) + column.first;
      for (int64_t c = threadIdx.y; c < last; c += blockDim.y)
        dz[c * p.inner] =
            from_float<T>(target.gradient(expf(to_float(z[c * p.inner]) - largest) / sum, c));
    }
  } else if (threadIdx.y == 0) {
    losses[threadIdx.x] = 0;
  }
  write_block_loss(p, losses, blockDim.x);
}

__global__ void __launch_bounds__(kThreads)
    softmax_cross_entropy_loss_kernel(const double* parts, int64_t count, float scale,
                                      float* loss) {
  DN_SHARED(double, shared, [kThreads]);
  const int me = threadIdx.x;
  double sum = 0;
  for (int64_t i = me; i < count; i += kThreads) sum += parts[i];
  shared[me] = sum;
  for (int half = kThreads / 2; half > 0; half /= 2) {
    __syncthreads();  // the last round's sums are written
    if (me < half) shared[me] += shared[me + half];
  }
  if (me == 0) *loss = (float)(shared[0] * scale);
}

// The block of each kernel, and how many blocks there are.
struct Shape {
  Team team;
  dim3 block;
  int64_t blocks;
};

Shape shape_of(int64_t outer, int64_t classes, int64_t inner) {
  const int64_t samples = outer * inner;
  if (inner > 1) {
    const dim3 block = column_block(samples);
    return {Team::Columns, block, divide_up(samples, block.x)};
  }
  if (classes > 32 * kManyItems) return {Team::Block, dim3(kThreads), samples};
  return {Team::Warp, dim3(32, kWarps), divide_up(samples, kWarps)};
}

}  // namespace

int64_t softmax_cross_entropy_scratch_bytes(int64_t outer, int64_t classes, int64_t inner) {
  return shape_of(outer, classes, inner).blocks * (int64_t)sizeof(double);
}

void softmax_cross_entropy(cudaStream_t stream, const SoftmaxCrossEntropy& p) {
  const Shape shape = shape_of(p.outer, p.classes, p.inner);
  const dim3 grid((unsigned)shape.blocks);
  with_float_type(p.dtype, [&](auto tag) {
    using T = typename decltype(tag)::type;
    if (shape.team == Team::Columns)
      launch(stream, "softmax_cross_entropy_columns", softmax_cross_entropy_columns_kernel<T>, grid,
             shape.block, 0, p);
    else if (shape.team == Team::Block)
      launch(stream, "softmax_cross_entropy_block", softmax_cross_entropy_block_kernel<T>, grid,
             shape.block, 0, p);
    else if (p.classes > 32 * kFewItems)
      launch(stream, "softmax_cross_entropy_warp", softmax_cross_entropy_warp_kernel<T, kManyItems>,
             grid, shape.block, 0, p);
    else
      launch(stream, "softmax_cross_entropy_warp", softmax_cross_entropy_warp_kernel<T, kFewItems>,
             grid, shape.block, 0, p);
  });
  launch(stream, "softmax_cross_entropy_loss", softmax_cross_entropy_loss_kernel, dim3(1),
         dim3(kThreads), 0, static_cast<const double*>(p.scratch), shape.blocks, p.scale, p.loss);
}

}  // namespace dn::cuda
