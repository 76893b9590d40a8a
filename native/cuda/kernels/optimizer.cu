// optimizer: SGD and Adam over all parameters at once.
// Math      see optimizer.h; gradients f32, bf16 or f16, all else f32.
// Tensors   any number, each flat; 16-byte aligned ones move in packs of 4.
// Grid      one block = 4096 elements of one tensor, found by its number in a list among the
//           parameters; 80 tensors a launch. Adam: before that one thread steps the counter and
//           makes the factors.
// Cost      bytes a parameter with f32 gradients: SGD 12, with momentum 20, Adam 28; a few
//           operations each.
// Floor     bytes / DRAM bandwidth. Example ResNet-50 (25.6 M parameters), momentum: 512 MB ->
//           107 us at 4.8 TB/s (H200 data sheet).
// Deterministic: yes.
// Why so    learning rate and step are read from device memory, so that a captured graph follows
//           them.
#include "cuda/kernels/element.cuh"
#include "cuda/kernels/index.cuh"
#include "cuda/kernels/launch.cuh"
#include "cuda/kernels/optimizer.h"

namespace dn::cuda {

namespace {

constexpr int kBlock = 256;
constexpr int kVec = 4;
constexpr int kChunk = kBlock * kVec * 4;  // elements of a block
constexpr int kTensorsPerLaunch = 80;

struct ListedTensor {
  float* param;
  const void* grad;
  float* state0;
  float* state1;
  int64_t numel;
  int32_t first_block;
  int16_t grad_dtype;
  int16_t packed;
};

struct ListParams {
  ListedTensor tensors[kTensorsPerLaunch];
  int32_t count;
  float weight_decay, momentum;
  const float* learning_rate;
  const float* factors;
  float beta2, rest1, rest2, epsilon;
};
static_assert(sizeof(ListParams) <= 4096);  // all that a kernel's parameters may take

// ---- rules: Scalars, and an update of one element ----

enum class Momentum { None, Plain, Nesterov };

template <Momentum kMomentum>
struct SgdRule {
  static constexpr int kStates = kMomentum == Momentum::None ? 0 : 1;
  float step, momentum, decay;

  __device__ __forceinline__ explicit SgdRule(const ListParams& p)
      : step(-*p.learning_rate), momentum(p.momentum), decay(p.weight_decay) {}

  __device__ __forceinline__ void update(float& w, float g, float& v, float&) const {
    g = fmaf(decay, w, g);
    if constexpr (kMomentum != Momentum::None) {
      v = fmaf(momentum, v, g);
      g = kMomentum == Momentum::Nesterov ? fmaf(momentum, v, g) : v;
    }
    w = fmaf(step, g, w);
  }
};

struct AdamRule {
  static constexpr int kStates = 2;
  float step, root_scale, keep, l2, beta2, rest1, rest2, epsilon;

  __device__ __forceinline__ explicit AdamRule(const ListParams& p)
      : step(p.factors[0]),
        root_scale(p.factors[1]),
        keep(p.factors[2]),
        l2(p.factors[3]),
        beta2(p.beta2),
        rest1(p.rest1),
        rest2(p.rest2),
        epsilon(p.epsilon) {}

  __device__ __forceinline__ void update(float& w, float g, float& m, float& v) const {
    g = fmaf(l2, w, g);
    m = fmaf(rest1, g - m, m);
    v = fmaf(rest2 * g, g, beta2 * v);
    w = fmaf(step, m / fmaf(sqrtf(v), root_scale, epsilon), w * keep);
  }
};

// ---- kernels ----

template <typename T>
__device__ __forceinline__ Pack<float, kVec> widen(const void* data, int64_t at) {
  const auto pack = *reinterpret_cast<const Pack<T, kVec>*>(static_cast<const T*>(data) + at);
  Pack<float, kVec> values;
  DN_UNROLL
  for (int i = 0; i < kVec; ++i) values.item[i] = to_float(pack.item[i]);
  return values;
}

__device__ __forceinline__ Pack<float, kVec> load_gradients(const ListedTensor& t, int64_t at) {
  if (t.grad_dtype == DN_DTYPE_BF16) return widen<__nv_bfloat16>(t.grad, at);
  if (t.grad_dtype == DN_DTYPE_F16) return widen<__half>(t.grad, at);
  return widen<float>(t.grad, at);
}

__device__ __forceinline__ float load_gradient(const ListedTensor& t, int64_t at) {
  if (t.grad_dtype == DN_DTYPE_BF16) return load_element<__nv_bfloat16>(t.grad, (uint64_t)at);
  if (t.grad_dtype == DN_DTYPE_F16) return load_element<__half>(t.grad, (uint64_t)at);
  return load_element<float>(t.grad, (uint64_t)at);
}

template <typename Rule>
__global__ void __launch_bounds__(kBlock)
    optimizer_update_kernel(const __grid_constant__ ListParams p) {
  int low = 0, high = p.count - 1;  // the last tensor that starts at this block or before
  while (low < high) {
    const int middle = (low + high + 1) / 2;
    if (p.tensors[middle].first_block <= (int)blockIdx.x)
      low = middle;
    else
      high = middle - 1;
  }
  const ListedTensor& t = p.tensors[low];
  const Rule rule(p);
  const int64_t begin = (int64_t)((int)blockIdx.x - t.first_block) * kChunk;
  const int64_t end = begin + kChunk < t.numel ? begin + kChunk : t.numel;
  using FloatPack = Pack<float, kVec>;
  for (int64_t at = begin + threadIdx.x * kVec; at < end; at += kBlock * kVec) {
    if (t.packed && at + kVec <= end) {
      FloatPack w = *reinterpret_cast<const FloatPack*>(t.param + at);
      const FloatPack g = load_gradients(t, at);
      FloatPack a{}, b{};
      if constexpr (Rule::kStates > 0) a = *reinterpret_cast<const FloatPack*>(t.state0 + at);
      if constexpr (Rule::kStates > 1) b = *reinterpret_cast<const FloatPack*>(t.state1 + at);
      DN_UNROLL
      for (int i = 0; i < kVec; ++i) rule.update(w.item[i], g.item[i], a.item[i], b.item[i]);
      *reinterpret_cast<FloatPack*>(t.param + at) = w;
      if constexpr (Rule::kStates > 0) *reinterpret_cast<FloatPack*>(t.state0 + at) = a;
      if constexpr (Rule::kStates > 1) *reinterpret_cast<FloatPack*>(t.state1 + at) = b;
    } else {
      DN_UNROLL
      for (int v = 0; v < kVec; ++v) {
        const int64_t i = at + v;
        if (i >= end) continue;
        float a = 0.0f, b = 0.0f;
        if constexpr (Rule::kStates > 0) a = t.state0[i];
        if constexpr (Rule::kStates > 1) b = t.state1[i];
        float w = t.param[i];
        rule.update(w, load_gradient(t, i), a, b);
        t.param[i] = w;
        if constexpr (Rule::kStates > 0) t.state0[i] = a;
        if constexpr (Rule::kStates > 1) t.state1[i] = b;
      }
    }
  }
}

struct StepParams {
  int64_t* step;
  const float* learning_rate;
  float* factors;
  double beta1, beta2;
  float weight_decay;
  bool decoupled;
};

__global__ void adam_step_kernel(const StepParams p) {
  const int64_t step = *p.step + 1;
  *p.step = step;
  const double t = (double)step;
  const float learning_rate = *p.learning_rate;
  p.factors[0] = (float)(-learning_rate / (1.0 - pow(p.beta1, t)));
  p.factors[1] = (float)(1.0 / sqrt(1.0 - pow(p.beta2, t)));
  p.factors[2] = p.decoupled ? 1.0f - learning_rate * p.weight_decay : 1.0f;
  p.factors[3] = p.decoupled ? 0.0f : p.weight_decay;
}

// ---- host ----

template <typename Rule>
void launch_list(cudaStream_t stream, ListParams& list, int64_t blocks) {
  if (list.count > 0)
    launch(stream, "optimizer_update", optimizer_update_kernel<Rule>, dim3((unsigned)blocks),
           dim3(kBlock), 0, list);
  list.count = 0;
}

template <typename Rule>
void update(cudaStream_t stream, ListParams list, const OptimizerTensor* tensors, int64_t count) {
  int64_t blocks = 0;
  list.count = 0;
  for (int64_t i = 0; i < count; ++i) {
    const OptimizerTensor& t = tensors[i];
    if (t.numel == 0) continue;
    const int64_t more = divide_up(t.numel, kChunk);
    if (list.count == kTensorsPerLaunch || blocks + more > kMaxNarrowIndex) {
      launch_list<Rule>(stream, list, blocks);
      blocks = 0;
    }
    const bool packed = aligned_to(t.param, 16) &&
                        aligned_to(t.grad, (int64_t)kVec * dtype_bytes(t.grad_dtype)) &&
                        aligned_to(t.state0, 16) && aligned_to(t.state1, 16);
    list.tensors[list.count++] = {
        t.param,        t.grad, t.state0, t.state1, t.numel, (int32_t)blocks, (int16_t)t.grad_dtype,
        (int16_t)packed};
    blocks += more;
  }
  launch_list<Rule>(stream, list, blocks);
}

}  // namespace

void sgd_update(cudaStream_t stream, const SgdParams& p) {
  ListParams list{};
  list.learning_rate = p.learning_rate;
  list.momentum = p.momentum;
  list.weight_decay = p.weight_decay;
  if (p.momentum == 0)
    update<SgdRule<Momentum::None>>(stream, list, p.tensors, p.tensor_count);
  else if (p.nesterov)
    update<SgdRule<Momentum::Nesterov>>(stream, list, p.tensors, p.tensor_count);
  else
    update<SgdRule<Momentum::Plain>>(stream, list, p.tensors, p.tensor_count);
}

void adam_update(cudaStream_t stream, const AdamParams& p) {
  const StepParams step{p.step,         p.learning_rate,         p.factors, p.beta1, p.beta2,
                        p.weight_decay, p.decoupled_weight_decay};
  launch(stream, "adam_step", adam_step_kernel, dim3(1), dim3(1), 0, step);
  ListParams list{};
  list.factors = p.factors;
  list.beta2 = p.beta2;
  list.rest1 = (float)(1.0 - (double)p.beta1);
  list.rest2 = (float)(1.0 - (double)p.beta2);
  list.epsilon = p.epsilon;
  update<AdamRule>(stream, list, p.tensors, p.tensor_count);
}

}  // namespace dn::cuda
