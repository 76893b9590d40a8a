// change_layout: a dense copy of a strided view, of up to 8 axes.
// Math      destination[i0,..,i7] = source[sum of i * stride].
// Tensors   elements of 1, 2, 4 or 8 bytes, joined to 16 where they stay together. Disjoint.
// Grid      copy: one thread = 16 bytes. gather: one thread = one element of the destination.
//           transpose: one block = a tile of the destination's innermost axis and the source's.
// Cost      2 * bytes; no arithmetic but the indices.
// Floor     2 * bytes / DRAM bandwidth. Example 256x64x56x56 f32 to channels last: 411 MB ->
//           85.6 us at 4.8 TB/s (H200 data sheet).
// Deterministic: yes.
// Why so    a transposed pair of axes goes through shared memory, so that both sides move whole
//           sectors. Short axes (3 colour channels) would leave tiles empty: gather serves them,
//           the second-level cache joining its partial sectors.
#include "cuda/kernels/element.cuh"
#include "cuda/kernels/index.cuh"
#include "cuda/kernels/launch.cuh"
#include "cuda/kernels/layout_change.h"

namespace dn::cuda {

namespace {

constexpr int kBlock = 256;
constexpr int kShortAxis = 8;  // below: not worth a tile
constexpr int64_t kMaxGrid = kMaxNarrowIndex;

struct Axis {
  int64_t extent;
  int64_t stride;
};

// The view with as few axes as describe it.
struct View {
  Axis axes[DN_MAX_RANK];
  int rank = 0;
  int64_t numel = 1;
  bool wide_index = false;
};

View simplify(const LayoutChange& p) {
  View view;
  view.wide_index = p.wide_index;
  for (int i = 0; i < p.rank; ++i) {
    view.numel *= p.dims[i];
    if (p.dims[i] == 1) continue;
    const Axis axis{p.dims[i], p.source_strides[i]};
    Axis* outer = view.rank > 0 ? &view.axes[view.rank - 1] : nullptr;
    if (outer && outer->stride == axis.extent * axis.stride)
      *outer = {outer->extent * axis.extent, axis.stride};
    else
      view.axes[view.rank++] = axis;
  }
  return view;
}

// Joins pairs of neighbouring elements that stay neighbours, up to 16 bytes.
int widen(View& view, int element_bytes, const void* source, const void* destination) {
  while (element_bytes < 16 && view.rank > 0) {
    Axis& inner = view.axes[view.rank - 1];
    bool even = inner.stride == 1 && inner.extent % 2 == 0 &&
                aligned_to(source, 2 * element_bytes) && aligned_to(destination, 2 * element_bytes);
    for (int i = 0; i + 1 < view.rank; ++i) even = even && view.axes[i].stride % 2 == 0;
    if (!even) break;
    for (int i = 0; i + 1 < view.rank; ++i) view.axes[i].stride /= 2;
    inner.extent /= 2;
    view.numel /= 2;
    element_bytes *= 2;
  }
  return element_bytes;
}

// ---- copy ----

template <typename T>
__global__ void __launch_bounds__(kBlock)
    copy_kernel(const void* __restrict__ source, void* __restrict__ destination, int64_t count,
                int tail_bytes) {
  const int64_t i = (int64_t)blockIdx.x * kBlock + threadIdx.x;
  if (i < count) static_cast<T*>(destination)[i] = static_cast<const T*>(source)[i];
  // What is left over is less than one T: the first threads take a byte each.
  if (i < tail_bytes) {
    const int64_t at = count * (int64_t)sizeof(T) + i;
    static_cast<uint8_t*>(destination)[at] = static_cast<const uint8_t*>(source)[at];
  }
}

template <typename T>
void copy_as(cudaStream_t stream, const void* source, void* destination, int64_t bytes) {
  const int64_t count = bytes / (int64_t)sizeof(T);
  const int64_t blocks = divide_up(count > 0 ? count : 1, kBlock);
  launch(stream, "copy", copy_kernel<T>, dim3((unsigned)blocks), dim3(kBlock), 0, source,
         destination, count, (int)(bytes % (int64_t)sizeof(T)));
}

void copy(cudaStream_t stream, const void* source, void* destination, int64_t bytes) {
  if (aligned_to(source, 16) && aligned_to(destination, 16))
    copy_as<uint4>(stream, source, destination, bytes);
  else if (aligned_to(source, 4) && aligned_to(destination, 4))
    copy_as<uint32_t>(stream, source, destination, bytes);
  else
    copy_as<uint8_t>(stream, source, destination, bytes);
}

// ---- gather ----

template <typename Index>
struct GatherParams {
  const void* source;
  void* destination;
  Index numel;
  int rank;
  typename DividerOf<Index>::Type dims[DN_MAX_RANK];  // innermost first
  int64_t strides[DN_MAX_RANK];
};

template <typename T, typename Index>
__global__ void __launch_bounds__(kBlock) gather_kernel(const GatherParams<Index> p) {
  const Index i = (Index)blockIdx.x * kBlock + threadIdx.x;
  if (i >= p.numel) return;
  Index rest = i;
  int64_t offset = 0;
  DN_UNROLL
  for (int axis = 0; axis < DN_MAX_RANK; ++axis) {
    if (axis >= p.rank) break;
    const Index next = p.dims[axis].divide(rest);
    offset += (int64_t)(rest - next * (Index)p.dims[axis].divisor) * p.strides[axis];
    rest = next;
  }
  static_cast<T*>(p.destination)[i] = static_cast<const T*>(p.source)[offset];
}

template <typename T, typename Index>
void gather_with(cudaStream_t stream, const View& view, const void* source, void* destination) {
  GatherParams<Index> p{};
  p.source = source;
  p.destination = destination;
  p.numel = (Index)view.numel;
  p.rank = view.rank;
  for (int i = 0; i < view.rank; ++i) {
    const Axis& axis = view.axes[view.rank - 1 - i];
    p.dims[i] = typename DividerOf<Index>::Type(axis.extent);
    p.strides[i] = axis.stride;
  }
  launch(stream, "gather", gather_kernel<T, Index>, dim3((unsigned)divide_up(view.numel, kBlock)),
         dim3(kBlock), 0, p);
}

template <typename T>
void gather(cudaStream_t stream, const View& view, const void* source, void* destination) {
  if (view.numel <= kMaxNarrowIndex - kBlock && !view.wide_index)
    gather_with<T, uint32_t>(stream, view, source, destination);
  else
    gather_with<T, uint64_t>(stream, view, source, destination);
}

// ---- transpose ----

template <typename T>
struct Tile {
  static constexpr int kSize = sizeof(T) <= 2 ? 64 : 32;
  // Rows start one bank apart, so that a column lies in different banks.
  static constexpr int kRow = kSize + (sizeof(T) < 4 ? 4 / (int)sizeof(T) : 1);
};

// `rows` is the axis along which the source is contiguous, `columns` the destination's innermost.
struct TransposeParams {
  const void* source;
  void* destination;
  int64_t rows, columns;
  int64_t row_step;       // of the destination, in elements
  int64_t column_stride;  // of the source
  int64_t row_tiles, column_tiles;
  int batch_rank;
  int64_t batch_dims[DN_MAX_RANK];  // innermost first
  int64_t batch_strides[DN_MAX_RANK];
  int64_t batch_steps[DN_MAX_RANK];
};

template <typename T>
__global__ void __launch_bounds__(kBlock) transpose_kernel(const TransposeParams p) {
  constexpr int kSize = Tile<T>::kSize, kStep = kBlock / kSize;
  DN_SHARED(T, tile, [kSize][Tile<T>::kRow]);
  int64_t rest = blockIdx.x;
  const int64_t first_column = rest % p.column_tiles * kSize;
  rest /= p.column_tiles;
  const int64_t first_row = rest % p.row_tiles * kSize;
  rest /= p.row_tiles;
  const T* source = static_cast<const T*>(p.source);
  T* destination = static_cast<T*>(p.destination);
  for (int axis = 0; axis < p.batch_rank; ++axis) {
    const int64_t at = rest % p.batch_dims[axis];
    rest /= p.batch_dims[axis];
    source += at * p.batch_strides[axis];
    destination += at * p.batch_steps[axis];
  }

  const int lane = (int)threadIdx.x % kSize, start = (int)threadIdx.x / kSize;
  DN_UNROLL
  for (int i = 0; i < kSize; i += kStep) {
    const int64_t row = first_row + lane, column = first_column + start + i;
    if (row < p.rows && column < p.columns)
      tile[start + i][lane] = source[column * p.column_stride + row];
  }
  __syncthreads();  // the tile is read across the threads that wrote it
  DN_UNROLL
  for (int i = 0; i < kSize; i += kStep) {
    const int64_t row = first_row + start + i, column = first_column + lane;
    if (row < p.rows && column < p.columns)
      destination[row * p.row_step + column] = tile[lane][start + i];
  }
}

// The axis other than the innermost along which the source is contiguous; -1: none worth a tile.
int contiguous_axis(const View& view) {
  if (view.rank < 2 || view.axes[view.rank - 1].extent < kShortAxis) return -1;
  for (int i = 0; i + 1 < view.rank; ++i)
    if (view.axes[i].stride == 1 && view.axes[i].extent >= kShortAxis) return i;
  return -1;
}

// Whether the tiles were few enough for one grid.
template <typename T>
bool transpose(cudaStream_t stream, const View& view, int row_axis, const void* source,
               void* destination) {
  TransposeParams p{};
  p.source = source;
  p.destination = destination;
  int64_t step = 1, tiles = 1;
  for (int i = view.rank - 1; i >= 0; --i) {
    const Axis& axis = view.axes[i];
    if (i == view.rank - 1) {
      p.columns = axis.extent;
      p.column_stride = axis.stride;
      tiles *= p.column_tiles = divide_up(axis.extent, Tile<T>::kSize);
    } else if (i == row_axis) {
      p.rows = axis.extent;
      p.row_step = step;
      tiles *= p.row_tiles = divide_up(axis.extent, Tile<T>::kSize);
    } else {
      p.batch_dims[p.batch_rank] = axis.extent;
      p.batch_strides[p.batch_rank] = axis.stride;
      p.batch_steps[p.batch_rank++] = step;
      tiles *= axis.extent;
    }
    step *= axis.extent;
  }
  if (tiles > kMaxGrid) return false;
  launch(stream, "transpose", transpose_kernel<T>, dim3((unsigned)tiles), dim3(kBlock), 0, p);
  return true;
}

template <typename T>
void change(cudaStream_t stream, const View& view, const void* source, void* destination) {
  const int row_axis = contiguous_axis(view);
  if (row_axis < 0 || !transpose<T>(stream, view, row_axis, source, destination))
    gather<T>(stream, view, source, destination);
}

// ---- types ----

template <typename From, typename To, int kVec>
__global__ void __launch_bounds__(kBlock)
    change_type_kernel(const From* __restrict__ source, To* __restrict__ destination,
                       int64_t count) {
  const int64_t first = ((int64_t)blockIdx.x * kBlock + threadIdx.x) * kVec;
  if (first + kVec <= count) {
    const Pack<From, kVec> in = *reinterpret_cast<const Pack<From, kVec>*>(source + first);
    Pack<To, kVec> out;
    DN_UNROLL
    for (int i = 0; i < kVec; ++i) out.item[i] = Element<To>::make(Element<From>::get(in.item[i]));
    *reinterpret_cast<Pack<To, kVec>*>(destination + first) = out;
  } else {
    for (int64_t i = first; i < count; ++i)
      destination[i] = Element<To>::make(Element<From>::get(source[i]));
  }
}

__global__ void __launch_bounds__(kBlock) change_any_type_kernel(const TypeChange p) {
  const int64_t i = (int64_t)blockIdx.x * kBlock + threadIdx.x;
  if (i < p.count)
    store_from_float(p.destination, p.to, (uint64_t)i,
                     load_as_float(p.source, p.from, (uint64_t)i));
}

template <typename From, typename To>
bool change_type_as(cudaStream_t stream, const TypeChange& p) {
  constexpr int kVec = 16 / (int)(sizeof(From) > sizeof(To) ? sizeof(From) : sizeof(To));
  if (!aligned_to(p.source, sizeof(From) * kVec) || !aligned_to(p.destination, sizeof(To) * kVec))
    return false;
  launch(stream, "change_type", change_type_kernel<From, To, kVec>,
         dim3((unsigned)divide_up(p.count, (int64_t)kBlock * kVec)), dim3(kBlock), 0,
         static_cast<const From*>(p.source), static_cast<To*>(p.destination), p.count);
  return true;
}

template <typename From>
bool change_type_from(cudaStream_t stream, const TypeChange& p) {
  switch (p.to) {
    case DN_DTYPE_F32:
      return change_type_as<From, float>(stream, p);
    case DN_DTYPE_BF16:
      return change_type_as<From, __nv_bfloat16>(stream, p);
    case DN_DTYPE_F16:
      return change_type_as<From, __half>(stream, p);
    default:
      return false;
  }
}

}  // namespace

void change_layout(cudaStream_t stream, const LayoutChange& p) {
  View view = simplify(p);
  if (view.numel == 0) return;
  const bool dense = view.rank == 0 || (view.rank == 1 && view.axes[0].stride == 1);
  if (dense) return copy(stream, p.source, p.destination, view.numel * p.element_bytes);
  switch (widen(view, p.element_bytes, p.source, p.destination)) {
    case 1:
      return change<uint8_t>(stream, view, p.source, p.destination);
    case 2:
      return change<uint16_t>(stream, view, p.source, p.destination);
    case 4:
      return change<uint32_t>(stream, view, p.source, p.destination);
    case 8:
      return change<uint64_t>(stream, view, p.source, p.destination);
    default:
      return change<uint4>(stream, view, p.source, p.destination);
  }
}

void change_type(cudaStream_t stream, const TypeChange& p) {
  if (p.count == 0) return;
  if (p.from == p.to) return copy(stream, p.source, p.destination, p.count * dtype_bytes(p.to));
  bool done = false;
  if (p.from == DN_DTYPE_F32)
    done = change_type_from<float>(stream, p);
  else if (p.from == DN_DTYPE_BF16)
    done = change_type_from<__nv_bfloat16>(stream, p);
  else if (p.from == DN_DTYPE_F16)
    done = change_type_from<__half>(stream, p);
  else if (p.from == DN_DTYPE_U8)
    done = change_type_from<uint8_t>(stream, p);
  if (!done)
    launch(stream, "change_type", change_any_type_kernel,
           dim3((unsigned)divide_up(p.count, kBlock)), dim3(kBlock), 0, p);
}

}  // namespace dn::cuda
