// ctc_loss: the losses of a batch of sequences, and their gradient; definition: DN_OPERATOR_CTC_LOSS.
// Math      A target of n labels has L = 2n + 1 states: blank, label, blank, ..., label, blank.
//           alpha[t][s] = ln of the probability to have gone through steps 0 .. t and be in s;
//           beta[t][s] = ln of that of what follows, step t itself not counted;
//           loss = -ln (exp alpha[T-1][L-1] + exp alpha[T-1][L-2]);
//           dx[t][c] = -sum over the states s of class c of softmax over s of (alpha[t] + beta[t]).
// Tensors   log_probs x, dx (T, N, C) f32 | targets (N, S) i32 | lengths (N) i32 | loss (N) f32 |
//           scratch, for each sample: alpha (T, 2S+1), or 2 rows without a gradient; beta 2 rows,
//           shares 1 row; next (S) i32. Disjoint.
// Grid      one block = one sample, 32 to 256 threads, each with every blockDim-th state; steps are
//           serial.
// Cost      bytes = 4 (2 T N C + 3 T N (2S+1)); ops = 24 T N (2S+1), of which 8 exponentials or
//           logarithms.
// Floor     latency: about 2 T steps of some barriers each, whatever the batch.
// Deterministic: yes; a class's states are added by one thread, in their order.
// Why so    every kRescale steps the row is shifted so that its maximum is 0: float32 then keeps its
//           digits however long the sequence. The softmax makes the shifts cancel.
#include "cuda/kernels/ctc_loss.h"
#include "cuda/kernels/index.cuh"
#include "cuda/kernels/launch.cuh"

namespace dn::cuda {

namespace {

constexpr int kMostThreads = 256;
constexpr int kRescale = 8;

__host__ __device__ __forceinline__ int64_t alpha_rows(int64_t steps, bool gradient) {
  return gradient || steps < 2 ? steps : 2;
}
// In floats, for one sample.
__host__ __device__ __forceinline__ int64_t sample_scratch(int64_t steps, int64_t most_labels,
                                                           bool gradient) {
  return (alpha_rows(steps, gradient) + 3) * (2 * most_labels + 1) + most_labels;
}

__device__ __forceinline__ float larger(float a, float b) {
  return a > b || a != a ? a : b;  // NaN wins
}

// Maximum or sum over the block; all get it. `shared` has one element a warp.
template <bool kMax>
__device__ __forceinline__ float block_reduce(float value, float* shared) {
  value = kMax ? warp_max(value) : warp_sum(value);
  const int warps = blockDim.x / 32;
  if (warps == 1) return value;
  __syncthreads();  // an earlier result has been read
  if (threadIdx.x % 32 == 0) shared[threadIdx.x / 32] = value;
  __syncthreads();  // every warp has written
  value = shared[0];
  for (int i = 1; i < warps; ++i) value = kMax ? larger(shared[i], value) : value + shared[i];
  return value;
}

__device__ __forceinline__ float log_sum(float a, float b, float c) {
  const float most = larger(larger(a, b), c);
  if (most == -INFINITY) return most;
  return most + logf(expf(a - most) + expf(b - most) + expf(c - most));
}

// One sample, as its block sees it.
struct Sample {
  const float* x;  // its classes at step 0
  const int32_t* target;
  int64_t stride;  // from step to step
  int32_t blank, classes;
  int states;

  __device__ int32_t class_of(int s) const {
    if (s % 2 == 0) return blank;
    const int32_t label = target[s / 2];
    return label >= 0 && label < classes ? label : blank;  // a bad one is reported, not followed
  }
  // Whether state s may follow s - 2: both are labels and differ.
  __device__ bool skips_to(int s) const {
    return s % 2 == 1 && s >= 3 && s < states && target[s / 2] != target[s / 2 - 1];
  }
  __device__ float emission(int64_t t, int s) const { return x[t * stride + class_of(s)]; }
};

// Shifts a row so that its maximum is 0; returns what it was. All threads call it behind a barrier.
__device__ __forceinline__ float rescale(float* row, int states, float* shared) {
  float most = -INFINITY;
  for (int s = threadIdx.x; s < states; s += blockDim.x) most = larger(row[s], most);
  most = block_reduce<true>(most, shared);
  if (!(fabsf(most) < INFINITY)) return 0;
  for (int s = threadIdx.x; s < states; s += blockDim.x) row[s] -= most;
  __syncthreads();  // the row is shifted
  return most;
}

__device__ __forceinline__ void fill_steps(const CtcLossParams& p, float* dx, int64_t steps,
                                           float value) {
  for (int64_t t = 0; t < steps; ++t)
    for (int64_t c = threadIdx.x; c < p.classes; c += blockDim.x)
      dx[t * p.batch * p.classes + c] = value;
}

// The loss; alpha holds its rows.
__device__ __forceinline__ float forward(const Sample& sample, float* alpha, int64_t rows,
                                         int64_t length, float* shared) {
  const int states = sample.states;
  double shift = 0;
  for (int64_t t = 0; t < length; ++t) {
    float* now = alpha + t % rows * states;
    const float* before = alpha + (t + rows - 1) % rows * states;
    for (int s = threadIdx.x; s < states; s += blockDim.x) {
      float value = s < 2 ? 0.0f : -INFINITY;
      if (t > 0)
        value = log_sum(before[s], s >= 1 ? before[s - 1] : -INFINITY,
                        sample.skips_to(s) ? before[s - 2] : -INFINITY);
      now[s] = value + sample.emission(t, s);
    }
    __syncthreads();  // the row is written
    if (t % kRescale == 0) shift += rescale(now, states, shared);
  }
  const float* last = alpha + (length - 1) % rows * states;
  return -(float)(shift + (double)log_sum(last[states - 1],
                                          states > 1 ? last[states - 2] : -INFINITY, -INFINITY));
}

// dx at one step, from the states' shares of the probability.
__device__ __forceinline__ void share(const Sample& sample, const float* alpha, const float* beta,
                                      float* shares, const int32_t* next, float* dx,
                                      float* shared) {
  const int states = sample.states;
  float most = -INFINITY;
  for (int s = threadIdx.x; s < states; s += blockDim.x) most = larger(alpha[s] + beta[s], most);
  most = block_reduce<true>(most, shared);
  float all = 0, blanks = 0;
  for (int s = threadIdx.x; s < states; s += blockDim.x) {
    const float part = expf(alpha[s] + beta[s] - most);
    shares[s] = part;
    all += part;
    blanks += s % 2 == 0 ? part : 0.0f;
  }
  all = block_reduce<false>(all, shared);
  blanks = block_reduce<false>(blanks, shared);
  __syncthreads();  // the shares are written
  if (threadIdx.x == 0) dx[sample.blank] = -blanks / all;
  for (int i = threadIdx.x; i < states / 2; i += blockDim.x) {
    if (next[i] < 0) continue;  // an earlier label of the class adds this one, or it is bad
    float sum = 0;
    for (int j = i; j < states / 2; j = next[j] & 0x7fffffff) sum += shares[2 * j + 1];
    dx[sample.class_of(2 * i + 1)] = -sum / all;
  }
}

// next[i] = the place of the next label like label i, or the number of labels; the sign bit tells
// that there is an earlier one, or that the label is a bad one.
__device__ __forceinline__ void chain(const Sample& sample, int32_t* next) {
  const int labels = sample.states / 2;
  for (int i = threadIdx.x; i < labels; i += blockDim.x) {
    int32_t found = labels;
    for (int j = labels - 1; j > i; --j)
      if (sample.target[j] == sample.target[i]) found = j;
    for (int j = 0; j < i; ++j)
      if (sample.target[j] == sample.target[i]) found |= INT32_MIN;
    if (sample.class_of(2 * i + 1) == sample.blank) found |= INT32_MIN;  // a bad one adds nothing
    next[i] = found;
  }
}

__device__ __forceinline__ void backward(const Sample& sample, const float* alpha, float* beta,
                                         float* shares, const int32_t* next, int64_t length,
                                         float* dx, float* shared) {
  const int states = sample.states;
  float *after = beta, *now = beta + states;
  for (int s = threadIdx.x; s < states; s += blockDim.x)
    after[s] = s >= states - 2 ? 0.0f : -INFINITY;
  __syncthreads();  // beta and next are written
  for (int64_t t = length - 1; t >= 0; --t) {
    share(sample, alpha + t * states, after, shares, next, dx + t * sample.stride, shared);
    for (int s = threadIdx.x; s < states; s += blockDim.x)
      now[s] =
          log_sum(after[s] + sample.emission(t, s),
                  s + 1 < states ? after[s + 1] + sample.emission(t, s + 1) : -INFINITY,
                  sample.skips_to(s + 2) ? after[s + 2] + sample.emission(t, s + 2) : -INFINITY);
    __syncthreads();  // the row is written, and the shares have been read
    if (t % kRescale == 0) rescale(now, states, shared);
    float* swap = after;
    after = now;
    now = swap;
  }
}

__global__ void __launch_bounds__(kMostThreads) ctc_loss_kernel(const CtcLossParams p) {
  DN_SHARED(float, shared, [kMostThreads / 32]);
  const int64_t n = blockIdx.x;
  const bool gradient = p.grad_log_probs != nullptr;
  const int32_t length = p.input_lengths[n], labels = p.target_lengths[n];
  float* dx = gradient ? p.grad_log_probs + n * p.classes : nullptr;
  if (gradient) fill_steps(p, dx, p.steps, 0.0f);
  const bool good_length = length >= 1 && length <= p.steps;
  const bool good_labels = labels >= 0 && labels <= p.most_labels;
  if (!good_length || !good_labels) {
    if (threadIdx.x != 0) return;
    if (!good_length) atomicMin(p.bad_input_length, (unsigned long long)n << 32 | (uint32_t)length);
    if (!good_labels)
      atomicMin(p.bad_target_length, (unsigned long long)n << 32 | (uint32_t)labels);
    p.loss[n] = NAN;
    return;
  }
  const Sample sample{p.log_probs + n * p.classes, p.targets + n * p.most_labels,
                      p.batch * p.classes,         p.blank,
                      (int32_t)p.classes,          2 * labels + 1};
  for (int i = threadIdx.x; i < labels; i += blockDim.x) {
    const int32_t label = sample.target[i];
    if (label < 0 || label >= p.classes || label == p.blank)
      atomicMin(p.bad_label, (unsigned long long)(n * p.most_labels + i) << 32 | (uint32_t)label);
  }
  const int64_t rows = alpha_rows(p.steps, gradient), row = 2 * p.most_labels + 1;
  float* alpha = p.scratch + n * sample_scratch(p.steps, p.most_labels, gradient);
  float *beta = alpha + rows * row, *shares = beta + 2 * row;
  auto* next = reinterpret_cast<int32_t*>(shares + row);
  float loss = forward(sample, alpha, rows, length, shared);
  const bool finite = fabsf(loss) < INFINITY, dropped = p.zero_infinity && loss == INFINITY;
  if (threadIdx.x == 0) p.loss[n] = dropped ? 0.0f : loss;
  if (!gradient || dropped) return;
  __syncthreads();  // the zeros of dx are written
  if (!finite) {
    fill_steps(p, dx, length, NAN);
    return;
  }
  chain(sample, next);
  backward(sample, alpha, beta, shares, next, length, dx, shared);
}

}  // namespace

int64_t ctc_loss_scratch_bytes(int64_t steps, int64_t batch, int64_t most_labels, bool gradient) {
  return batch * sample_scratch(steps, most_labels, gradient) * (int64_t)sizeof(float);
}

void ctc_loss(cudaStream_t stream, const CtcLossParams& p) {
  int threads = 32;
  while (threads < kMostThreads && threads < 2 * p.most_labels + 1) threads *= 2;
  launch(stream, "ctc_loss", ctc_loss_kernel, dim3((unsigned)p.batch), dim3((unsigned)threads), 0,
         p);
}

}  // namespace dn::cuda
