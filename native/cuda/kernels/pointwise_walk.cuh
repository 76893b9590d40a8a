// How kernels walk the inputs of an expression: see InputWalk.
#pragma once

#include "cuda/kernels/element.cuh"
#include "cuda/kernels/index.cuh"
#include "cuda/kernels/pointwise.h"

namespace dn::cuda {

// (i / inner) % extent; Flat is the special case of one endless period.
template <typename Index>
struct PeriodicWalk {
  using Divider = typename DividerOf<Index>::Type;
  Divider inner, extent;

  PeriodicWalk() = default;
  PeriodicWalk(int64_t inner_, int64_t extent_) : inner(inner_), extent(extent_) {}

  __device__ __forceinline__ Index at(Index i) const {
    const Index step = inner.divide(i);
    return step - extent.divide(step) * (Index)extent.divisor;
  }
};

}  // namespace dn::cuda
