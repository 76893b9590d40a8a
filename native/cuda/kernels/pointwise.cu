// pointwise_program: any expression of up to 96 steps, interpreted.
// Math      y_j[i] = f_j(x0[..], x1[..], ..); arithmetic in float32; dn_instruction says what.
// Tensors   outputs dense, of any type; inputs of any type by any walk. One output may be a flat
//           input.
// Grid      one thread = 4 elements; block 128; no shared memory.
// Cost      bytes = numel * (sizes of flat inputs and outputs); ops = the expression's, and some
//           twenty for each step and 4 elements.
// Floor     bytes / DRAM bandwidth. Example two inputs of 256x64x56x56 f32: 617 MB -> 128 us at
//           4.8 TB/s (H200 data sheet).
// Deterministic: yes.
// Why so    values live in registers (expression.cuh), the program in the kernel's parameters.
//
// pointwise_wide: any expression whatever, its values in device memory, so that their number has no
// limit: 4 bytes written and read a step. For what nobody writes by hand.
#include "cuda/kernels/expression.cuh"
#include "cuda/kernels/launch.cuh"
#include "cuda/kernels/pointwise.h"
#include "cuda/kernels/pointwise_walk.cuh"

namespace dn::cuda {

namespace {

constexpr int kBlock = 128;
constexpr int kVec = 4;

// ---- walks ----

// The outputs' dimensions, for inputs that are strided.
template <typename Index>
struct Space {
  Index numel;
  int rank;
  typename DividerOf<Index>::Type dims[DN_MAX_RANK];  // innermost first

  __device__ __forceinline__ int64_t offset(const int64_t (&strides)[DN_MAX_RANK], Index i) const {
    int64_t result = 0;
    DN_UNROLL
    for (int axis = 0; axis < DN_MAX_RANK; ++axis) {
      if (axis >= rank) break;
      const Index next = dims[axis].divide(i);
      result += (int64_t)(i - next * (Index)dims[axis].divisor) * strides[axis];
      i = next;
    }
    return result;
  }
};

template <typename Index>
struct WalkedInput {
  const void* data;
  int32_t dtype;
  InputWalk walk;
  int32_t packed;  // 1: kVec elements side by side may be read as one
  PeriodicWalk<Index> period;
  int64_t strides[DN_MAX_RANK];  // innermost first

  __device__ __forceinline__ int64_t at(const Space<Index>& space, Index i) const {
    switch (walk) {
      case InputWalk::Flat:
        return (int64_t)i;
      case InputWalk::Periodic:
        return (int64_t)period.at(i);
      default:
        return space.offset(strides, i);
    }
  }
};

template <typename Index>
Space<Index> make_space(int rank, const int64_t* dims) {
  Space<Index> space{};
  int64_t numel = 1;
  for (int i = 0; i < rank; ++i) numel *= dims[i];
  space.numel = (Index)numel;
  space.rank = rank;
  for (int i = 0; i < rank; ++i)
    space.dims[i] = typename DividerOf<Index>::Type(dims[rank - 1 - i]);
  return space;
}

template <typename Index>
WalkedInput<Index> make_walk(const PointwiseInput& input, int rank) {
  WalkedInput<Index> walked{};
  walked.data = input.data;
  walked.dtype = input.dtype;
  walked.walk = input.walk;
  walked.packed = input.walk == InputWalk::Flat &&
                  aligned_to(input.data, (int64_t)kVec * dtype_bytes(input.dtype));
  if (input.walk == InputWalk::Periodic)
    walked.period = PeriodicWalk<Index>(input.inner, input.extent);
  for (int i = 0; i < rank; ++i) walked.strides[i] = input.strides[rank - 1 - i];
  return walked;
}

// ---- the interpreter in registers ----

struct ProgramOutput {
  void* data;
  int32_t dtype;
  int32_t packed;
};

template <typename Index>
struct ProgramParams {
  Space<Index> space;
  WalkedInput<Index> inputs[kMaxPointwiseInputs];
  ProgramOutput outputs[kMaxPointwiseOutputs];
  ExpressionProgram program;
};
static_assert(sizeof(ProgramParams<uint64_t>) <= 4096);  // all that a kernel's parameters may take

template <typename T>
__device__ __forceinline__ void load_pack(const void* data, uint64_t index, float (&values)[kVec]) {
  const auto pack = *reinterpret_cast<const Pack<T, kVec>*>(static_cast<const T*>(data) + index);
  DN_UNROLL
  for (int v = 0; v < kVec; ++v) values[v] = Element<T>::get(pack.item[v]);
}
template <typename T>
__device__ __forceinline__ void store_pack(void* data, uint64_t index,
                                           const float (&values)[kVec]) {
  Pack<T, kVec> pack;
  DN_UNROLL
  for (int v = 0; v < kVec; ++v) pack.item[v] = Element<T>::make(values[v]);
  *reinterpret_cast<Pack<T, kVec>*>(static_cast<T*>(data) + index) = pack;
}

template <typename Index>
__global__ void __launch_bounds__(kBlock)
    pointwise_program_kernel(const __grid_constant__ ProgramParams<Index> p) {
  const Index first = ((Index)blockIdx.x * kBlock + threadIdx.x) * kVec;
  if (first >= p.space.numel) return;
  const bool whole = first + kVec <= p.space.numel;
  const auto load = [&](int index, float(&values)[kVec]) {
    const WalkedInput<Index>& input = p.inputs[index];
    if (whole && input.packed) {
      switch (input.dtype) {
        case DN_DTYPE_F32:
          return load_pack<float>(input.data, first, values);
        case DN_DTYPE_BF16:
          return load_pack<__nv_bfloat16>(input.data, first, values);
        case DN_DTYPE_F16:
          return load_pack<__half>(input.data, first, values);
        case DN_DTYPE_U8:
          return load_pack<uint8_t>(input.data, first, values);
      }
    }
    DN_UNROLL
    for (int v = 0; v < kVec; ++v)
      if (first + v < p.space.numel)
        values[v] = load_as_float(input.data, input.dtype, (uint64_t)input.at(p.space, first + v));
  };
  const auto store = [&](int index, const float(&values)[kVec]) {
    const ProgramOutput& output = p.outputs[index];
    if (whole && output.packed) {
      switch (output.dtype) {
        case DN_DTYPE_F32:
          return store_pack<float>(output.data, first, values);
        case DN_DTYPE_BF16:
          return store_pack<__nv_bfloat16>(output.data, first, values);
        case DN_DTYPE_F16:
          return store_pack<__half>(output.data, first, values);
      }
    }
    DN_UNROLL
    for (int v = 0; v < kVec; ++v)
      if (first + v < p.space.numel)
        store_from_float(output.data, output.dtype, first + v, values[v]);
  };
  run_expression<kVec>(p.program, load, store);
}

template <typename Index>
void launch_program(cudaStream_t stream, const PointwiseProgramParams& p) {
  const PointwiseParams& o = p.operands;
  ProgramParams<Index> params{};
  params.space = make_space<Index>(o.rank, o.dims);
  for (int i = 0; i < o.input_count; ++i) params.inputs[i] = make_walk<Index>(o.inputs[i], o.rank);
  for (int i = 0; i < o.output_count; ++i)
    params.outputs[i] = {
        o.outputs[i].data, o.outputs[i].dtype,
        aligned_to(o.outputs[i].data, (int64_t)kVec * dtype_bytes(o.outputs[i].dtype))};
  params.program = p.program;
  launch(stream, "pointwise_program", pointwise_program_kernel<Index>,
         dim3(blocks_for((int64_t)params.space.numel, kBlock * kVec)), dim3(kBlock), 0, params);
}

// ---- the interpreter in device memory ----

struct WideParams {
  Space<uint64_t> space;
  const WideStep* steps;
  const PointwiseInput* inputs;
  float* values;
  int32_t step_count, rank;
  int32_t output_dtypes[kMaxWideOperands];
  const void* input_data[kMaxWideOperands];
  void* output_data[kMaxWideOperands];
};
static_assert(sizeof(WideParams) <= 4096);

// `inputs` has its axes outermost first, as the host wrote it.
__device__ float load_wide(const WideParams& p, int index, uint64_t i) {
  const PointwiseInput& input = p.inputs[index];
  int64_t at = (int64_t)i;
  if (input.walk == InputWalk::Periodic) {
    at = (int64_t)i / input.inner % input.extent;
  } else if (input.walk == InputWalk::Strided) {
    uint64_t rest = i;
    at = 0;
    DN_UNROLL
    for (int axis = 0; axis < DN_MAX_RANK; ++axis) {
      if (axis >= p.rank) break;
      const uint64_t next = p.space.dims[axis].divide(rest);
      at += (int64_t)(rest - next * p.space.dims[axis].divisor) * input.strides[p.rank - 1 - axis];
      rest = next;
    }
  }
  return load_as_float(p.input_data[index], input.dtype, (uint64_t)at);
}

__global__ void __launch_bounds__(kBlock)
    pointwise_wide_kernel(const __grid_constant__ WideParams p) {
  const int64_t thread = (int64_t)blockIdx.x * kBlock + threadIdx.x;
  float* values = p.values + thread;  // slot s is s * kWideThreads further on: coalesced
  for (uint64_t i = (uint64_t)thread; i < p.space.numel; i += (uint64_t)kWideThreads) {
    for (int at = 0; at < p.step_count; ++at) {
      const WideStep step = p.steps[at];
      float result[1] = {step.value};
      if (step.opcode == DN_OPCODE_OUTPUT) {
        store_from_float(p.output_data[step.b], p.output_dtypes[step.b], i,
                         values[step.a * kWideThreads]);
        continue;
      }
      if (step.opcode == DN_OPCODE_INPUT) {
        result[0] = load_wide(p, step.a, i);
      } else if (step.opcode == DN_OPCODE_SELECT) {
        const int slot = values[step.a * kWideThreads] != 0.0f ? step.b : step.c;
        result[0] = values[slot * kWideThreads];
      } else if (step.opcode != DN_OPCODE_CONSTANT) {
        const float a[1] = {values[step.a * kWideThreads]};
        const float b[1] = {values[step.b * kWideThreads]};
        apply_opcode<1>(step.opcode, a, b, result);
      }
      values[step.slot * kWideThreads] = result[0];
    }
  }
}

}  // namespace

PointwiseInput make_pointwise_input(int rank, const int64_t* dims, const int64_t* strides,
                                    dn_dtype dtype) {
  PointwiseInput input;
  input.dtype = dtype;
  for (int i = 0; i < rank; ++i) input.strides[i] = strides[i];
  // Flat, or one run of axes that are dense among themselves with all others repeated.
  int64_t inside = 1, inner = 1, extent = 1;
  bool flat = true, periodic = true, started = false, ended = false;
  for (int i = rank - 1; i >= 0; --i) {
    if (dims[i] == 1) continue;
    flat = flat && strides[i] == inside;
    if (strides[i] != 0) {
      periodic = periodic && !ended && strides[i] == extent;
      if (!started) inner = inside;
      started = true;
      extent *= dims[i];
    } else {
      ended = started;
    }
    inside *= dims[i];
  }
  input.walk = flat ? InputWalk::Flat : periodic ? InputWalk::Periodic : InputWalk::Strided;
  input.inner = inner;
  input.extent = extent;
  return input;
}

void pointwise_program(cudaStream_t stream, const PointwiseProgramParams& p) {
  int64_t numel = 1;
  for (int i = 0; i < p.operands.rank; ++i) numel *= p.operands.dims[i];
  if (numel == 0) return;
  if (numel <= kMaxNarrowIndex - kBlock * kVec && !p.wide_index)
    launch_program<uint32_t>(stream, p);
  else
    launch_program<uint64_t>(stream, p);
}

void pointwise_wide(cudaStream_t stream, const WidePointwiseParams& p) {
  WideParams params{};
  params.space = make_space<uint64_t>(p.rank, p.dims);
  if (params.space.numel == 0) return;
  params.rank = p.rank;
  params.steps = p.steps;
  params.inputs = p.inputs;
  params.values = p.values;
  params.step_count = p.step_count;
  for (int i = 0; i < kMaxWideOperands; ++i) {
    params.output_dtypes[i] = p.output_dtypes[i];
    params.input_data[i] = p.input_data[i];
    params.output_data[i] = p.output_data[i];
  }
  launch(stream, "pointwise_wide", pointwise_wide_kernel, dim3(kWideThreads / kBlock), dim3(kBlock),
         0, params);
}

}  // namespace dn::cuda
