// recurrent_{forward,backward}: the steps of a recurrent layer, each a product (gemm.h) and a pass
// over the states; the weight's gradient is one product over all steps.
// Math      see dn_recurrent_cell; backward: the chain rule from the last step to the first.
// Tensors   gates (T,N,G*H) | weight (G*H,H) | states (N,H) | y (T,N,H) | reserve (T,N,5,H), float32.
//           workspace: products (N,G*H), states and, backward, what gemm needs.
// Grid      cell kernels: one thread = one unit of one sample; block 256.
// Cost      a step: 2 N G H^2 operations; bytes = 4 (G H^2 + N H (2 G + 8)). Backward: twice the
//           operations.
// Floor     operations / throughput, but no step before the one before: T times the weight from the
//           second-level cache, and two launches. Example H512 N32 LSTM: 67 MFLOP and 4.2 MB a step,
//           1.0 us and 0.8 us at 67 TFLOP/s float32 and about 5 TB/s (H200 data sheet); two launches in
//           a graph take about 3 us and bound it.
// Measured  bench/results.  Deterministic: yes; all sums have an order that depends on the shape.
// Why so    the product's tiles and the gates' functions want different grids: a kernel that keeps
//           all steps would need a barrier of the grid and a weight that fits into registers.
#include "cuda/kernels/column_sum.h"
#include "cuda/kernels/index.cuh"
#include "cuda/kernels/launch.cuh"
#include "cuda/kernels/math.cuh"
#include "cuda/kernels/recurrent.h"

namespace dn::cuda {

namespace {

constexpr int kBlock = 256;

// One thread's place in a step: a unit of a sample.
struct Place {
  int64_t sample, unit, state;  // state: of the unit in (N, H)
};

// The step that follows another in memory order is the next or, reversed, the previous one of the
// recurrence.
struct StepView {
  int64_t step, steps, batch, hidden;
  FastDivider units;
  bool reverse;
  const int32_t* lengths;

  __device__ __forceinline__ bool place(Place& at) const {
    const uint32_t i = blockIdx.x * kBlock + threadIdx.x;
    if (i >= (uint32_t)(batch * hidden)) return false;
    at.sample = units.divide(i);
    at.unit = i - at.sample * hidden;
    at.state = i;
    return true;
  }
  __device__ __forceinline__ bool ended(int64_t sample) const {
    return lengths && step >= lengths[sample];
  }
  // Whether the step is the sample's first in the order of the recurrence.
  __device__ __forceinline__ bool starts(int64_t sample) const {
    if (!reverse) return step == 0;
    return step + 1 == steps || (lengths && step + 1 == lengths[sample]);
  }
  __device__ __forceinline__ int64_t row(int64_t sample) const { return step * batch + sample; }
  __device__ __forceinline__ int64_t row_before(int64_t sample) const {
    return (reverse ? step + 1 : step - 1) * batch + sample;
  }
};

StepView view_of(const RecurrentShape& s, const int32_t* lengths, int64_t step) {
  return {step, s.steps, s.batch, s.hidden, FastDivider(s.hidden), s.reverse, lengths};
}

__global__ void recurrent_lengths_kernel(const int32_t* lengths, int64_t batch, int64_t steps,
                                         unsigned long long* fault) {
  const int64_t n = (int64_t)blockIdx.x * kBlock + threadIdx.x;
  if (n < batch && (lengths[n] < 1 || lengths[n] > steps))
    atomicMin(fault, (unsigned long long)n << 32 | (uint32_t)lengths[n]);
}

// ---- forward

struct ForwardStep {
  StepView view;
  const float *gates, *bias;
  const float* products;       // (N, G*H); null: zeros
  const float* hidden_before;  // (N, H); null: zeros
  const float* cell_before;    // likewise
  float *cell_after, *y;
  float* hidden_after;  // null: y has it
  float* final_hidden;  // of the last step only
  float* reserve;
};

// The gates of one unit are `hidden` apart.
template <int kCell>
__device__ __forceinline__ float forward_unit(const ForwardStep& p, const Place& at) {
  constexpr int kGates = kCell == DN_RECURRENT_LSTM ? 4 : kCell == DN_RECURRENT_GRU ? 3 : 1;
  const int64_t hidden = p.view.hidden, width = kGates * hidden;
  const float* gates = p.gates + p.view.row(at.sample) * width + at.unit;
  float* reserve = p.reserve
                       ? p.reserve + p.view.row(at.sample) * DN_RECURRENT_RESERVE * hidden + at.unit
                       : nullptr;
  float x[kGates], m[kGates];
  DN_UNROLL for (int g = 0; g < kGates; ++g) {
    x[g] = gates[g * hidden];
    m[g] = p.products ? p.products[at.sample * width + g * hidden + at.unit] : 0.0f;
    if (p.bias) m[g] += p.bias[g * hidden + at.unit];
  }
  const auto keep = [&](int slot, float value) {
    if (reserve) reserve[slot * hidden] = value;
  };
  if constexpr (kCell == DN_RECURRENT_TANH) {
    return tanhf(x[0] + m[0]);
  } else if constexpr (kCell == DN_RECURRENT_RELU) {
    const float a = x[0] + m[0];
    return a < 0.0f ? 0.0f : a;
  } else if constexpr (kCell == DN_RECURRENT_LSTM) {
    const float i = sigmoid(x[0] + m[0]), f = sigmoid(x[1] + m[1]);
    const float g = tanhf(x[2] + m[2]), o = sigmoid(x[3] + m[3]);
    const float c = f * (p.cell_before ? p.cell_before[at.state] : 0.0f) + i * g;
    p.cell_after[at.state] = c;
    keep(0, i), keep(1, f), keep(2, g), keep(3, o), keep(4, c);
    return o * tanhf(c);
  } else {
    const float r = sigmoid(x[0] + m[0]), z = sigmoid(x[1] + m[1]);
    const float n = tanhf(x[2] + r * m[2]);
    const float h = p.hidden_before ? p.hidden_before[at.state] : 0.0f;
    keep(0, r), keep(1, z), keep(2, n), keep(3, m[2]);
    return n + z * (h - n);
  }
}

template <int kCell>
__global__ void __launch_bounds__(kBlock)
    recurrent_forward_kernel(const __grid_constant__ ForwardStep p) {
  Place at;
  if (!p.view.place(at)) return;
  float* y = p.y + p.view.row(at.sample) * p.view.hidden + at.unit;
  float h;
  if (p.view.ended(at.sample)) {
    h = p.hidden_before ? p.hidden_before[at.state] : 0.0f;
    if (kCell == DN_RECURRENT_LSTM)
      p.cell_after[at.state] = p.cell_before ? p.cell_before[at.state] : 0.0f;
    *y = 0.0f;
  } else {
    h = forward_unit<kCell>(p, at);
    *y = h;
  }
  if (p.hidden_after) p.hidden_after[at.state] = h;
  if (p.final_hidden) p.final_hidden[at.state] = h;
}

// ---- backward

struct BackwardStep {
  StepView view;
  const float *initial_hidden, *initial_cell, *y, *reserve, *grad_y;
  const float* grad_hidden;  // of the state behind the step; null: zeros
  const float* grad_cell;    // likewise
  float* grad_cell_before;
  float* direct;  // what reaches the state before, but not through the gates
  float *grad_gates, *grad_products;
};

template <int kCell>
__device__ __forceinline__ void backward_unit(const BackwardStep& p, const Place& at, float dh,
                                              float* gates, float* products, float& direct) {
  const int64_t hidden = p.view.hidden, row = p.view.row(at.sample);
  const float* reserve = p.reserve + row * DN_RECURRENT_RESERVE * hidden + at.unit;
  const auto kept = [&](int slot) { return reserve[slot * hidden]; };
  if constexpr (kCell == DN_RECURRENT_TANH) {
    const float y = p.y[row * hidden + at.unit];
    gates[0] = dh * (1.0f - y * y);
  } else if constexpr (kCell == DN_RECURRENT_RELU) {
    gates[0] = p.y[row * hidden + at.unit] > 0.0f ? dh : 0.0f;
  } else if constexpr (kCell == DN_RECURRENT_LSTM) {
    const float i = kept(0), f = kept(1), g = kept(2), o = kept(3), t = tanhf(kept(4));
    float before = 0.0f;
    if (!p.view.starts(at.sample))
      before =
          p.reserve[(p.view.row_before(at.sample) * DN_RECURRENT_RESERVE + 4) * hidden + at.unit];
    else if (p.initial_cell)
      before = p.initial_cell[at.state];
    const float later = p.grad_cell ? p.grad_cell[at.state] : 0.0f;
    const float dc = later + dh * o * (1.0f - t * t);
    gates[0] = dc * g * i * (1.0f - i);
    gates[1] = dc * before * f * (1.0f - f);
    gates[2] = dc * i * (1.0f - g * g);
    gates[3] = dh * t * o * (1.0f - o);
    p.grad_cell_before[at.state] = dc * f;
  } else {
    const float r = kept(0), z = kept(1), n = kept(2), m = kept(3);
    float before = 0.0f;
    if (!p.view.starts(at.sample))
      before = p.y[p.view.row_before(at.sample) * hidden + at.unit];
    else if (p.initial_hidden)
      before = p.initial_hidden[at.state];
    gates[2] = dh * (1.0f - z) * (1.0f - n * n);
    gates[0] = products[0] = gates[2] * m * r * (1.0f - r);
    gates[1] = products[1] = dh * (before - n) * z * (1.0f - z);
    products[2] = gates[2] * r;
    direct = dh * z;
  }
}

template <int kCell>
__global__ void __launch_bounds__(kBlock)
    recurrent_backward_kernel(const __grid_constant__ BackwardStep p) {
  constexpr int kGates = kCell == DN_RECURRENT_LSTM ? 4 : kCell == DN_RECURRENT_GRU ? 3 : 1;
  Place at;
  if (!p.view.place(at)) return;
  const int64_t row = p.view.row(at.sample), hidden = p.view.hidden;
  const float later = p.grad_hidden ? p.grad_hidden[at.state] : 0.0f;
  float gates[kGates] = {}, products[kGates] = {}, direct = 0.0f;
  if (p.view.ended(at.sample)) {
    direct = later;
    if (kCell == DN_RECURRENT_LSTM)
      p.grad_cell_before[at.state] = p.grad_cell ? p.grad_cell[at.state] : 0.0f;
  } else {
    const float dh = later + (p.grad_y ? p.grad_y[row * hidden + at.unit] : 0.0f);
    backward_unit<kCell>(p, at, dh, gates, products, direct);
  }
  p.direct[at.state] = direct;
  const int64_t first = row * kGates * hidden + at.unit;
  DN_UNROLL for (int g = 0; g < kGates; ++g) {
    p.grad_gates[first + g * hidden] = gates[g];
    if (kCell == DN_RECURRENT_GRU) p.grad_products[first + g * hidden] = products[g];
  }
}

// The hidden states before every step, (T, N, H), for the gradient of the weight.
__global__ void __launch_bounds__(kBlock)
    recurrent_states_kernel(const StepView first, const float* __restrict__ y,
                            const float* __restrict__ initial, float* __restrict__ states) {
  StepView view = first;
  view.step = blockIdx.y;
  Place at;
  if (!view.place(at)) return;
  states[view.row(at.sample) * view.hidden + at.unit] =
      view.starts(at.sample) ? initial[at.state]
                             : y[view.row_before(at.sample) * view.hidden + at.unit];
}

// ---- launches

int64_t step_of(const RecurrentShape& s, int64_t position) {
  return s.reverse ? s.steps - 1 - position : position;
}

unsigned cell_blocks(const RecurrentShape& s) {
  return blocks_for(s.batch * s.hidden, kBlock);
}

// Calls body(std::integral_constant<cell>).
template <typename Body>
void with_cell(int32_t cell, const Body& body) {
  switch (cell) {
    case DN_RECURRENT_TANH:
      return body(std::integral_constant<int, DN_RECURRENT_TANH>{});
    case DN_RECURRENT_RELU:
      return body(std::integral_constant<int, DN_RECURRENT_RELU>{});
    case DN_RECURRENT_LSTM:
      return body(std::integral_constant<int, DN_RECURRENT_LSTM>{});
    default:
      return body(std::integral_constant<int, DN_RECURRENT_GRU>{});
  }
}

void check_lengths(cudaStream_t stream, const RecurrentShape& s, const int32_t* lengths,
                   unsigned long long* fault) {
  if (lengths)
    launch(stream, "recurrent_lengths", recurrent_lengths_kernel, dim3(blocks_for(s.batch, kBlock)),
           dim3(kBlock), 0, lengths, s.batch, s.steps, fault);
}

// (N, H) times the weight's transpose: (N, G*H).
Gemm forward_product(const RecurrentShape& s) {
  Gemm g;
  g.rows = (int32_t)s.batch, g.columns = (int32_t)s.width(), g.depth = (int32_t)s.hidden;
  g.float32 = s.float32;
  g.a = gemm_matrix(nullptr, s.batch, s.hidden, s.hidden);
  g.b = gemm_matrix(nullptr, s.width(), s.hidden, s.hidden);
  g.c_pixel_stride = s.width();
  return g;
}

// (N, G*H) times the weight, plus what reaches the state otherwise: (N, H).
Gemm backward_product(const RecurrentShape& s) {
  Gemm g;
  g.rows = (int32_t)s.batch, g.columns = (int32_t)s.hidden, g.depth = (int32_t)s.width();
  g.float32 = s.float32;
  g.a = gemm_matrix(nullptr, s.batch, s.width(), s.width());
  g.b = gemm_matrix(nullptr, s.width(), s.hidden, s.hidden);
  g.b_depth = GemmDepth::AlongPositions;
  g.c_pixel_stride = s.hidden;
  g.epilogue = GemmEpilogue::Add;
  return g;
}

// Products' gradients^T times the states before: (G*H, H). Without an initial state the first step
// adds nothing.
Gemm weight_product(const RecurrentShape& s, bool initial) {
  const int64_t samples = (s.steps - (initial ? 0 : 1)) * s.batch;
  Gemm g;
  g.rows = (int32_t)s.width(), g.columns = (int32_t)s.hidden, g.depth = (int32_t)samples;
  g.float32 = s.float32;
  g.a = gemm_matrix(nullptr, samples, s.width(), s.width());
  g.b = gemm_matrix(nullptr, samples, s.hidden, s.hidden);
  g.a_depth = g.b_depth = GemmDepth::AlongPositions;
  g.c_pixel_stride = s.hidden;
  return g;
}

// Cuts a workspace into parts that are aligned to 256 bytes.
class Cutter {
 public:
  explicit Cutter(void* base) : base_(static_cast<char*>(base)) {}
  float* take(int64_t floats) {
    return static_cast<float*>(bytes(floats * (int64_t)sizeof(float)));
  }
  void* bytes(int64_t count) {
    void* part = base_ ? base_ + used_ : nullptr;
    used_ += divide_up(count, 256) * 256;
    return count > 0 ? part : nullptr;
  }
  int64_t used() const { return used_; }

 private:
  char* base_;
  int64_t used_ = 0;
};

struct ForwardSpace {
  float *products, *cell, *states[2];
  void* gemm;
  int64_t used;

  ForwardSpace(const RecurrentForward& p, const RecurrentPlan& plan, void* base) {
    const RecurrentShape& s = p.shape;
    Cutter cut(base);
    const int64_t state = s.batch * s.hidden;
    products = cut.take(s.batch * s.width());
    cell = p.final_cell ? p.final_cell : cut.take(s.cell == DN_RECURRENT_LSTM ? state : 0);
    for (float*& place : states) place = cut.take(p.lengths ? state : 0);
    gemm = cut.bytes(gemm_workspace_bytes(forward_product(s), plan.step));
    used = cut.used();
  }
};

struct BackwardSpace {
  float *hidden, *cell, *direct;
  float* products;  // GRU: gradients of h W^T + bias, which are not those of the gates
  float* states;    // with an initial state: those before every step
  void* rest;       // of products and sums, one after the other
  int64_t used;

  BackwardSpace(const RecurrentBackward& p, const RecurrentPlan& plan, void* base) {
    const RecurrentShape& s = p.shape;
    Cutter cut(base);
    const int64_t state = s.batch * s.hidden, samples = s.steps * s.batch;
    hidden = cut.take(state);
    direct = cut.take(state);
    cell = p.grad_initial_cell ? p.grad_initial_cell
                               : cut.take(s.cell == DN_RECURRENT_LSTM ? state : 0);
    products = cut.take(s.cell == DN_RECURRENT_GRU ? samples * s.width() : 0);
    states = cut.take(p.initial_hidden ? samples * s.hidden : 0);
    int64_t most = gemm_workspace_bytes(backward_product(s), plan.step);
    for (const int64_t bytes :
         {gemm_workspace_bytes(weight_product(s, p.initial_hidden), plan.weight),
          p.grad_bias ? column_sum_workspace_bytes(samples, s.width()) : int64_t{0}})
      if (bytes > most) most = bytes;
    rest = cut.bytes(most);
    used = cut.used();
  }
};

}  // namespace

RecurrentPlan plan_recurrent_forward(const RecurrentForward& p, int multiprocessors) {
  RecurrentPlan plan;
  plan.step = plan_gemm(forward_product(p.shape), multiprocessors);
  plan.workspace_bytes = ForwardSpace(p, plan, nullptr).used;
  return plan;
}

RecurrentPlan plan_recurrent_backward(const RecurrentBackward& p, int multiprocessors) {
  RecurrentPlan plan;
  plan.step = plan_gemm(backward_product(p.shape), multiprocessors);
  plan.weight = plan_gemm(weight_product(p.shape, p.initial_hidden), multiprocessors);
  plan.workspace_bytes = BackwardSpace(p, plan, nullptr).used;
  return plan;
}

void recurrent_forward(cudaStream_t stream, const RecurrentForward& p, const RecurrentPlan& plan,
                       void* workspace) {
  const RecurrentShape& s = p.shape;
  const ForwardSpace space(p, plan, workspace);
  check_lengths(stream, s, p.lengths, p.bad_length);
  Gemm product = forward_product(s);
  product.b.data = p.weight;
  product.c = space.products;
  const float *hidden = p.initial_hidden, *cell = p.initial_cell;
  for (int64_t position = 0; position < s.steps; ++position) {
    const int64_t step = step_of(s, position);
    if (hidden) {
      product.a.data = hidden;
      gemm(stream, product, plan.step, space.gemm);
    }
    ForwardStep f{};
    f.view = view_of(s, p.lengths, step);
    f.gates = p.gates, f.bias = p.bias;
    f.products = hidden ? space.products : nullptr;
    f.hidden_before = hidden, f.cell_before = cell;
    f.cell_after = space.cell, f.y = p.y;
    f.hidden_after = p.lengths ? space.states[position % 2] : nullptr;
    f.final_hidden = position + 1 == s.steps ? p.final_hidden : nullptr;
    f.reserve = p.reserve;
    with_cell(s.cell, [&](auto kind) {
      launch(stream, "recurrent_forward", recurrent_forward_kernel<decltype(kind)::value>,
             dim3(cell_blocks(s)), dim3(kBlock), 0, f);
    });
    hidden = p.lengths ? f.hidden_after : p.y + step * s.batch * s.hidden;
    cell = space.cell;
  }
}

void recurrent_backward(cudaStream_t stream, const RecurrentBackward& p, const RecurrentPlan& plan,
                        void* workspace) {
  const RecurrentShape& s = p.shape;
  const BackwardSpace space(p, plan, workspace);
  check_lengths(stream, s, p.lengths, p.bad_length);
  float* grad_products = s.cell == DN_RECURRENT_GRU ? space.products : p.grad_gates;
  Gemm product = backward_product(s);
  product.b.data = p.weight;
  product.input[0] = space.direct;
  const float *hidden = p.grad_final_hidden, *cell = p.grad_final_cell;
  for (int64_t position = s.steps - 1; position >= 0; --position) {
    const int64_t step = step_of(s, position);
    BackwardStep b{};
    b.view = view_of(s, p.lengths, step);
    b.initial_hidden = p.initial_hidden, b.initial_cell = p.initial_cell;
    b.y = p.y, b.reserve = p.reserve, b.grad_y = p.grad_y;
    b.grad_hidden = hidden, b.grad_cell = cell;
    b.grad_cell_before = space.cell, b.direct = space.direct;
    b.grad_gates = p.grad_gates, b.grad_products = grad_products;
    with_cell(s.cell, [&](auto kind) {
      launch(stream, "recurrent_backward", recurrent_backward_kernel<decltype(kind)::value>,
             dim3(cell_blocks(s)), dim3(kBlock), 0, b);
    });
    if (position == 0 && !p.grad_initial_hidden) break;
    product.a.data = grad_products + step * s.batch * s.width();
    product.c = position == 0 ? p.grad_initial_hidden : space.hidden;
    gemm(stream, product, plan.step, space.rest);
    hidden = space.hidden;
    cell = space.cell;
  }

  Gemm weight = weight_product(s, p.initial_hidden);
  const int64_t skipped = p.initial_hidden || s.reverse ? 0 : 1;
  weight.a.data = grad_products + skipped * s.batch * s.width();
  weight.b.data = p.initial_hidden ? space.states : s.reverse ? p.y + s.batch * s.hidden : p.y;
  weight.c = p.grad_weight;
  if (p.initial_hidden)
    launch(stream, "recurrent_states", recurrent_states_kernel,
           dim3(cell_blocks(s), (unsigned)s.steps), dim3(kBlock), 0, view_of(s, p.lengths, 0), p.y,
           p.initial_hidden, space.states);
  gemm(stream, weight, plan.weight, space.rest);
  if (!p.grad_bias) return;
  ColumnSum bias;
  bias.rows = s.steps * s.batch, bias.columns = s.width();
  bias.x = grad_products, bias.y = p.grad_bias;
  column_sum(stream, bias, space.rest);
}

}  // namespace dn::cuda
