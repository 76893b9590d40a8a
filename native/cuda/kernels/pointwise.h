// pointwise: expressions over broadcast inputs.
#pragma once

#include <cuda_runtime.h>
#include <deepnative.h>

#include "cuda/kernels/expression.h"
#include "cuda/kernels/pointwise_functions.h"

namespace dn::cuda {

// Which element of an input belongs to element i of the outputs, the outputs being dense.
enum class InputWalk : int32_t {
  Flat,      // i
  Periodic,  // (i / inner) % extent: a number (extent 1), or a vector along one axis
  Strided    // the sum of index * stride
};

struct PointwiseInput {
  const void* data = nullptr;
  dn_dtype dtype = DN_DTYPE_F32;
  InputWalk walk = InputWalk::Flat;
  int64_t inner = 1, extent = 1;      // Periodic
  int64_t strides[DN_MAX_RANK] = {};  // Strided: in elements; 0 repeats
};

struct PointwiseOutput {
  void* data = nullptr;
  dn_dtype dtype = DN_DTYPE_F32;
};

// Finds the cheapest walk of an input seen through strides; dims are the outputs' physical ones,
// outermost first.
PointwiseInput make_pointwise_input(int rank, const int64_t* dims, const int64_t* strides,
                                    dn_dtype dtype);

// Beyond this many inputs and outputs an expression runs from device memory.
constexpr int kMaxPointwiseInputs = 12;
constexpr int kMaxPointwiseOutputs = 8;
// The rule's limit.
constexpr int kMaxWideOperands = 64;

// Output j may be the memory of an input whose walk is Flat, of equal element size, when there is
// one output.
struct PointwiseParams {
  int32_t rank = 0;
  int64_t dims[DN_MAX_RANK] = {};  // outermost first
  int32_t input_count = 0, output_count = 0;
  PointwiseInput inputs[kMaxPointwiseInputs];
  PointwiseOutput outputs[kMaxPointwiseOutputs];
};

// One of the compiled expressions, of one output; inputs in the function's order. False, having
// done nothing, where the types or walks are not among its instances.
struct PointwiseFunctionParams {
  PointwiseParams operands;
  PointwiseFunction function = PointwiseFunction::None;
  float constants[kMaxFunctionConstants] = {};
};
// Whether types, walks and size are among its instances; pointwise_function needs that.
bool can_run_pointwise_function(const PointwiseFunctionParams& p);
void pointwise_function(cudaStream_t stream, const PointwiseFunctionParams& p);

// Any expression that is short enough for a stack program.
struct PointwiseProgramParams {
  PointwiseParams operands;
  ExpressionProgram program;
  bool wide_index = false;  // 64-bit indices, which 2^31 elements and more need, in any case
};
void pointwise_program(cudaStream_t stream, const PointwiseProgramParams& p);

// Any expression whatever, its description in device memory and its values in `values`.
struct WideStep {
  int32_t opcode;
  int32_t slot;     // of the result; -1: none
  int32_t a, b, c;  // slots; Input: the input; Output: the value's slot and the output
  float value;
};
struct WidePointwiseParams {
  int32_t rank = 0;
  int64_t dims[DN_MAX_RANK] = {};
  const WideStep* steps = nullptr;         // device memory
  const PointwiseInput* inputs = nullptr;  // device memory; their data are not used
  float* values = nullptr;                 // device memory: slot_count * kWideThreads
  int32_t step_count = 0, slot_count = 0;
  int32_t output_dtypes[kMaxWideOperands] = {};
  const void* input_data[kMaxWideOperands] = {};
  void* output_data[kMaxWideOperands] = {};
};
constexpr int64_t kWideThreads = 128 * 256;
void pointwise_wide(cudaStream_t stream, const WidePointwiseParams& p);

}  // namespace dn::cuda
