#include "strided_copy.h"

#include <omp.h>

#include <algorithm>

#include "transpose.h"

namespace dn::cpu::DN_ISA {

namespace {

// Elements of each size; they alias whatever the tensors hold.
typedef uint8_t Bytes1 __attribute__((may_alias));
typedef uint16_t Bytes2 __attribute__((may_alias));
typedef uint32_t Bytes4 __attribute__((may_alias));
typedef uint64_t Bytes8 __attribute__((may_alias));

constexpr int64_t kBytesPerThread = 64 << 10;
constexpr int64_t kLongRow = 64 << 10;  // bytes; longer rows are shared among threads
// A transposition's unit of work: elements of the source's contiguous axis and of the destination's.
constexpr int64_t kTileRows = 64, kTileColumns = 1024;

// What is left when `count` bytes are copied in pieces of one size is copied by a piece that overlaps.
template <int kPiece>
inline void copy_pieces(char* to, const char* from, int64_t count) {
  int64_t i = 0;
  for (; i + kPiece <= count; i += kPiece) __builtin_memcpy(to + i, from + i, kPiece);
  if (i < count) __builtin_memcpy(to + count - kPiece, from + count - kPiece, kPiece);
}

// The C library's memcpy streams past the caches or copies by microcode from sizes on at which what
// is copied is still read again.
inline void copy_row(char* to, const char* from, int64_t count) {
  if (count >= 64)
    copy_pieces<64>(to, from, count);
  else if (count >= 32)
    copy_pieces<32>(to, from, count);
  else if (count >= 8)
    copy_pieces<8>(to, from, count);
  else if (count >= 4)
    copy_pieces<4>(to, from, count);
  else
    for (int64_t i = 0; i < count; ++i) to[i] = from[i];
}

template <typename T>
void copy_strided(T* to, const T* from, int64_t count, int64_t to_step, int64_t from_step) {
  // Constant steps are vectorised.
  if (to_step == 1 && from_step == -1)
    for (int64_t i = 0; i < count; ++i) to[i] = from[-i];
  else if (to_step == 1 && from_step == 2)
    for (int64_t i = 0; i < count; ++i) to[i] = from[2 * i];
  else
    for (int64_t i = 0; i < count; ++i) to[i * to_step] = from[i * from_step];
}

// A matrix transposed: to[r * to_step + c] = from[c * from_step + r].
template <typename T>
void transpose_plain(const T* from, int64_t from_step, T* to, int64_t to_step, int64_t rows,
                     int64_t columns) {
  constexpr int kBlock = 8;
  int64_t r = 0;
  for (; r + kBlock <= rows; r += kBlock) {
    int64_t c = 0;
    for (; c + kBlock <= columns; c += kBlock) {
      T block[kBlock][kBlock];
      for (int i = 0; i < kBlock; ++i)
        for (int j = 0; j < kBlock; ++j) block[j][i] = from[(c + i) * from_step + r + j];
      for (int j = 0; j < kBlock; ++j)
        for (int i = 0; i < kBlock; ++i) to[(r + j) * to_step + c + i] = block[j][i];
    }
    for (; c < columns; ++c)
      for (int j = 0; j < kBlock; ++j) to[(r + j) * to_step + c] = from[c * from_step + r + j];
  }
  for (; r < rows; ++r)
    for (int64_t c = 0; c < columns; ++c) to[r * to_step + c] = from[c * from_step + r];
}

template <typename T>
void transpose(const T* from, int64_t from_step, T* to, int64_t to_step, int64_t rows,
               int64_t columns) {
  transpose_plain(from, from_step, to, to_step, rows, columns);
}

#if defined(__AVX512F__)
void transpose(const Bytes4* from, int64_t from_step, Bytes4* to, int64_t to_step, int64_t rows,
               int64_t columns) {
  const int64_t whole_rows = rows & ~int64_t{15}, whole_columns = columns & ~int64_t{15};
  for (int64_t c = 0; c < whole_columns; c += 16)
    for (int64_t r = 0; r < whole_rows; r += 16)
      transpose16(reinterpret_cast<const float*>(from + c * from_step + r), from_step,
                  reinterpret_cast<float*>(to + r * to_step + c), to_step, GradMode::Overwrite);
  transpose_plain(from + whole_columns * from_step, from_step, to + whole_columns, to_step,
                  whole_rows, columns - whole_columns);
  transpose_plain(from + whole_rows, from_step, to + whole_rows * to_step, to_step,
                  rows - whole_rows, columns);
}
#endif

// The innermost axes, done as one, and how often.
struct Work {
  enum Kind { Rows, Strided, Tiles } kind = Rows;
  CopyAxis inner, rows;    // rows: of tiles, contiguous in the source
  int64_t chunk = 1;       // elements of `inner` in a unit of work
  int64_t row_chunks = 1;  // of kTileRows
  int64_t chunks = 1;      // of both
  int rank = 0;            // of the rest
  CopyAxis outer[StridedCopy::kMaxRank];
  int64_t units = 1;
};

Work divide(const StridedCopy& copy) {
  Work work;
  work.inner = copy.rank > 0 ? copy.axes[copy.rank - 1] : CopyAxis{1, 1, 1};
  int tile_axis = -1;
  if (work.inner.to == 1 && work.inner.from != 1 && work.inner.extent >= 4)
    for (int i = 0; i + 1 < copy.rank; ++i)
      if (copy.axes[i].from == 1 && copy.axes[i].extent >= 4) tile_axis = i;
  work.kind = tile_axis >= 0                               ? Work::Tiles
              : work.inner.from == 1 && work.inner.to == 1 ? Work::Rows
                                                           : Work::Strided;
  const auto parts = [](int64_t extent, int64_t size) { return (extent + size - 1) / size; };
  work.chunk = tile_axis >= 0 ? kTileColumns : kLongRow / copy.element_bytes;
  if (tile_axis >= 0) work.row_chunks = parts(copy.axes[tile_axis].extent, kTileRows);
  work.chunks = work.row_chunks * parts(work.inner.extent, work.chunk);
  work.units = work.chunks;
  for (int i = 0; i + 1 < copy.rank; ++i) {
    if (i == tile_axis) {
      work.rows = copy.axes[i];
    } else {
      work.outer[work.rank++] = copy.axes[i];
      work.units *= copy.axes[i].extent;
    }
  }
  return work;
}

template <typename T>
void run_unit(const Work& work, const T* from, T* to, int64_t chunk) {
  const int64_t first = chunk / work.row_chunks * work.chunk;
  const int64_t count = std::min(work.chunk, work.inner.extent - first);
  if (work.kind == Work::Tiles) {
    const int64_t row = chunk % work.row_chunks * kTileRows;
    transpose(from + first * work.inner.from + row, work.inner.from,
              to + row * work.rows.to + first, work.rows.to,
              std::min(kTileRows, work.rows.extent - row), count);
    return;
  }
  if (work.kind == Work::Rows)
    copy_row(reinterpret_cast<char*>(to + first), reinterpret_cast<const char*>(from + first),
             count * (int64_t)sizeof(T));
  else
    copy_strided(to + first * work.inner.to, from + first * work.inner.from, count, work.inner.to,
                 work.inner.from);
}

template <typename T>
void run_units(const Work& work, const T* from, T* to, int64_t begin, int64_t end) {
  // The place of unit `begin`, then step by step.
  int64_t at[StridedCopy::kMaxRank] = {}, rest = begin / work.chunks, chunk = begin % work.chunks;
  for (int axis = work.rank - 1; axis >= 0; --axis) {
    at[axis] = rest % work.outer[axis].extent;
    rest /= work.outer[axis].extent;
    from += at[axis] * work.outer[axis].from;
    to += at[axis] * work.outer[axis].to;
  }
  for (int64_t unit = begin; unit < end; ++unit) {
    run_unit(work, from, to, chunk);
    if (++chunk < work.chunks) continue;
    chunk = 0;
    for (int axis = work.rank - 1; axis >= 0; --axis) {
      const CopyAxis& outer = work.outer[axis];
      from += outer.from;
      to += outer.to;
      if (++at[axis] < outer.extent) break;
      at[axis] = 0;
      from -= outer.extent * outer.from;
      to -= outer.extent * outer.to;
    }
  }
}

template <typename T>
void run_as(const StridedCopy& copy, const void* source, void* destination, int threads) {
  const Work work = divide(copy);
  const auto part = [&](int64_t begin, int64_t end) {
    run_units(work, static_cast<const T*>(source), static_cast<T*>(destination), begin, end);
  };
  const int64_t worth = copy.numel() * (int64_t)sizeof(T) / kBytesPerThread;
  threads = (int)std::min<int64_t>({threads, work.units, worth});
  if (threads <= 1) return part(0, work.units);
#pragma omp parallel num_threads(threads)
  {
    const int64_t thread = omp_get_thread_num();
    part(work.units * thread / threads, work.units * (thread + 1) / threads);
  }
}

void run(const StridedCopy& copy, const void* source, void* destination, int threads) {
  if (copy.numel() == 0) return;
  switch (copy.element_bytes) {
    case 1:
      return run_as<Bytes1>(copy, source, destination, threads);
    case 2:
      return run_as<Bytes2>(copy, source, destination, threads);
    case 4:
      return run_as<Bytes4>(copy, source, destination, threads);
    default:
      return run_as<Bytes8>(copy, source, destination, threads);
  }
}

void copy(void* destination, const void* source, int64_t bytes) {
  copy_row(static_cast<char*>(destination), static_cast<const char*>(source), bytes);
}

}  // namespace

const StridedCopyTable strided_copy_table = {run, copy};

}  // namespace dn::cpu::DN_ISA
