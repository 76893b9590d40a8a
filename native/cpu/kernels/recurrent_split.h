// How a recurrent layer is cut: columns into blocks of vectors, samples into tiles of rows whose
// heights differ by at most one; an item is one tile of one block.
#pragma once

#include <omp.h>

#include <algorithm>
#include <array>
#include <utility>

#include "denormals.h"
#include "gemm_tile.h"
#include "recurrent.h"

namespace dn::cpu::DN_ISA {

// Rows of a register tile of that many vectors.
constexpr int tile_height(int width) {
  if (kRegisters == 32) return width == 4 ? 6 : width == 3 ? 9 : width == 2 ? 14 : 16;
  return width == 2 ? 6 : 12;
}
constexpr int kWidestTile = kRegisters == 32 ? 4 : 2;

using TileFunction = void (*)(const Tile&);

template <int kWidth, int... kIndex>
constexpr std::array<TileFunction, sizeof...(kIndex) + 1> make_tiles(
    std::integer_sequence<int, kIndex...>) {
  return {nullptr, run_tile<kIndex + 1, kWidth, false>...};
}
// By height.
template <int kWidth, int kHeights>
constexpr auto kTiles = make_tiles<kWidth>(std::make_integer_sequence<int, kHeights>());

struct RowTiles {
  int64_t rows, count;

  RowTiles(int64_t row_count, int height)
      : rows(row_count), count((row_count + height - 1) / height) {}
  int64_t first(int64_t tile) const { return tile * (rows / count) + std::min(tile, rows % count); }
  int height(int64_t tile) const { return int(first(tile + 1) - first(tile)); }
};

// The steps in the order of the recurrence.
struct Order {
  int64_t steps;
  bool reverse;
  int64_t step(int64_t position) const { return reverse ? steps - 1 - position : position; }
};

// One step must give each thread a microsecond of work, for it then waits about as long.
inline int recurrent_threads(const RecurrentShape& s, int64_t items, int threads) {
  const double cycles =
      double(s.batch) * double(s.gates() * s.hidden) * double(s.hidden) / (2.0 * kLanes);
  const int64_t limit = std::min<int64_t>(threads, items);
  return int(std::clamp<double>(cycles / 3000.0, 1.0, double(std::max<int64_t>(limit, 1))));
}

// Runs body(thread, team) on each thread of a team; a smaller team than asked for is told so.
template <typename Body>
void run_team(int threads, const Body& body) {
  if (threads == 1) {
    body(0, 1);
    return;
  }
#pragma omp parallel num_threads(threads)
  {
    flush_denormals();
    body(omp_get_thread_num(), omp_get_num_threads());
  }
}
// All threads of the team are here, and see what the others wrote.
inline void wait_for_team(int team) {
  if (team == 1) return;
#pragma omp barrier
}

constexpr int64_t whole_lines(int64_t floats) {
  return (floats + 15) / 16 * 16;
}

}  // namespace dn::cpu::DN_ISA
