// pointwise_function: one of the common expressions (pointwise_functions.h), compiled.
// Math      y[i] = f(x0[..], ..); arithmetic in float32.
// Tensors   y dense; inputs flat, or periodic: a number, or a vector along one axis (bias, scale of
//           a channel). Inputs and output of one type (f32, bf16, f16), or input 0 u8. y may be a
//           flat input.
// Needs     numel < 2^31. For kVec > 1: 16-byte aligned tensors, and periods that are whole packs;
//           else the launcher takes kVec = 1.
// Grid      one thread = kVec elements (16 bytes of y); block 256; no shared memory.
// Cost      bytes = numel * sizeof(T) * (flat inputs + 1); ops = a few per element.
// Floor     bytes / DRAM bandwidth. Example relu of 256x64x56x56 f32: 411 MB -> 85.6 us at 4.8 TB/s
//           (H200 data sheet).
// Deterministic: yes.
#include "cuda/kernels/launch.cuh"
#include "cuda/kernels/math.cuh"
#include "cuda/kernels/pointwise_walk.cuh"

namespace dn::cuda {

namespace {

constexpr int kBlock = 256;

// How one thread reads its kVec elements of an input.
enum class Access : int32_t {
  Flat,        // side by side, at i
  Vector,      // side by side, at the place in the period
  Repeated,    // all the same: one element
  Elementwise  // kVec = 1
};

struct FunctionInput {
  const void* data;
  Access access;
  PeriodicWalk<uint32_t> walk;
};

struct FunctionParams {
  FunctionInput inputs[kMaxFunctionInputs];
  void* output;
  uint32_t numel;
  float constants[kMaxFunctionConstants];
};

template <typename T, int kVec>
__device__ __forceinline__ void load_pack(const FunctionInput& input, uint32_t i,
                                          float (&values)[kVec]) {
  const T* data = static_cast<const T*>(input.data);
  if constexpr (kVec == 1) {
    values[0] = Element<T>::get(data[input.access == Access::Flat ? i : input.walk.at(i)]);
    return;
  }
  if (input.access == Access::Repeated) {
    const float value = Element<T>::get(data[input.walk.at(i)]);
    DN_UNROLL
    for (int v = 0; v < kVec; ++v) values[v] = value;
    return;
  }
  const uint32_t at = input.access == Access::Flat ? i : input.walk.at(i);
  const Pack<T, kVec> pack = *reinterpret_cast<const Pack<T, kVec>*>(data + at);
  DN_UNROLL
  for (int v = 0; v < kVec; ++v) values[v] = Element<T>::get(pack.item[v]);
}

template <typename Function, typename In, typename T, int kVec>
__global__ void __launch_bounds__(kBlock)
    pointwise_function_kernel(const __grid_constant__ FunctionParams p) {
  const uint32_t i = ((uint32_t)blockIdx.x * kBlock + threadIdx.x) * kVec;
  if (i >= p.numel) return;
  float x[kMaxFunctionInputs][kVec] = {};
  load_pack<In, kVec>(p.inputs[0], i, x[0]);
  DN_UNROLL
  for (int input = 1; input < Function::kInputs; ++input)
    load_pack<T, kVec>(p.inputs[input], i, x[input]);
  Pack<T, kVec> y;
  DN_UNROLL
  for (int v = 0; v < kVec; ++v)
    y.item[v] = Element<T>::make(Function::apply(x[0][v], x[1][v], x[2][v], x[3][v], p.constants));
  *reinterpret_cast<Pack<T, kVec>*>(static_cast<T*>(p.output) + i) = y;
}

#define DN_FUNCTOR(name, inputs, constants, pattern, expression)                             \
  struct name##Function {                                                                    \
    static constexpr PointwiseFunction kFunction = PointwiseFunction::name;                  \
    static constexpr int kInputs = inputs;                                                   \
    static __device__ __forceinline__ float apply(float x, float y, float z, float w,        \
                                                  const float (&k)[kMaxFunctionConstants]) { \
      (void)x, (void)y, (void)z, (void)w, (void)k;                                           \
      return expression;                                                                     \
    }                                                                                        \
  };
DN_POINTWISE_FUNCTIONS(DN_FUNCTOR)
#undef DN_FUNCTOR

// Sets how packs of kVec are read; false where they cannot be.
template <int kVec>
bool set_access(const PointwiseInput& input, int64_t element_bytes, FunctionInput& result) {
  const bool flat = input.walk == InputWalk::Flat;
  result.data = input.data;
  result.walk = flat ? PeriodicWalk<uint32_t>() : PeriodicWalk<uint32_t>(input.inner, input.extent);
  if (kVec == 1) {
    result.access = flat ? Access::Flat : Access::Elementwise;
    return true;
  }
  if (!flat && (input.extent == 1 || input.inner % kVec == 0)) {
    result.access = Access::Repeated;
    return true;
  }
  result.access = flat ? Access::Flat : Access::Vector;
  return aligned_to(input.data, element_bytes * kVec) &&
         (flat || (input.inner == 1 && input.extent % kVec == 0));
}

template <typename Function, typename In, typename T, int kVec>
bool launch_packs(cudaStream_t stream, const PointwiseFunctionParams& p, int64_t numel) {
  FunctionParams params{};
  if (numel % kVec != 0 || !aligned_to(p.operands.outputs[0].data, sizeof(T) * kVec)) return false;
  for (int i = 0; i < Function::kInputs; ++i)
    if (!set_access<kVec>(p.operands.inputs[i], i == 0 ? sizeof(In) : sizeof(T), params.inputs[i]))
      return false;
  params.output = p.operands.outputs[0].data;
  params.numel = (uint32_t)numel;
  for (int i = 0; i < kMaxFunctionConstants; ++i) params.constants[i] = p.constants[i];
  launch(stream, "pointwise_function", pointwise_function_kernel<Function, In, T, kVec>,
         dim3(blocks_for(numel, kBlock * kVec)), dim3(kBlock), 0, params);
  return true;
}

template <typename Function, typename In, typename T>
void launch_function(cudaStream_t stream, const PointwiseFunctionParams& p, int64_t numel) {
  constexpr int kVec = 16 / (int)sizeof(T);
  if (!launch_packs<Function, In, T, kVec>(stream, p, numel))
    launch_packs<Function, In, T, 1>(stream, p, numel);
}

// Decoded images are normalised: the only functions that take bytes, as input 0.
constexpr bool takes_bytes(PointwiseFunction function) {
  return function == PointwiseFunction::Scale || function == PointwiseFunction::ScaleAdd ||
         function == PointwiseFunction::SubtractScale ||
         function == PointwiseFunction::SubtractDivide ||
         function == PointwiseFunction::MultiplyAdd ||
         function == PointwiseFunction::SubtractMultiply ||
         function == PointwiseFunction::SubtractDivideBy;
}

template <typename Function, typename T>
void launch_typed(cudaStream_t stream, const PointwiseFunctionParams& p, int64_t numel) {
  if constexpr (takes_bytes(Function::kFunction))
    if (p.operands.inputs[0].dtype == DN_DTYPE_U8)
      return launch_function<Function, uint8_t, T>(stream, p, numel);
  launch_function<Function, T, T>(stream, p, numel);
}

template <typename Function>
void launch_any(cudaStream_t stream, const PointwiseFunctionParams& p, int64_t numel) {
  switch (p.operands.outputs[0].dtype) {
    case DN_DTYPE_BF16:
      return launch_typed<Function, __nv_bfloat16>(stream, p, numel);
    case DN_DTYPE_F16:
      return launch_typed<Function, __half>(stream, p, numel);
    default:
      return launch_typed<Function, float>(stream, p, numel);
  }
}

int64_t count_elements(const PointwiseParams& p) {
  int64_t numel = 1;
  for (int i = 0; i < p.rank; ++i) numel *= p.dims[i];
  return numel;
}

}  // namespace

bool can_run_pointwise_function(const PointwiseFunctionParams& p) {
  const dn_dtype type = p.operands.outputs[0].dtype;
  if (p.function == PointwiseFunction::None || count_elements(p.operands) > kMaxNarrowIndex - 4096)
    return false;
  if (type != DN_DTYPE_F32 && type != DN_DTYPE_BF16 && type != DN_DTYPE_F16) return false;
  for (int i = 0; i < p.operands.input_count; ++i) {
    const PointwiseInput& input = p.operands.inputs[i];
    const bool bytes = i == 0 && input.dtype == DN_DTYPE_U8 && takes_bytes(p.function);
    if (input.walk == InputWalk::Strided || (input.dtype != type && !bytes)) return false;
  }
  return true;
}

void pointwise_function(cudaStream_t stream, const PointwiseFunctionParams& p) {
  const int64_t numel = count_elements(p.operands);
  if (numel == 0) return;
  switch (p.function) {
#define DN_CASE(name, inputs, constants, pattern, expression) \
  case PointwiseFunction::name:                               \
    return launch_any<name##Function>(stream, p, numel);
    DN_POINTWISE_FUNCTIONS(DN_CASE)
#undef DN_CASE
    case PointwiseFunction::None:
      break;
  }
}

}  // namespace dn::cuda
