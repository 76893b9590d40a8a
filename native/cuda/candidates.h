// How the operator files of the CUDA device register their kernels, and what most plans need.
#pragma once

#include "cuda/device.h"
#include "cuda/layout.h"
#include "engine/single_operator.h"

namespace dn::cuda {

CandidateRegistry& registry();

struct RegisterCandidate {
  explicit RegisterCandidate(std::unique_ptr<Candidate> candidate) {
    registry().add(std::move(candidate));
  }
};

struct RegisterOperator : RegisterCandidate {
  explicit RegisterOperator(const SingleOperator& description)
      : RegisterCandidate(std::make_unique<SingleOperatorCandidate>(description)) {}
};

inline CudaDevice& device_of(const CompileView& view) {
  return static_cast<CudaDevice&>(*view.program().device());
}

inline Slot row_major_slot(int tensor) {
  return {tensor, nullptr};
}

// The tensor in channels-last order: what kernels of convolution, pooling and normalisation want.
inline Slot channels_last_slot(const CompileView& view, int tensor) {
  const TensorDeclaration& declaration = view.tensor(tensor);
  return {tensor, channels_last(declaration.shape, declaration.dtype)};
}

// The tensor as it is, row-major where no program has fixed it yet.
inline Slot present_slot(const CompileView& view, int tensor) {
  return {tensor, view.free(tensor) ? nullptr : view.layout(tensor)};
}

// A kernel that launches on the device's stream: function(stream, arguments). The device outlives
// the program that holds the kernel.
template <typename Function>
std::unique_ptr<Kernel> make_launcher(const CompileView& view, Function function) {
  return make_kernel(
      [&device = device_of(view), function = std::move(function)](const Arguments& a) mutable {
        const CudaDevice::Order order(device);
        function(device.stream(), a);
      });
}

template <typename T = float>
const T* in(const Arguments& a, int index) {
  return static_cast<const T*>(a.inputs[index]);
}
template <typename T = float>
T* out(const Arguments& a, int index) {
  return static_cast<T*>(a.outputs[index]);
}

}  // namespace dn::cuda
