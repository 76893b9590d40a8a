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
// Packed tiles of A pass by in one stream. Shorter, for all of them are to stay in a cache.
constexpr int64_t kPackedBlockDepth = 512;
// What is larger than the caches together.
constexpr int64_t kLargeBytes = int64_t{32} << 20;
// A few rows are bound by the reading of a large B: some of its rows are read
// side by side from end to end, the next group of columns ahead of its use.
constexpr int64_t kFewRows = 32;
constexpr int64_t kFewRowsBlockDepth = 16;
constexpr int64_t kGroupsAhead = 2;
constexpr int64_t kRowsAhead = 16;  // packing
// B stays in the second-level cache while C is written row by row.
constexpr int64_t kResidentBytes = int64_t{256} << 10;

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

int64_t tile_count(int64_t rows, int width) {
  const int height = max_height(width);
  return (rows + height - 1) / height;
}

// How C is cut: columns into `wide_count` groups of `wide` vectors, then `narrow_count` groups of
// `narrow`; each group's rows into tiles whose heights differ by at most one.
struct Cut {
  int64_t vectors;
  int wide, narrow;
  int64_t wide_count, narrow_count;
  bool even = false;  // all groups have the wide ones' tiles

  int64_t groups() const { return wide_count + narrow_count; }
  int width(int64_t group) const { return group < wide_count ? wide : narrow; }
  int64_t tiles(int64_t rows, int width) const { return tile_count(rows, even ? wide : width); }
  int64_t first_vector(int64_t group) const {
    return group <= wide_count ? group * wide : wide_count * wide + (group - wide_count) * narrow;
  }
};

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
  const int64_t tiles = cut.tiles(p.rows, width);
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

bool has_few_rows(const GemmParams& p) {
  return p.rows <= kFewRows && p.columns >= 512 && p.transpose_b == Transpose::No &&
         p.depth * p.columns * int64_t(sizeof(float)) >= kLargeBytes;
}

// A product of a short depth whose C is large: C is written row by row, B read again for each tile.
bool goes_by_rows(const GemmParams& p) {
  return p.batch == 1 && p.transpose_b == Transpose::No && p.depth <= kTransposedBlockDepth &&
         p.depth * p.columns * int64_t(sizeof(float)) <= kResidentBytes &&
         p.rows * p.columns * int64_t(sizeof(float)) >= kLargeBytes;
}

// Packing costs one pass over B; rows of B that are far apart or not aligned cost a little in each
// tile that reads them. Measured break-even on Sapphire Rapids: about 400 rows. A large power of two
// apart, the second-level cache does not keep them between two tiles.
bool packs_b(const GemmParams& p) {
  const int64_t break_even = p.ldb % 1024 == 0 && p.depth >= 128 ? 48 : 400;
  return p.transpose_b == Transpose::Yes || (p.rows >= break_even && !goes_by_rows(p));
}

// A tile reads a piece of each line of a transposed A, and each group of columns reads them all
// again: where lines are far apart the caches do not keep them.
bool packs_a(const GemmParams& p) {
  return p.batch == 1 && p.transpose_a == Transpose::Yes && p.rows >= 128 && p.columns >= 256 &&
         p.depth >= 128 && !goes_by_rows(p);
}

int64_t block_depth(const GemmParams& p) {
  const int64_t limit = has_few_rows(p)                   ? kFewRowsBlockDepth
                        : packs_a(p)                      ? kPackedBlockDepth
                        : p.transpose_a == Transpose::Yes ? kTransposedBlockDepth
                                                          : kBlockDepth;
  const int64_t blocks = std::max<int64_t>(1, (p.depth + limit - 1) / limit);
  return (p.depth + blocks - 1) / blocks;
}

// A whole number of 64-byte lines.
int64_t panel_floats(const GemmParams& p) {
  return (block_depth(p) * kMaxWidth * kLanes + 15) / 16 * 16;
}

// The tiles of A, one behind the other.
int64_t packed_a_floats(const GemmParams& p) {
  return packs_a(p) ? (p.rows * block_depth(p) + 15) / 16 * 16 : 0;
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
      for (int64_t j = 0; j < columns; j += 16) __builtin_prefetch(from + kRowsAhead * p.ldb + j);
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

// Tiles [begin, end) of a transposed A at depth k0: each (depth, height), contiguous.
void pack_a(const GemmParams& p, int64_t tiles, int64_t begin, int64_t end, int64_t k0,
            int64_t depth, float* packed) {
  constexpr int64_t kStep = 8;  // rows of A at once: as many streams, also if they share cache sets
  const int64_t height = p.rows / tiles, taller = p.rows % tiles;
  for (int64_t first = 0; first < depth; first += kStep) {
    const int64_t past = std::min(first + kStep, depth);
    for (int64_t tile = begin; tile < end; ++tile) {
      const int64_t row = tile * height + std::min(tile, taller), rows = height + (tile < taller);
      for (int64_t i = 0; i < rows; i += kLanes) {
        const LaneMask mask = first_lanes(int(std::min<int64_t>(kLanes, rows - i)));
        for (int64_t k = first; k < past; ++k)
          store(packed + row * depth + k * rows + i, load(p.a + (k0 + k) * p.lda + row + i, mask),
                mask);
      }
    }
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

// Some tiles of one batch item, at the depth [k0, k0 + depth).
class Block {
 public:
  // packed_a: all tiles of A at this depth, or null. panel: for one packed panel of B.
  Block(const GemmParams& p, const Cut& cut, int64_t item, int64_t k0, int64_t depth,
        const float* packed_a, float* panel)
      : p_(p),
        cut_(cut),
        b_(p.b + item * p.b_batch_stride),
        k0_(k0),
        depth_(depth),
        last_(k0 + depth >= p.depth),
        is_function_(p.epilogue == Epilogue::Sigmoid || p.epilogue == Epilogue::Tanh),
        reads_down_(packed_a || p.transpose_a == Transpose::Yes),
        packed_a_(packed_a),
        a_(p.a + item * p.a_batch_stride),
        c_offset_(item * p.c_batch_stride),
        panel_(panel) {
    reads_ahead_ = has_few_rows(p);
    t_.depth = depth;
    t_.ldc = p.ldc;
    t_.add_c = k0 > 0 || p.mode == GradMode::Accumulate;
    t_.scale = p.scale;
    t_.epilogue = last_ && !is_function_ ? p.epilogue : Epilogue::Identity;
    t_.a_row = reads_down_ ? 1 : p.lda;
    t_.a_depth = p.transpose_a == Transpose::Yes ? p.lda : 1;
    streams_ = !t_.add_c && last_ && !is_function_ &&
               p.rows * p.ldc * int64_t(sizeof(float)) >= kLargeBytes &&
               reinterpret_cast<uintptr_t>(p.c) % 64 == 0 && p.ldc % 16 == 0;
  }

  // The tiles from `begin` to `end`, group by group.
  void run(Place begin, Place end) {
    for (int64_t group = begin.group; group <= end.group && group < cut_.groups(); ++group) {
      const int64_t tiles = cut_.tiles(p_.rows, cut_.width(group));
      const int64_t first = group == begin.group ? begin.tile : 0;
      const int64_t past = group == end.group ? end.tile : tiles;
      if (first >= past) continue;
      start_group(group, packs_b(p_));
      if (p_.b_sums && first == 0) add_sums();
      for (int64_t tile = first; tile < past; ++tile) run_tile(tile, tiles);
    }
  }

  // The tiles [first, past) of every group, row by row; and the sums of groups
  // [first_group, past_group).
  void run_rows(int64_t first, int64_t past, int64_t first_group, int64_t past_group) {
    const int64_t tiles = cut_.tiles(p_.rows, cut_.wide);
    for (int64_t group = first_group; p_.b_sums && group < past_group; ++group) {
      start_group(group, false);
      add_sums();
    }
    for (int64_t tile = first; tile < past; ++tile) {
      for (int64_t group = 0; group < cut_.groups(); ++group) {
        start_group(group, false);
        run_tile(tile, tiles);
      }
    }
  }

 private:
  void start_group(int64_t group, bool packs) {
    width_ = cut_.width(group);
    column_ = cut_.first_vector(group) * kLanes;
    columns_ = std::min<int64_t>(int64_t(width_) * kLanes, p_.columns - column_);
    t_.stream = streams_ && columns_ == width_ * kLanes;
    t_.last_lanes = first_lanes(int(columns_ - (width_ - 1) * kLanes));
    t_.bias = last_ && p_.bias ? p_.bias + column_ : nullptr;
    t_.b = packs ? panel_ : b_ + k0_ * p_.ldb + column_;
    t_.b_depth = packs ? int64_t(width_) * kLanes : p_.ldb;
    if (reads_ahead_)
      for (int64_t k = 0; k < depth_; ++k)
        for (int64_t j = 0; j < width_ * kLanes; j += 16)
          __builtin_prefetch(t_.b + k * p_.ldb + kGroupsAhead * width_ * kLanes + j);
    if (packs) pack_panel(p_, b_, k0_, depth_, column_, width_, panel_);
  }

  void add_sums() {
    sum_panel(t_.b, t_.b_depth, depth_, width_, t_.last_lanes, t_.add_c, p_.b_sums + column_);
  }

  void run_tile(int64_t tile, int64_t tiles) {
    const int64_t height = p_.rows / tiles, taller = p_.rows % tiles;
    const int64_t row = tile * height + std::min(tile, taller), rows = height + (tile < taller);
    const int64_t offset = c_offset_ + row * p_.ldc + column_;
    if (packed_a_) {
      t_.a = packed_a_ + row * depth_;
      t_.a_depth = rows;
    } else {
      t_.a = a_ + row * t_.a_row + k0_ * t_.a_depth;
    }
    t_.c = p_.c + offset;
    t_.activation = p_.activation ? p_.activation + offset : nullptr;
    kTileFunctions.of[reads_down_][width_][rows](t_);
    if (last_ && is_function_) apply_function(p_.epilogue, t_.c, p_.ldc, rows, columns_);
  }

  const GemmParams& p_;
  const Cut& cut_;
  const float* b_;
  const int64_t k0_, depth_;
  const bool last_, is_function_, reads_down_;
  const float* packed_a_;
  const float* a_;
  const int64_t c_offset_;
  float* panel_;
  bool streams_, reads_ahead_;
  int width_ = 0;  // of the group at hand
  int64_t column_ = 0, columns_ = 0;
  Tile t_{};
};

// body(k0, depth) for each block of the depth, and once for a depth of 0.
template <typename Body>
void each_depth(const GemmParams& p, const Body& body) {
  const int64_t block = block_depth(p);
  int64_t k0 = 0;
  do {
    body(k0, std::min(block, p.depth - k0));
    k0 += block;
  } while (k0 < p.depth);
}

void run_part(const GemmParams& p, const Cut& cut, int64_t part, int64_t parts, float* panel) {
  const Place begin = part_begin(p, cut, part, parts);
  const Place end = part_begin(p, cut, part + 1, parts);
  for (int64_t item = begin.item; item <= end.item && item < p.batch; ++item) {
    const Place item_begin = item == begin.item ? begin : Place{item, 0, 0};
    const Place item_end = item == end.item ? end : Place{item, cut.groups(), 0};
    each_depth(p, [&](int64_t k0, int64_t depth) {
      Block(p, cut, item, k0, depth, nullptr, panel).run(item_begin, item_end);
    });
  }
}

// A part of the rows, by rows.
void run_rows(const GemmParams& p, const Cut& cut, int64_t part, int64_t parts) {
  const int64_t tiles = cut.tiles(p.rows, cut.wide), groups = cut.groups();
  Block(p, cut, 0, 0, p.depth, nullptr, nullptr)
      .run_rows(tiles * part / parts, tiles * (part + 1) / parts, groups * part / parts,
                groups * (part + 1) / parts);
}

// The calling thread's share of a product whose A is packed, block by block, by the whole team.
void run_packed(const GemmParams& p, const Cut& cut, int64_t parts, int thread, int team,
                float* packed, float* panel) {
  const int64_t tiles = cut.tiles(p.rows, cut.wide);
  each_depth(p, [&](int64_t k0, int64_t depth) {
    pack_a(p, tiles, tiles * thread / team, tiles * (thread + 1) / team, k0, depth, packed);
    if (team > 1) {
#pragma omp barrier
    }
    for (int64_t part = thread; part < parts; part += team) {
      const Place end = part_begin(p, cut, part + 1, parts);
      Block(p, cut, 0, k0, depth, packed, panel)
          .run(part_begin(p, cut, part, parts), end.item > 0 ? Place{0, cut.groups(), 0} : end);
    }
    if (team > 1) {
#pragma omp barrier
    }
  });
}

int64_t scratch_bytes(const GemmParams& p, int threads) {
  if (p.rows == 0 || p.columns == 0) return 0;
  const int64_t panels = packs_b(p) ? threads_for(p, threads) * panel_floats(p) : 0;
  return (packed_a_floats(p) + panels) * int64_t(sizeof(float));
}

void run(const GemmParams& p, int threads) {
  if (p.rows == 0 || p.columns == 0 || p.batch == 0) return;
  const bool by_rows = goes_by_rows(p), packed = packs_a(p);
  Cut cut = choose_cut(p);
  cut.even = by_rows || packed;
  const int parts = threads_for(p, threads);
  const int64_t panel = packs_b(p) ? panel_floats(p) : 0;
  float* scratch = static_cast<float*>(p.scratch);
  const auto run_thread = [&](int thread, int team) {
    float* own_panel = scratch + packed_a_floats(p) + thread * panel;
    // A smaller team than asked for still does every part.
    if (packed)
      run_packed(p, cut, parts, thread, team, scratch, own_panel);
    else
      for (int part = thread; part < parts; part += team)
        by_rows ? run_rows(p, cut, part, parts) : run_part(p, cut, part, parts, own_panel);
    finish_stream();
  };
  if (parts == 1) {
    run_thread(0, 1);
    return;
  }
#pragma omp parallel num_threads(parts)
  {
    flush_denormals();
    run_thread(omp_get_thread_num(), omp_get_num_threads());
  }
}

}  // namespace

extern const GemmTable gemm_table = {scratch_bytes, run};

}  // namespace dn::cpu::DN_ISA
