#include "gemm.h"

#include <omp.h>

#include <algorithm>

#include "denormals.h"
#include "gemm_tile.h"
#include "simd.h"
#include "vector_math.h"

namespace dn::cpu::DN_ISA {

namespace {

constexpr int kMaxWidth = kRegisters == 32 ? 4 : 2;
// Sums, one row of B and one broadcast share the registers.
constexpr int max_height(int width) {
  if (kRegisters == 32) return width == 4 ? 6 : width == 3 ? 9 : width == 2 ? 14 : 16;
  return width == 2 ? 6 : 12;
}
constexpr int kMaxHeight = kRegisters == 32 ? 16 : 12;

// Depth of one block: a panel of B stays in the second-level cache while all rows of A pass by.
// A transposed A is read down its columns, whose lines must survive until the next tile uses the
// rest of them.
constexpr int64_t kBlockDepth = 1024;
constexpr int64_t kTransposedBlockDepth = 256;

using TileFunction = void (*)(const Tile&);

struct TileFunctions {
  TileFunction of[2][kMaxWidth + 1][kMaxHeight + 1] = {};  // [A transposed][width][height]
};

template <int kWidth, int kHeight>
constexpr void add_heights(TileFunctions& functions) {
  functions.of[0][kWidth][kHeight] = run_tile<kHeight, kWidth, false>;
  functions.of[1][kWidth][kHeight] = run_tile<kHeight, kWidth, true>;
  if constexpr (kHeight < max_height(kWidth)) add_heights<kWidth, kHeight + 1>(functions);
}
template <int kWidth>
constexpr void add_widths(TileFunctions& functions) {
  add_heights<kWidth, 1>(functions);
  if constexpr (kWidth < kMaxWidth) add_widths<kWidth + 1>(functions);
}
constexpr TileFunctions make_tile_functions() {
  TileFunctions functions;
  add_widths<1>(functions);
  return functions;
}
constexpr TileFunctions kTileFunctions = make_tile_functions();

// How C is cut: columns into `wide_count` groups of `wide` vectors, then `narrow_count` groups of
// `narrow`; each group's rows into tiles whose heights differ by at most one.
struct Cut {
  int64_t vectors;
  int wide, narrow;
  int64_t wide_count, narrow_count;

  int64_t groups() const { return wide_count + narrow_count; }
  int width(int64_t group) const { return group < wide_count ? wide : narrow; }
  int64_t first_vector(int64_t group) const {
    return group <= wide_count ? group * wide : wide_count * wide + (group - wide_count) * narrow;
  }
};

int64_t tile_count(int64_t rows, int width) {
  const int height = max_height(width);
  return (rows + height - 1) / height;
}

// Cycles of all tiles of one group: bound by the two FMA ports, the two load ports or the FMA's
// latency (4 cycles); and the start and the stores of each tile.
double group_cost(int64_t rows, int64_t depth, int width) {
  const int64_t tiles = tile_count(rows, width);
  const double height = double(rows) / double(tiles);
  const double fma_cycles = height * width / 2;
  const double load_cycles = (height + 2 * width) / 2;
  return double(tiles) *
         (std::max({fma_cycles, load_cycles, 4.0}) * double(depth) + height * width + 20.0);
}

Cut choose_cut(const GemmParams& p) {
  const int64_t vectors = (p.columns + kLanes - 1) / kLanes;
  Cut best{};
  double best_cost = 0;
  for (int wide = kMaxWidth; wide >= 1; --wide) {
    for (int narrow = wide; narrow >= 1; --narrow) {
      // The largest number of wide groups that leaves a multiple of the narrow ones.
      int64_t wide_count = vectors / wide;
      while (wide_count > 0 && (vectors - wide_count * wide) % narrow != 0) --wide_count;
      const int64_t rest = vectors - wide_count * wide;
      if (rest % narrow != 0) continue;
      const Cut cut{vectors, wide, narrow, wide_count, rest / narrow};
      const double cost = double(cut.wide_count) * group_cost(p.rows, p.depth, wide) +
                          double(cut.narrow_count) * group_cost(p.rows, p.depth, narrow);
      if (best.vectors == 0 || cost < best_cost) {
        best = cut;
        best_cost = cost;
      }
    }
  }
  return best;
}

// A place in the list of all tiles, ordered by batch item, column group, tile of rows.
struct Place {
  int64_t item, group, tile;
};

// Where part `part` of `parts` begins: work counts row x vector units.
Place part_begin(const GemmParams& p, const Cut& cut, int64_t part, int64_t parts) {
  const int64_t item_work = p.rows * cut.vectors;
  const int64_t work = int64_t(double(item_work) * double(p.batch) * double(part) / double(parts));
  Place place{work / item_work, 0, 0};
  if (part == parts) return {p.batch, 0, 0};
  const int64_t in_item = work % item_work;
  const int64_t vector = in_item / p.rows;
  const int64_t wide_vectors = cut.wide_count * cut.wide;
  place.group = vector < wide_vectors ? vector / cut.wide
                                      : cut.wide_count + (vector - wide_vectors) / cut.narrow;
  const int64_t in_group = in_item - cut.first_vector(place.group) * p.rows;
  const int width = cut.width(place.group);
  const int64_t tiles = tile_count(p.rows, width);
  place.tile = (in_group * tiles + p.rows * width / 2) / (p.rows * width);
  if (place.tile == tiles) {
    place.tile = 0;
    if (++place.group == cut.groups()) {
      place.group = 0;
      ++place.item;
    }
  }
  return place;
}

// Packing costs one pass over B; rows of B that are far apart or not aligned cost a little in each
// tile that reads them. Measured break-even on Sapphire Rapids: about 400 rows.
bool packs_b(const GemmParams& p) {
  return p.transpose_b == Transpose::Yes || p.rows >= 400;
}

int64_t block_depth(const GemmParams& p) {
  const int64_t limit = p.transpose_a == Transpose::Yes ? kTransposedBlockDepth : kBlockDepth;
  const int64_t blocks = std::max<int64_t>(1, (p.depth + limit - 1) / limit);
  return (p.depth + blocks - 1) / blocks;
}

// A whole number of 64-byte lines.
int64_t panel_floats(const GemmParams& p) {
  return (block_depth(p) * kMaxWidth * kLanes + 15) / 16 * 16;
}

int threads_for(const GemmParams& p, int threads) {
  // A thread must have about a microsecond of work to be worth waking.
  const double cycles =
      double(p.batch) * double(p.rows) * double(p.columns) * double(p.depth) / (2.0 * kLanes);
  return int(std::clamp<double>(cycles / 3000.0, 1.0, double(threads)));
}

// kLanes x kLanes floats, by butterflies: stage d exchanges the lanes and rows whose index has bit
// d.
template <int kDistance>
void exchange(vf (&rows)[kLanes]) {
  vi low{}, high{};  // a lane number >= kLanes means the second vector
  for (int lane = 0; lane < kLanes; ++lane) {
    low[lane] = lane & kDistance ? lane - kDistance + kLanes : lane;
    high[lane] = lane & kDistance ? lane + kLanes : lane + kDistance;
  }
#pragma GCC unroll 16
  for (int i = 0; i < kLanes; ++i) {
    if (i & kDistance) continue;
    const vf x = rows[i], y = rows[i + kDistance];
    rows[i] = __builtin_shuffle(x, y, low);
    rows[i + kDistance] = __builtin_shuffle(x, y, high);
  }
  if constexpr (kDistance * 2 < kLanes) exchange<kDistance * 2>(rows);
}

void transpose_block(const float* in, int64_t in_row, float* out, int64_t out_row) {
  vf rows[kLanes];
  for (int i = 0; i < kLanes; ++i) rows[i] = load(in + i * in_row);
  exchange<1>(rows);
  for (int i = 0; i < kLanes; ++i) store(out + i * out_row, rows[i]);
}

// The panel of B: (depth, width vectors) contiguous, columns past the end as 0.
void pack_panel(const GemmParams& p, const float* b, int64_t k0, int64_t depth, int64_t column,
                int width, float* panel) {
  const int64_t stride = int64_t(width) * kLanes;
  const int64_t columns = std::min(stride, p.columns - column);
  if (p.transpose_b == Transpose::No) {
    for (int64_t k = 0; k < depth; ++k) {
      const float* from = b + (k0 + k) * p.ldb + column;
      for (int64_t j = 0; j < columns; ++j) panel[k * stride + j] = from[j];
      for (int64_t j = columns; j < stride; ++j) panel[k * stride + j] = 0.0f;
    }
    return;
  }
  int64_t j = 0;
  for (; j + kLanes <= columns; j += kLanes) {
    const float* from = b + (column + j) * p.ldb + k0;
    int64_t k = 0;
    for (; k + kLanes <= depth; k += kLanes)
      transpose_block(from + k, p.ldb, panel + k * stride + j, stride);
    for (; k < depth; ++k)
      for (int64_t r = 0; r < kLanes; ++r) panel[k * stride + j + r] = from[r * p.ldb + k];
  }
  for (; j < stride; ++j) {
    for (int64_t k = 0; k < depth; ++k)
      panel[k * stride + j] = j < columns ? b[(column + j) * p.ldb + k0 + k] : 0.0f;
  }
}

// Column sums of one panel, in four chains so that adding is not latency-bound.
void sum_panel(const float* b, int64_t b_depth, int64_t depth, int width, LaneMask last_lanes,
               bool add, float* sums) {
  for (int j = 0; j < width; ++j) {
    const LaneMask mask = j + 1 < width ? first_lanes(kLanes) : last_lanes;
    const float* column = b + j * kLanes;
    vf sum[4] = {};
    int64_t k = 0;
    for (; k + 4 <= depth; k += 4)
      for (int u = 0; u < 4; ++u) sum[u] += load(column + (k + u) * b_depth, mask);
    for (; k < depth; ++k) sum[0] += load(column + k * b_depth, mask);
    vf total = (sum[0] + sum[1]) + (sum[2] + sum[3]);
    if (add) total += load(sums + j * kLanes, mask);
    store(sums + j * kLanes, total, mask);
  }
}

// Sigmoid and tanh run over the finished tile while it is in the first-level cache.
void apply_function(Epilogue epilogue, float* c, int64_t ldc, int64_t rows, int64_t columns) {
  for (int64_t i = 0; i < rows; ++i) {
    for (int64_t j = 0; j < columns; j += kLanes) {
      float* at = c + i * ldc + j;
      const LaneMask mask = first_lanes(int(std::min<int64_t>(kLanes, columns - j)));
      const vf x = load(at, mask);
      store(at, epilogue == Epilogue::Tanh ? hyperbolic_tangent(x) : logistic(x), mask);
    }
  }
}

// The tiles [begin, end) of one batch item, all depth blocks.
void run_item(const GemmParams& p, const Cut& cut, int64_t item, Place begin, Place end,
              float* panel) {
  const float* a = p.a + item * p.a_batch_stride;
  const float* b = p.b + item * p.b_batch_stride;
  const int64_t block = block_depth(p);
  const bool packs = packs_b(p);
  const bool transposed_a = p.transpose_a == Transpose::Yes;

  int64_t k0 = 0;
  do {
    const int64_t depth = std::min(block, p.depth - k0);
    const bool last = k0 + depth >= p.depth;
    for (int64_t group = begin.group; group <= end.group && group < cut.groups(); ++group) {
      const int width = cut.width(group);
      const int64_t tiles = tile_count(p.rows, width);
      const int64_t first = group == begin.group ? begin.tile : 0;
      const int64_t past = group == end.group ? end.tile : tiles;
      if (first >= past) continue;

      const int64_t column = cut.first_vector(group) * kLanes;
      const int64_t columns = std::min<int64_t>(int64_t(width) * kLanes, p.columns - column);
      Tile t;
      t.last_lanes = first_lanes(int(columns - (width - 1) * kLanes));
      if (packs) {
        pack_panel(p, b, k0, depth, column, width, panel);
        t.b = panel;
        t.b_depth = int64_t(width) * kLanes;
      } else {
        t.b = b + k0 * p.ldb + column;
        t.b_depth = p.ldb;
      }
      t.depth = depth;
      t.a_row = transposed_a ? 1 : p.lda;
      t.a_depth = transposed_a ? p.lda : 1;
      t.ldc = p.ldc;
      t.add_c = k0 > 0 || p.mode == GradMode::Accumulate;
      t.scale = p.scale;
      t.bias = last && p.bias ? p.bias + column : nullptr;
      const bool is_function = p.epilogue == Epilogue::Sigmoid || p.epilogue == Epilogue::Tanh;
      t.epilogue = last && !is_function ? p.epilogue : Epilogue::Identity;

      if (p.b_sums && first == 0)
        sum_panel(t.b, t.b_depth, depth, width, t.last_lanes, t.add_c, p.b_sums + column);

      const int64_t height = p.rows / tiles, taller = p.rows % tiles;
      for (int64_t tile = first; tile < past; ++tile) {
        const int64_t row = tile * height + std::min(tile, taller);
        const int64_t tile_rows = height + (tile < taller);
        const int64_t offset = row * p.ldc + column;
        t.a = a + row * t.a_row + k0 * t.a_depth;
        t.c = p.c + item * p.c_batch_stride + offset;
        t.activation = p.activation ? p.activation + item * p.c_batch_stride + offset : nullptr;
        kTileFunctions.of[transposed_a][width][tile_rows](t);
        if (last && is_function) apply_function(p.epilogue, t.c, p.ldc, tile_rows, columns);
      }
    }
    k0 += depth;
  } while (k0 < p.depth);
}

void run_part(const GemmParams& p, const Cut& cut, int64_t part, int64_t parts, float* panel) {
  const Place begin = part_begin(p, cut, part, parts);
  const Place end = part_begin(p, cut, part + 1, parts);
  for (int64_t item = begin.item; item <= end.item && item < p.batch; ++item) {
    const Place item_begin = item == begin.item ? begin : Place{item, 0, 0};
    const Place item_end = item == end.item ? end : Place{item, cut.groups(), 0};
    run_item(p, cut, item, item_begin, item_end, panel);
  }
}

int64_t scratch_bytes(const GemmParams& p, int threads) {
  if (!packs_b(p) || p.rows == 0 || p.columns == 0) return 0;
  return threads_for(p, threads) * panel_floats(p) * int64_t(sizeof(float));
}

void run(const GemmParams& p, int threads) {
  if (p.rows == 0 || p.columns == 0 || p.batch == 0) return;
  const Cut cut = choose_cut(p);
  const int parts = threads_for(p, threads);
  float* scratch = static_cast<float*>(p.scratch);
  if (parts == 1) {
    run_part(p, cut, 0, 1, scratch);
    return;
  }
  const int64_t panel = packs_b(p) ? panel_floats(p) : 0;
#pragma omp parallel num_threads(parts)
  {
    flush_denormals();
    // A smaller team than asked for still does every part.
    for (int part = omp_get_thread_num(); part < parts; part += omp_get_num_threads())
      run_part(p, cut, part, parts, scratch + omp_get_thread_num() * panel);
  }
}

}  // namespace

extern const GemmTable gemm_table = {scratch_bytes, run};

}  // namespace dn::cpu::DN_ISA
