// reduce: sum, mean, maximum and argmax over any axes; in two stages where outputs are few.
// Math      over r of x[o, r]: y[o] = scale * sum, or max (NaN wins), or argmax (ties: lowest;
//           NaN wins).
// Tensors   x (any strides) T | y (any strides) T or i32 | partial results in scratch.
// Needs     one reduced axis, or fewer than 2^31 elements per output.
// Grid      rows (reduced axis innermost): 1, 8, 32 or 256 threads an output. columns (kept axis
//           innermost): lanes along it, so that loads are coalesced; the rest of the block along
//           the reduced ones. grid.y splits the reduced elements; then one warp an output joins the
//           parts.
// Cost      bytes = sizeof(T) * numel(x) + small; ops = numel(x).
// Floor     bytes / DRAM bandwidth. Example channel sums of 256x56x56x64 f32: 206 MB -> 42.8 us at
//           4.8 TB/s (H200 data sheet).
// Deterministic: yes (a fixed tree; no atomics). The number of parts depends on the device.
// Why so    sums run in float over 32 elements, then in double: the error does not grow with the
//           length, at the price of 1/32 double addition an element.
#include "cuda/kernels/index.cuh"
#include "cuda/kernels/launch.cuh"
#include "cuda/kernels/reduce.h"

namespace dn::cuda {

namespace {

constexpr int kBlock = 256;
constexpr int kRun = 32;   // elements between flushes of a thread's float sum
constexpr int kBatch = 4;  // loads under way at a time

// ---- rules: what a thread keeps (Local), and what threads and parts exchange (State) ----

struct SumRule {
  using State = double;
  struct Local {
    double total = 0.0;
    float run = 0.0f;
  };
  static constexpr float kNeutral = 0.0f;
  static __device__ __forceinline__ void add(Local& local, float value, int32_t) {
    local.run += value;
  }
  static __device__ __forceinline__ void flush(Local& local) {
    local.total += (double)local.run;
    local.run = 0.0f;
  }
  static __device__ __forceinline__ State state(const Local& local) { return local.total; }
  static __device__ __forceinline__ State join(State a, State b) { return a + b; }
  static __device__ __forceinline__ State from_lane(State state, int mask) {
    return __shfl_xor_sync(kFullMask, state, mask);
  }
  template <typename T>
  static __device__ __forceinline__ void store(void* y, int64_t at, State state, double scale) {
    static_cast<T*>(y)[at] = from_float<T>((float)(state * scale));
  }
};

struct MaxRule {
  using State = float;
  struct Local {
    float best = kNeutral;
  };
  static constexpr float kNeutral = -INFINITY;
  static __device__ __forceinline__ State join(State a, State b) {
    return a != a || a >= b ? a : b;
  }
  static __device__ __forceinline__ void add(Local& local, float value, int32_t) {
    local.best = join(local.best, value);
  }
  static __device__ __forceinline__ void flush(Local&) {}
  static __device__ __forceinline__ State state(const Local& local) { return local.best; }
  static __device__ __forceinline__ State from_lane(State state, int mask) {
    return __shfl_xor_sync(kFullMask, state, mask);
  }
  template <typename T>
  static __device__ __forceinline__ void store(void* y, int64_t at, State state, double) {
    static_cast<T*>(y)[at] = from_float<T>(state);
  }
};

struct ArgmaxRule {
  struct State {
    float value;
    int32_t index;  // -1: nothing
  };
  struct Local {
    State best = {kNeutral, -1};
  };
  static constexpr float kNeutral = -INFINITY;
  static __device__ __forceinline__ State join(State a, State b) {
    if (a.index < 0 || b.index < 0) return a.index < 0 ? b : a;
    const bool a_nan = a.value != a.value, b_nan = b.value != b.value;
    if (a_nan != b_nan) return a_nan ? a : b;
    if (!a_nan && a.value != b.value) return a.value > b.value ? a : b;
    return a.index < b.index ? a : b;
  }
  static __device__ __forceinline__ void add(Local& local, float value, int32_t index) {
    local.best = join(local.best, {value, index});
  }
  static __device__ __forceinline__ void flush(Local&) {}
  static __device__ __forceinline__ State state(const Local& local) { return local.best; }
  static __device__ __forceinline__ State from_lane(State state, int mask) {
    return {__shfl_xor_sync(kFullMask, state.value, mask),
            __shfl_xor_sync(kFullMask, state.index, mask)};
  }
  template <typename T>
  static __device__ __forceinline__ void store(void* y, int64_t at, State state, double) {
    static_cast<int32_t*>(y)[at] = state.index;
  }
};

// ---- what the kernels get ----

struct KernelParams {
  const void* x;
  void* y;
  void* partials;  // [part][output] states; null: one part, straight to y
  double scale;
  int64_t outputs, length;  // length: reduced elements of one output
  int64_t part_length;      // of one grid.y
  int32_t kept_rank, reduced_rank;
  int64_t kept_dims[DN_MAX_RANK];  // innermost first, as all below
  int64_t kept_strides[DN_MAX_RANK];
  int64_t y_strides[DN_MAX_RANK];
  FastDivider reduced_dims[DN_MAX_RANK];
  int64_t reduced_strides[DN_MAX_RANK];
  int32_t column_bits;  // columns: 2^bits lanes along the innermost kept axis
  int64_t column_tiles;

  __device__ __forceinline__ int64_t kept_offset(int64_t output,
                                                 const int64_t (&strides)[DN_MAX_RANK]) const {
    int64_t offset = 0;
    for (int axis = 0; axis < kept_rank; ++axis) {
      offset += output % kept_dims[axis] * strides[axis];
      output /= kept_dims[axis];
    }
    return offset;
  }
  __device__ __forceinline__ int64_t reduced_offset(int64_t at) const {
    if (reduced_rank == 1) return at * reduced_strides[0];
    uint32_t rest = (uint32_t)at;
    int64_t offset = 0;
    for (int axis = 0; axis < reduced_rank; ++axis) {
      const uint32_t next = reduced_dims[axis].divide(rest);
      offset += (int64_t)(rest - next * reduced_dims[axis].divisor) * reduced_strides[axis];
      rest = next;
    }
    return offset;
  }
};

template <typename Rule, typename T>
__device__ __forceinline__ void finish(const KernelParams& p, int64_t output, int part,
                                       typename Rule::State state) {
  if (p.partials)
    static_cast<typename Rule::State*>(p.partials)[part * p.outputs + output] = state;
  else
    Rule::template store<T>(p.y, p.kept_offset(output, p.y_strides), state, p.scale);
}

// The elements first, first + step, .. below end.
template <typename Rule, typename T>
__device__ __forceinline__ typename Rule::State accumulate(const KernelParams& p, const T* x,
                                                           int64_t first, int64_t step,
                                                           int64_t end) {
  typename Rule::Local local;
  for (int64_t at = first; at < end;) {
    for (int batch = 0; batch < kRun / kBatch && at < end; ++batch) {
      float values[kBatch];
      DN_UNROLL
      for (int i = 0; i < kBatch; ++i) {
        const int64_t place = at + i * step;
        values[i] = place < end ? to_float(x[p.reduced_offset(place)]) : Rule::kNeutral;
      }
      DN_UNROLL
      for (int i = 0; i < kBatch; ++i) {
        const int64_t place = at + i * step;
        Rule::add(local, values[i], place < end ? (int32_t)place : -1);
      }
      at += kBatch * step;
    }
    Rule::flush(local);
  }
  return Rule::state(local);
}

template <typename Rule, int kLanes>
__device__ __forceinline__ typename Rule::State join_lanes(typename Rule::State state) {
  DN_UNROLL
  for (int mask = (kLanes < 32 ? kLanes : 32) / 2; mask > 0; mask /= 2)
    state = Rule::join(state, Rule::from_lane(state, mask));
  return state;
}

// ---- rows ----

template <typename Rule, typename T, int kLanes>
__global__ void __launch_bounds__(kBlock)
    reduce_rows_kernel(const __grid_constant__ KernelParams p) {
  using State = typename Rule::State;
  const int lane = (int)threadIdx.x % kLanes;
  const int64_t output = (int64_t)blockIdx.x * (kBlock / kLanes) + threadIdx.x / kLanes;
  const int64_t begin = (int64_t)blockIdx.y * p.part_length;
  const int64_t end = begin + p.part_length < p.length ? begin + p.part_length : p.length;
  State state = Rule::state({});
  if (output < p.outputs)
    state =
        accumulate<Rule, T>(p, static_cast<const T*>(p.x) + p.kept_offset(output, p.kept_strides),
                            begin + lane, kLanes, end);
  state = join_lanes<Rule, kLanes>(state);
  if constexpr (kLanes > 32) {
    DN_SHARED(State, warps, [kBlock / 32]);
    if (threadIdx.x % 32 == 0) warps[threadIdx.x / 32] = state;
    __syncthreads();  // all warps have left their sums
    if (threadIdx.x == 0)
      for (int warp = 1; warp < kBlock / 32; ++warp) state = Rule::join(state, warps[warp]);
  }
  if (lane == 0 && output < p.outputs) finish<Rule, T>(p, output, (int)blockIdx.y, state);
}

// ---- columns ----

template <typename Rule, typename T>
__global__ void __launch_bounds__(kBlock)
    reduce_columns_kernel(const __grid_constant__ KernelParams p) {
  using State = typename Rule::State;
  DN_SHARED(State, states, [kBlock]);
  const int columns = 1 << p.column_bits, rows = kBlock >> p.column_bits;
  const int row = (int)threadIdx.x >> p.column_bits;
  const int64_t column =
      blockIdx.x % p.column_tiles * columns + (threadIdx.x & (unsigned)(columns - 1));
  const int64_t output = blockIdx.x / p.column_tiles * p.kept_dims[0] + column;
  const int64_t begin = (int64_t)blockIdx.y * p.part_length;
  const int64_t end = begin + p.part_length < p.length ? begin + p.part_length : p.length;
  const bool inside = column < p.kept_dims[0];
  State state = Rule::state({});
  if (inside)
    state =
        accumulate<Rule, T>(p, static_cast<const T*>(p.x) + p.kept_offset(output, p.kept_strides),
                            begin + row, rows, end);
  states[threadIdx.x] = state;
  for (int step = kBlock / 2; step >= columns; step /= 2) {
    __syncthreads();  // the upper half is complete
    if ((int)threadIdx.x < step)
      states[threadIdx.x] = Rule::join(states[threadIdx.x], states[threadIdx.x + step]);
  }
  if (row == 0 && inside) finish<Rule, T>(p, output, (int)blockIdx.y, states[threadIdx.x]);
}

// ---- the second stage: one warp an output ----

template <typename Rule, typename T>
__global__ void __launch_bounds__(kBlock)
    reduce_parts_kernel(const __grid_constant__ KernelParams p, int parts) {
  using State = typename Rule::State;
  const int lane = (int)threadIdx.x % 32;
  const int64_t output = (int64_t)blockIdx.x * (kBlock / 32) + threadIdx.x / 32;
  State state = Rule::state({});
  if (output < p.outputs)
    for (int part = lane; part < parts; part += 32)
      state = Rule::join(state, static_cast<const State*>(p.partials)[part * p.outputs + output]);
  state = join_lanes<Rule, 32>(state);
  if (lane == 0 && output < p.outputs)
    Rule::template store<T>(p.y, p.kept_offset(output, p.y_strides), state, p.scale);
}

// ---- host ----

struct Axis {
  int64_t extent, stride, y_stride;
  bool reduced;
};

struct Plan {
  KernelParams params{};
  bool columns = false;
  int lanes = 1;  // rows
  int64_t blocks = 0, parts = 1;
};

// Axes in the order of memory of x, outermost first; neighbours that both tensors walk as one
// are joined.
int simplify(const ReduceParams& p, Axis (&axes)[DN_MAX_RANK]) {
  int rank = 0;
  for (int i = 0; i < p.rank; ++i) {
    if (p.dims[i] == 1) continue;
    const bool reduced = p.axes >> i & 1;
    Axis axis{p.dims[i], p.x_strides[i], reduced ? 0 : p.y_strides[i], reduced};
    int at = rank++;
    for (; at > 0 && axes[at - 1].stride < axis.stride; --at) axes[at] = axes[at - 1];
    axes[at] = axis;
  }
  int joined = 0;
  for (int i = 0; i < rank; ++i) {
    Axis* outer = joined > 0 ? &axes[joined - 1] : nullptr;
    const Axis axis = axes[i];
    if (outer && outer->reduced == axis.reduced && outer->stride == axis.extent * axis.stride &&
        outer->y_stride == axis.extent * axis.y_stride)
      *outer = {outer->extent * axis.extent, axis.stride, axis.y_stride, axis.reduced};
    else
      axes[joined++] = axis;
  }
  return joined;
}

Plan make_plan(const ReduceParams& p) {
  constexpr int64_t kBlocksPerMultiprocessor = 4;
  constexpr int64_t kLeastPerThread = 16;
  Axis axes[DN_MAX_RANK];
  const int rank = simplify(p, axes);
  Plan plan;
  KernelParams& k = plan.params;
  k.x = p.x;
  k.y = p.y;
  k.outputs = k.length = 1;
  for (int i = rank - 1; i >= 0; --i) {
    const Axis& axis = axes[i];
    if (axis.reduced) {
      // Not used of an axis that is alone, which may be longer, or empty.
      const bool fits = axis.extent > 0 && axis.extent <= kMaxNarrowIndex;
      k.reduced_dims[k.reduced_rank] = FastDivider(fits ? axis.extent : 1);
      k.reduced_strides[k.reduced_rank++] = axis.stride;
      k.length *= axis.extent;
    } else {
      k.kept_dims[k.kept_rank] = axis.extent;
      k.kept_strides[k.kept_rank] = axis.stride;
      k.y_strides[k.kept_rank++] = axis.y_stride;
      k.outputs *= axis.extent;
    }
  }
  if (k.reduced_rank == 0) k.reduced_rank = 1;  // one element: its offset is 0
  k.scale = p.mode == DN_REDUCE_MEAN ? 1.0 / (double)k.length : 1.0;
  if (k.outputs == 0) return plan;

  int64_t threads_per_output;
  plan.columns = rank > 0 && !axes[rank - 1].reduced && k.length > 1;
  if (plan.columns) {
    while (k.column_bits < 5 && (int64_t{1} << k.column_bits) < k.kept_dims[0]) ++k.column_bits;
    k.column_tiles = divide_up(k.kept_dims[0], int64_t{1} << k.column_bits);
    plan.blocks = k.outputs / k.kept_dims[0] * k.column_tiles;
    threads_per_output = kBlock >> k.column_bits;
  } else {
    plan.lanes = k.length <= 4 ? 1 : k.length <= 64 ? 8 : k.length <= 2048 ? 32 : kBlock;
    plan.blocks = divide_up(k.outputs, kBlock / plan.lanes);
    threads_per_output = plan.lanes;
  }
  const int64_t wanted = divide_up(p.multiprocessors * kBlocksPerMultiprocessor, plan.blocks);
  const int64_t most = k.length / (threads_per_output * kLeastPerThread);
  plan.parts = wanted < most ? wanted : most;
  if (plan.parts < 1 || (!plan.columns && plan.lanes < kBlock)) plan.parts = 1;
  k.part_length = divide_up(k.length, plan.parts);
  plan.parts = k.part_length > 0 ? divide_up(k.length, k.part_length) : 1;
  return plan;
}

constexpr int64_t kStateBytes = 8;
static_assert(sizeof(SumRule::State) == kStateBytes && sizeof(ArgmaxRule::State) == kStateBytes);

template <typename Rule, typename T>
void launch_reduce(cudaStream_t stream, const ReduceParams& p) {
  Plan plan = make_plan(p);
  KernelParams& k = plan.params;
  if (plan.parts > 1) k.partials = p.scratch;
  const dim3 grid((unsigned)plan.blocks, (unsigned)plan.parts), block(kBlock);
  if (plan.columns)
    launch(stream, "reduce_columns", reduce_columns_kernel<Rule, T>, grid, block, 0, k);
  else if (plan.lanes == 1)
    launch(stream, "reduce_rows", reduce_rows_kernel<Rule, T, 1>, grid, block, 0, k);
  else if (plan.lanes == 8)
    launch(stream, "reduce_rows", reduce_rows_kernel<Rule, T, 8>, grid, block, 0, k);
  else if (plan.lanes == 32)
    launch(stream, "reduce_rows", reduce_rows_kernel<Rule, T, 32>, grid, block, 0, k);
  else
    launch(stream, "reduce_rows", reduce_rows_kernel<Rule, T, kBlock>, grid, block, 0, k);
  if (plan.parts > 1)
    launch(stream, "reduce_parts", reduce_parts_kernel<Rule, T>,
           dim3(blocks_for(k.outputs, kBlock / 32)), block, 0, k, (int)plan.parts);
}

template <typename Rule>
void launch_typed(cudaStream_t stream, const ReduceParams& p) {
  if (p.dtype == DN_DTYPE_BF16) return launch_reduce<Rule, __nv_bfloat16>(stream, p);
  if (p.dtype == DN_DTYPE_F16) return launch_reduce<Rule, __half>(stream, p);
  launch_reduce<Rule, float>(stream, p);
}

}  // namespace

bool can_reduce(const ReduceParams& p) {
  const KernelParams& k = make_plan(p).params;
  return k.reduced_rank == 1 || k.length <= kMaxNarrowIndex;
}

int64_t reduce_scratch_bytes(const ReduceParams& p) {
  const Plan plan = make_plan(p);
  return plan.parts > 1 ? plan.parts * plan.params.outputs * kStateBytes : 0;
}

void reduce(cudaStream_t stream, const ReduceParams& p) {
  switch (p.mode) {
    case DN_REDUCE_SUM:
    case DN_REDUCE_MEAN:
      return launch_typed<SumRule>(stream, p);
    case DN_REDUCE_MAX:
      return launch_typed<MaxRule>(stream, p);
    case DN_REDUCE_ARGMAX:
      return launch_typed<ArgmaxRule>(stream, p);
  }
}

}  // namespace dn::cuda
