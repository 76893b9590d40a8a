// gather_along: single elements along an axis; definition: DN_OPERATOR_GATHER, mode along.
// Math      y[o, i, j] = x[o, indices[o, i, j], j].
// Tensors   x (outer, extent, inner) | indices, y (outer, count, inner); elements of 1, 2, 4 or 8 bytes.
// Grid      one thread = one element of y; block 256.
// Cost      bytes = (4 + 2 * element_bytes) * numel(y), where what is read of x is read in whole sectors
//           or stays in the cache; no arithmetic but the indices.
// Floor     bytes / DRAM bandwidth. Example 5 of 1000 in 256 rows: the launch.
// Deterministic: yes.
// Why so    indices and y are walked in order, so that they move in whole sectors; x is read wherever
//           the indices lead.
#include "cuda/kernels/gather.h"
#include "cuda/kernels/index.cuh"
#include "cuda/kernels/launch.cuh"

namespace dn::cuda {

namespace {

constexpr int kBlock = 256;

template <typename T, typename Index>
__global__ void __launch_bounds__(kBlock)
    gather_along_kernel(const AlongParams p, typename DividerOf<Index>::Type inner,
                        typename DividerOf<Index>::Type outer_step, Index numel) {
  const Index step = (Index)gridDim.x * kBlock;
  for (Index place = (Index)blockIdx.x * kBlock + threadIdx.x; place < numel; place += step) {
    const Index o = outer_step.divide(place);
    const Index j = place - inner.divide(place) * (Index)inner.divisor;
    const int32_t index = p.indices[place];
    T value{};
    if (index >= 0 && index < p.extent)
      value = static_cast<const T*>(p.x)[((int64_t)o * p.extent + index) * p.inner + (int64_t)j];
    else
      atomicMin(p.bad_index, (unsigned long long)place << 32 | (uint32_t)index);
    static_cast<T*>(p.y)[place] = value;
  }
}

template <typename T, typename Index>
void gather_with(cudaStream_t stream, const AlongParams& p, int64_t numel) {
  const int64_t blocks = divide_up(numel, kBlock);
  launch(stream, "gather_along", gather_along_kernel<T, Index>,
         dim3((unsigned)(blocks < kMaxNarrowIndex ? blocks : kMaxNarrowIndex)), dim3(kBlock), 0, p,
         typename DividerOf<Index>::Type(p.inner),
         typename DividerOf<Index>::Type(p.count * p.inner), (Index)numel);
}

template <typename T>
void gather_as(cudaStream_t stream, const AlongParams& p) {
  const int64_t numel = p.outer * p.count * p.inner;
  if (numel == 0) return;
  if (numel <= kMaxNarrowIndex - kBlock)
    gather_with<T, uint32_t>(stream, p, numel);
  else
    gather_with<T, uint64_t>(stream, p, numel);
}

}  // namespace

void gather_along(cudaStream_t stream, const AlongParams& p) {
  switch (p.element_bytes) {
    case 1:
      return gather_as<uint8_t>(stream, p);
    case 2:
      return gather_as<uint16_t>(stream, p);
    case 4:
      return gather_as<uint32_t>(stream, p);
    default:
      return gather_as<uint64_t>(stream, p);
  }
}

}  // namespace dn::cuda
