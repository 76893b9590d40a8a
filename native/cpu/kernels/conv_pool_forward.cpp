// Forward half of conv_pool.h. A tile of positions x output channels stays in registers while all
// taps and input channels are added to it; positions are those of whole pooling windows, so the
// tile's results go through L1 straight into the maximum.
#include <omp.h>

#include <algorithm>
#include <limits>

#include "conv_pool_image.h"
#include "denormals.h"

namespace dn::cpu::DN_ISA {

namespace {

constexpr int kVectorsPerBlock = 16 / kLanes;
// Two blocks of output channels share each input broadcast where the registers allow it.
constexpr int kTileBlocks = kRegisters == 32 ? 2 : 1;
constexpr int64_t kL2WeightBytes = 1 << 20;

// conv results of Rows x Cols positions: position (i,j) starts at rows[i] + j * column, tap t of it
// at
// + tap_offsets[t]; Channels input channels follow each other there. w is [tap][Channels][16].
// out is [position][Vectors][kLanes].
template <int Rows, int Cols, int Vectors, int Channels>
void conv_tile(const float* const* rows, int64_t column, const int64_t* tap_offsets,
               int64_t tap_count, const float* w, int64_t vector_step, const float* bias,
               float* out) {
  constexpr int kUnroll = Channels == 1 ? 1 : 4;
  if (Channels == 1) column = 1;
  vf sum[Rows][Cols][Vectors];
#pragma GCC unroll 32
  for (int v = 0; v < Vectors; ++v) {
    const vf start = bias ? load(bias + v * kLanes) : vf{};
#pragma GCC unroll 32
    for (int i = 0; i < Rows; ++i)
#pragma GCC unroll 32
      for (int j = 0; j < Cols; ++j) sum[i][j][v] = start;
  }
  for (int64_t t = 0; t < tap_count; ++t) {
    const float* x[Rows];
#pragma GCC unroll 32
    for (int i = 0; i < Rows; ++i) x[i] = rows[i] + tap_offsets[t];
    for (int c = 0; c < Channels; c += kUnroll) {
#pragma GCC unroll 32
      for (int u = 0; u < kUnroll; ++u) {
        vf weight[Vectors];
#pragma GCC unroll 32
        for (int v = 0; v < Vectors; ++v) weight[v] = load(w + v * vector_step);
        w += 16;
#pragma GCC unroll 32
        for (int i = 0; i < Rows; ++i)
#pragma GCC unroll 32
          for (int j = 0; j < Cols; ++j) {
            const vf input = broadcast(x[i][c + u + j * column]);
#pragma GCC unroll 32
            for (int v = 0; v < Vectors; ++v) sum[i][j][v] = fma(input, weight[v], sum[i][j][v]);
          }
      }
    }
  }
#pragma GCC unroll 32
  for (int i = 0; i < Rows; ++i)
#pragma GCC unroll 32
    for (int j = 0; j < Cols; ++j)
#pragma GCC unroll 32
      for (int v = 0; v < Vectors; ++v)
        store(out + ((i * Cols + j) * Vectors + v) * kLanes, sum[i][j][v]);
}

using TileFunction = void (*)(const float* const* rows, int64_t column, const int64_t* tap_offsets,
                              int64_t tap_count, const float* w, int64_t vector_step,
                              const float* bias, float* out);

struct Tile {
  int rows, columns;
  TileFunction run;       // kTileBlocks blocks of output channels
  TileFunction run_last;  // one block
};

template <int Rows, int Cols, int Channels>
Tile make_tile() {
  static_assert(Rows <= kConvPoolMaxTileRows);
  return {Rows, Cols, conv_tile<Rows, Cols, kTileBlocks * kVectorsPerBlock, Channels>,
          conv_tile<Rows, Cols, kVectorsPerBlock, Channels>};
}

// Tiles that fill the registers: Rows * Cols * vectors sums, the weights and one broadcast. The
// columns divide pool_w, so that a tile row never leaves its window.
template <int Channels>
Tile choose_tile(int64_t pool_w) {
  if constexpr (kLanes == 16) {
    if (pool_w == 2) return make_tile<6, 2, Channels>();
    if (pool_w == 3) return make_tile<3, 3, Channels>();
    if (pool_w == 4) return make_tile<3, 4, Channels>();
    return make_tile<8, 1, Channels>();
  } else if constexpr (kLanes == 8) {
    if (pool_w == 2) return make_tile<2, 2, Channels>();
    if (pool_w == 3) return make_tile<2, 3, Channels>();
    if (pool_w == 4) return make_tile<1, 4, Channels>();
    return make_tile<5, 1, Channels>();
  } else {
    if (pool_w % 2 == 0) return make_tile<1, 2, Channels>();
    return make_tile<2, 1, Channels>();
  }
}

// One vector of one window: values[t * step] for tap t. Taps = 0: as many as `taps` says.
template <int Taps>
inline void max_over_taps(const float* values, int64_t step, int64_t taps, vf* best, vi* tap) {
  if (Taps > 0) taps = Taps;
  vf b = load(values);
  vi at{};
#if defined(__AVX512F__)
  // Greater or NaN wins, unless a NaN came before.
  __mmask16 no_nan = _mm512_cmp_ps_mask((__m512)b, (__m512)b, _CMP_ORD_Q);
#pragma GCC unroll 16
  for (int64_t t = 1; t < taps; ++t) {
    const __m512 v = (__m512)load(values + t * step);
    const __mmask16 wins = _mm512_mask_cmp_ps_mask(no_nan, v, (__m512)b, _CMP_NLE_UQ);
    no_nan = _mm512_mask_cmp_ps_mask(no_nan, v, v, _CMP_ORD_Q);
    b = (vf)_mm512_mask_mov_ps((__m512)b, wins, v);
    at = (vi)_mm512_mask_mov_epi32((__m512i)at, wins, _mm512_set1_epi32((int)t));
  }
#else
  for (int64_t t = 1; t < taps; ++t) {
    const vf v = load(values + t * step);
    const vi wins = ((v > b) | (v != v)) & (b == b);
    b = wins ? v : b;
    at = wins ? vi{} + (int32_t)t : at;
  }
#endif
  *best = b;
  *tap = at;
}

inline void store_taps(uint8_t* p, vi tap) {
  typedef uint8_t bytes __attribute__((vector_size(kLanes)));
  const bytes b = __builtin_convertvector(tap, bytes);
  std::memcpy(p, &b, sizeof b);
}

class Forward {
 public:
  Forward(const ConvPoolParams& p, const ConvPoolLayout& x_layout, const float* w,
          const float* bias, float* y, uint8_t* tap, const ConvPoolForwardScratch& scratch)
      : p_(p), layout_(x_layout), w_(w), bias_(bias), y_(y), tap_(tap), scratch_(scratch) {
    tile_ = p.planar() ? choose_tile<1>(p.pool_w) : choose_tile<16>(p.pool_w);
    window_taps_ = p.pool_h * p.pool_w;
    window_rows_ = window_taps_ / tile_.columns;
    // Whole tiles, and enough windows that their maxima, long chains of compares, overlap.
    group_windows_ = 1;
    while (group_windows_ * window_rows_ % tile_.rows != 0) ++group_windows_;
    while (group_windows_ < 4) group_windows_ *= 2;
    tap_count_ = p.kernel_h * p.kernel_w * (p.planar() ? p.channels : p.channels / 16);
    block_floats_ = p.kernel_h * p.kernel_w * p.channels * 16;
    blocks_ = p.out_channels / 16;
    write_ = window_taps_ == 4   ? &Forward::write_windows<4>
             : window_taps_ == 9 ? &Forward::write_windows<9>
                                 : &Forward::write_windows<0>;
    fill_offsets();
  }

  int64_t group_windows() const { return group_windows_; }

  // Windows [begin, end) of the batch; x is image `first_image` at x_layout.
  void run(const float* x, int64_t first_image, float* conv, int64_t begin, int64_t end) const {
    // Weights beyond L2 are kept there slice by slice, for as many groups as their inputs fit too.
    const int64_t weight_bytes = block_floats_ * blocks_ * 4;
    const int64_t batch_windows = (weight_bytes > kL2WeightBytes ? 32 : 1) * group_windows_;
    ConvPoolWindow start(p_, begin);
    for (int64_t from = begin; from < end; from += batch_windows) {
      const int64_t to = std::min(end, from + batch_windows);
      ConvPoolWindow at = start;
      for (int64_t kb = 0; kb < blocks_; kb += kTileBlocks) {
        at = start;
        for (int64_t first = from; first < to; first += group_windows_)
          run_group(x, first_image, conv, at, std::min(group_windows_, to - first), kb);
      }
      start = at;
    }
  }

 private:
  // Two lists for the tiles: where each tap is from a position, and where each tile row of a window
  // is from the window's first position.
  void fill_offsets() const {
    int64_t* to = scratch_.tap_offsets;
    const int64_t blocks = p_.planar() ? 1 : p_.channels / 16;
    const int64_t singles = p_.planar() ? p_.channels : 1;
    for (int64_t cb = 0; cb < blocks; ++cb)
      for (int64_t r = 0; r < p_.kernel_h; ++r)
        for (int64_t s = 0; s < p_.kernel_w; ++s)
          for (int64_t c = 0; c < singles; ++c)
            *to++ = (cb + c) * layout_.block + r * layout_.row + s * layout_.column;
    const int64_t per_row = p_.pool_w / tile_.columns;
    for (int64_t r = 0; r < window_rows_; ++r)
      scratch_.row_offsets[r] =
          r / per_row * layout_.row + r % per_row * tile_.columns * layout_.column;
  }

  // `windows` windows from `at` on, which is moved behind them, and one tile of output channels.
  void run_group(const float* x, int64_t first_image, float* conv, ConvPoolWindow& at,
                 int64_t windows, int64_t kb) const {
    const bool last = kb + kTileBlocks > blocks_;
    const int64_t blocks = last ? 1 : kTileBlocks;
    const int64_t vectors = blocks * kVectorsPerBlock;
    const int64_t vector_step = kLanes == 16 ? block_floats_ : kLanes;
    const TileFunction run_tile = last ? tile_.run_last : tile_.run;
    const ConvPoolWindow first = at;
    const float* rows[kConvPoolMaxTileRows];
    int64_t filled = 0;
    float* out = conv;
    for (int64_t i = 0; i < windows; ++i, at.next()) {
      const float* base = x + (at.image - first_image) * layout_.image +
                          at.row * p_.pool_h * layout_.row + at.column * p_.pool_w * layout_.column;
      for (int64_t r = 0; r < window_rows_; ++r) {
        rows[filled++] = base + scratch_.row_offsets[r];
        const bool end = i == windows - 1 && r == window_rows_ - 1;
        if (filled < tile_.rows && !end) continue;
        // An incomplete tile repeats its last row; the results land behind those in use.
        while (filled < tile_.rows) rows[filled] = rows[filled - 1], ++filled;
        run_tile(rows, layout_.column, scratch_.tap_offsets, tap_count_, w_ + kb * block_floats_,
                 vector_step, bias_ ? bias_ + kb * 16 : nullptr, out);
        out += tile_.rows * tile_.columns * vectors * kLanes;
        filled = 0;
      }
    }
    (this->*write_)(conv, first, windows, kb, blocks);
  }

  template <int Taps>
  void write_windows(const float* conv, ConvPoolWindow at, int64_t windows, int64_t kb,
                     int64_t blocks) const {
    const ConvPoolLayout l = p_.y_layout;
    const int64_t taps = Taps > 0 ? Taps : window_taps_;
    const int64_t step = blocks * kVectorsPerBlock * kLanes;
    const bool relu = p_.relu;
    for (int64_t i = 0; i < windows; ++i, at.next(), conv += taps * step) {
      float* y = y_ + at.image * l.image + at.row * l.row + at.column * l.column + kb * l.block;
      uint8_t* tap = tap_ ? tap_ + at.index * blocks_ * 16 + kb * 16 : nullptr;
      for (int64_t v = 0; v < blocks * kVectorsPerBlock; ++v) {
        vf best;
        vi winner;
        max_over_taps<Taps>(conv + v * kLanes, step, taps, &best, &winner);
        if (relu) best = best <= 0.0f ? vf{} : best;
        float* to = y + v / kVectorsPerBlock * l.block + v % kVectorsPerBlock * kLanes * l.channel;
        if (l.channel == 1) {
          store(to, best);
        } else {
          for (int lane = 0; lane < kLanes; ++lane) to[lane * l.channel] = best[lane];
        }
        if (tap) store_taps(tap + v * kLanes, winner);
      }
    }
  }

  const ConvPoolParams& p_;
  const ConvPoolLayout layout_;
  const float* w_;
  const float* bias_;
  float* y_;
  uint8_t* tap_;
  const ConvPoolForwardScratch& scratch_;
  Tile tile_;
  void (Forward::*write_)(const float*, ConvPoolWindow, int64_t, int64_t, int64_t) const;
  int64_t window_taps_, window_rows_, group_windows_, tap_count_, block_floats_, blocks_;
};

void conv_pool_forward_run(const ConvPoolParams& p, const float* x, const float* w,
                           const float* bias, float* y, uint8_t* tap, void* scratch_memory,
                           int threads) {
  const ConvPoolForwardScratch scratch = conv_pool_forward_scratch(p, threads, scratch_memory);
  const ConvPoolLayout layout = p.padded() ? conv_pool_padded_layout(p) : p.x_layout;
  const Forward forward(p, layout, w, bias, y, tap, scratch);
  const int64_t image_windows = p.pooled_h() * p.pooled_w();
  const int64_t windows = p.batch * image_windows;
  const int64_t groups = (windows + forward.group_windows() - 1) / forward.group_windows();
#pragma omp parallel num_threads(threads)
  {
    flush_denormals();
    const int64_t me = omp_get_thread_num(), team = omp_get_num_threads();
    const int64_t begin = groups * me / team * forward.group_windows();
    const int64_t end = std::min(windows, groups * (me + 1) / team * forward.group_windows());
    float* conv = scratch.conv + me * static_cast<int64_t>(scratch.conv_stride);
    if (!p.padded()) {
      forward.run(x, 0, conv, begin, end);
    } else if (begin < end) {
      float* image = scratch.image + me * static_cast<int64_t>(scratch.image_stride);
      clear(image, conv_pool_padded_floats(p));
      for (int64_t from = begin; from < end;) {
        const int64_t n = from / image_windows;
        const int64_t to = std::min(end, (n + 1) * image_windows);
        (p.planar() ? copy_planes : copy_in)(p, x + n * p.x_layout.image, image);
        forward.run(image, n, conv, from, to);
        from = to;
      }
    }
  }
}

}  // namespace

extern const ConvPoolForwardTable conv_pool_forward;
const ConvPoolForwardTable conv_pool_forward = {conv_pool_forward_run};

}  // namespace dn::cpu::DN_ISA
