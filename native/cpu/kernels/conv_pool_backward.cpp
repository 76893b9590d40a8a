// Backward half of conv_pool.h for C % 16 == 0. Both gradients walk over the non-zero pooled
// gradients of one output channel at a time, in a block of images that stays in L1 (vectors of 16
// channels), and keep a vector for each tap of the kernel in registers:
//   weight: the sums of dw[k]; each gradient adds its patch of x: a load and FMA per vector.
//   data:   the weights w[k]; each gradient adds them to dx: a load, FMA and store per vector.
// Rejected for data: the sums of a patch of dx in registers, over all k with the same winner; it
// reads all of w[k] from L2 for each gradient, which costs more than the stores it saves.
#include "conv_pool_backward.h"

#include <omp.h>

#include <algorithm>
#include <array>
#include <utility>

#include "denormals.h"
#include "transpose.h"

namespace dn::cpu::DN_ISA {

namespace {

constexpr int kVectorsPerBlock = 16 / kLanes;
constexpr int kRegisterTaps = kRegisters - 4;  // leaves the value, a product and room

// sum[i][j] += value * x[where + i * x_row + j * 16]
template <int Rows, int Cols>
void gather_patches(const ConvPoolEntry* entries, int64_t count, float* x, int64_t x_row,
                    float* sum, int64_t sum_row) {
  vf s[Rows][Cols];
#pragma GCC unroll 32
  for (int i = 0; i < Rows; ++i)
#pragma GCC unroll 32
    for (int j = 0; j < Cols; ++j) s[i][j] = load(sum + i * sum_row + j * 16);
  for (int64_t e = 0; e < count; ++e) {
    const vf value = broadcast(entries[e].value);
    const float* patch = x + entries[e].where;
#pragma GCC unroll 32
    for (int i = 0; i < Rows; ++i)
#pragma GCC unroll 32
      for (int j = 0; j < Cols; ++j)
        s[i][j] = fma(value, load(patch + i * x_row + j * 16), s[i][j]);
  }
#pragma GCC unroll 32
  for (int i = 0; i < Rows; ++i)
#pragma GCC unroll 32
    for (int j = 0; j < Cols; ++j) store(sum + i * sum_row + j * 16, s[i][j]);
}

// dx[where + i * dx_row + j * 16] += value * w[i][j]
template <int Rows, int Cols>
void scatter_patches(const ConvPoolEntry* entries, int64_t count, float* dx, int64_t dx_row,
                     float* w, int64_t w_row) {
  vf weight[Rows][Cols];
#pragma GCC unroll 32
  for (int i = 0; i < Rows; ++i)
#pragma GCC unroll 32
    for (int j = 0; j < Cols; ++j) weight[i][j] = load(w + i * w_row + j * 16);
  for (int64_t e = 0; e < count; ++e) {
    const vf value = broadcast(entries[e].value);
    float* patch = dx + entries[e].where;
#pragma GCC unroll 32
    for (int i = 0; i < Rows; ++i)
#pragma GCC unroll 32
      for (int j = 0; j < Cols; ++j) {
        float* at = patch + i * dx_row + j * 16;
        store(at, fma(value, weight[i][j], load(at)));
      }
  }
}

using PatchFunction = void (*)(const ConvPoolEntry* entries, int64_t count, float* image,
                               int64_t image_row, float* taps, int64_t taps_row);
using PatchTable = std::array<PatchFunction, kMaxRectangle * kMaxRectangle>;

template <bool Gather, int Index>
constexpr PatchFunction patch_function() {
  constexpr int rows = Index / kMaxRectangle + 1, cols = Index % kMaxRectangle + 1;
  if constexpr (rows * cols > kRegisterTaps)
    return nullptr;
  else if constexpr (Gather)
    return gather_patches<rows, cols>;
  else
    return scatter_patches<rows, cols>;
}
template <bool Gather, int... Index>
constexpr PatchTable patch_table(std::integer_sequence<int, Index...>) {
  return {patch_function<Gather, Index>()...};
}
using Rectangles = std::make_integer_sequence<int, kMaxRectangle * kMaxRectangle>;
constexpr PatchTable kGather = patch_table<true>(Rectangles());
constexpr PatchTable kScatter = patch_table<false>(Rectangles());

// One thread's walk over blocks of images and groups of output channels.
class Walk {
 public:
  Walk(const ConvPoolParams& p, const ConvPoolBlockScratch& scratch, int64_t thread,
       const float* dy, const float* y, const uint8_t* tap, const WindowReader& reader)
      : p_(p),
        layout_(conv_pool_padded_layout(p)),
        dy_(dy),
        y_(y),
        tap_(tap),
        reader_(reader),
        images_(scratch.images + thread * static_cast<int64_t>(scratch.images_stride)),
        entries_(scratch.entries + thread * static_cast<int64_t>(scratch.entries_stride)),
        capacity_(scratch.entry_capacity) {}

  float* image(int64_t i) const { return images_ + i * layout_.image; }

  // The lists of channels [group, group + channels) over `images` images from `first` on, and the
  // sums of their values.
  void collect(int64_t first, int64_t images, int64_t group, int64_t channels, float* sums) {
    const ConvPoolLayout l = reader_.layout;
    clear(sums, channels);
    std::memset(counts_, 0, sizeof counts_);
    ConvPoolWindow at(p_, first * p_.pooled_h() * p_.pooled_w());
    for (; at.image < first + images; at.next()) {
      const int32_t start =
          static_cast<int32_t>((at.image - first) * layout_.image +
                               at.row * p_.pool_h * layout_.row + at.column * p_.pool_w * 16);
      const int64_t from = at.image * l.image + at.row * l.row + at.column * l.column;
      for (int64_t c = 0; c < channels; c += 16) {
        alignas(64) float values[16];
        alignas(64) int32_t where[16];
        const int64_t offset = from + (group + c) / 16 * l.block;
        reader_.read(dy_ + offset, y_ ? y_ + offset : nullptr,
                     tap_ + at.index * p_.out_channels + group + c, values, where);
        for (int i = 0; i < 16; i += kLanes)
          store(sums + c + i, load(sums + c + i) + load(values + i));
        append(entries_ + c * capacity_, counts_ + c, start, values, where);
      }
    }
  }

  // Calls run on the lists of channels [begin, end) of the group, for each vector of input channels
  // and rectangle of taps; taps is [group's channel][C/16][R*S][16c].
  void run(const PatchTable& table, const TapRectangles& rectangles, float* taps, int64_t begin,
           int64_t end) const {
    const int64_t kernel_taps = p_.kernel_h * p_.kernel_w;
    const int64_t channel_floats = p_.channels * kernel_taps;
    for (int64_t v = 0; v < p_.channels / kLanes; ++v) {
      const int64_t cb = v / kVectorsPerBlock, lane = v % kVectorsPerBlock * kLanes;
      rectangles.for_each([&](int64_t r, int64_t s, int64_t rows, int64_t cols) {
        const PatchFunction function = table[rectangle_index(rows, cols)];
        float* from = images_ + cb * layout_.block + r * layout_.row + s * 16 + lane;
        float* to = taps + (cb * kernel_taps + r * p_.kernel_w + s) * 16 + lane;
        for (int64_t i = begin; i < end; ++i)
          if (counts_[i] > 0)
            function(entries_ + i * capacity_, counts_[i], from, layout_.row,
                     to + i * channel_floats, p_.kernel_w * 16);
      });
    }
  }

 private:
  void append(ConvPoolEntry* entries, int32_t* counts, int32_t start, const float* values,
              const int32_t* where) const {
    // Always written, kept only if not zero: half are zero in no order, so no branch.
    for (int i = 0; i < 16; ++i) {
      uint32_t bits;
      std::memcpy(&bits, values + i, sizeof bits);
      entries[i * capacity_ + counts[i]] = {start + where[i], values[i]};
      counts[i] += (bits << 1) != 0;
    }
  }

  const ConvPoolParams& p_;
  const ConvPoolLayout layout_;
  const float* dy_;
  const float* y_;
  const uint8_t* tap_;
  const WindowReader& reader_;
  float* images_;
  ConvPoolEntry* entries_;
  int64_t capacity_;
  int32_t counts_[kConvPoolChannelGroup];
};

void backward_weight_blocked(const ConvPoolParams& p, const float* dy, const float* y,
                             const uint8_t* tap, const float* x, float* dw, float* db,
                             GradMode mode, void* scratch_memory, int threads) {
  const ConvPoolBlockScratch scratch = conv_pool_block_scratch(p, threads, scratch_memory);
  const ConvPoolLayout layout = conv_pool_padded_layout(p);
  const WindowReader reader(p, layout.row, layout.column);
  const TapRectangles rectangles(p.kernel_h, p.kernel_w, kRegisterTaps);
  const int64_t channel_floats = p.channels * p.kernel_h * p.kernel_w;
#pragma omp parallel num_threads(threads)
  {
    flush_denormals();
    const int64_t me = omp_get_thread_num(), team = omp_get_num_threads();
    const int64_t begin = p.out_channels * me / team, end = p.out_channels * (me + 1) / team;
    Walk walk(p, scratch, me, dy, y, tap, reader);
    clear(scratch.taps + begin * channel_floats, (end - begin) * channel_floats);
    clear(scratch.bias_sums + begin, end - begin);
    if (begin < end && p.padded()) clear(walk.image(0), scratch.block_images * layout.image);

    for (int64_t n = 0; n < p.batch && begin < end; n += scratch.block_images) {
      const int64_t images = std::min(scratch.block_images, p.batch - n);
      for (int64_t i = 0; i < images; ++i)
        copy_in(p, x + (n + i) * p.x_layout.image, walk.image(i));
      // Lists are made for whole vectors of 16 output channels, also where threads share one.
      for (int64_t k = begin / 16 * 16; k < end; k += kConvPoolChannelGroup) {
        const int64_t channels = std::min((end - k + 15) / 16 * 16, kConvPoolChannelGroup);
        const int64_t from = std::max(begin - k, int64_t{0}), to = std::min(end - k, channels);
        alignas(64) float sums[kConvPoolChannelGroup];
        walk.collect(n, images, k, channels, sums);
        for (int64_t i = from; i < to; ++i) scratch.bias_sums[k + i] += sums[i];
        walk.run(kGather, rectangles, scratch.taps + k * channel_floats, from, to);
      }
    }
#pragma omp barrier  // the transposes below read other threads' channels
    const int64_t vectors = channel_floats / 16;
    const int64_t tiles = p.out_channels / 16 * vectors;
    for (int64_t tile = tiles * me / team; tile < tiles * (me + 1) / team; ++tile)
      transpose16(scratch.taps + (tile / vectors * 16 * vectors + tile % vectors) * 16,
                  channel_floats, dw + tile * 256, 16, mode);
    for (int64_t k = begin; db && k < end; ++k)
      db[k] = scratch.bias_sums[k] + (mode == GradMode::Accumulate ? db[k] : 0.0f);
  }
}

void backward_weight(const ConvPoolParams& p, const float* dy, const float* y, const uint8_t* tap,
                     const float* x, float* dw, float* db, GradMode mode, void* scratch,
                     int threads) {
  (p.planar() ? conv_pool_backward_weight_planar : backward_weight_blocked)(
      p, dy, y, tap, x, dw, db, mode, scratch, threads);
}

void backward_data(const ConvPoolParams& p, const float* dy, const float* y, const uint8_t* tap,
                   const float* w, float* dx, GradMode mode, void* scratch_memory, int threads) {
  const ConvPoolBlockScratch scratch = conv_pool_block_scratch(p, threads, scratch_memory);
  const ConvPoolLayout layout = conv_pool_padded_layout(p);
  const WindowReader reader(p, layout.row, layout.column);
  const TapRectangles rectangles(p.kernel_h, p.kernel_w, kRegisterTaps);
  const int64_t channel_floats = p.channels * p.kernel_h * p.kernel_w;
#pragma omp parallel num_threads(threads)
  {
    flush_denormals();
    const int64_t me = omp_get_thread_num(), team = omp_get_num_threads();
    // w [K/16][C/16][R*S][16c][16k] -> taps [K][C/16][R*S][16c]
    const int64_t vectors = channel_floats / 16;
    const int64_t tiles = p.out_channels / 16 * vectors;
    for (int64_t tile = tiles * me / team; tile < tiles * (me + 1) / team; ++tile)
      transpose16(w + tile * 256, 16,
                  scratch.taps + (tile / vectors * 16 * vectors + tile % vectors) * 16,
                  channel_floats, GradMode::Overwrite);
    Walk walk(p, scratch, me, dy, y, tap, reader);
#pragma omp barrier  // every thread reads all of scratch.taps
    const int64_t end = p.batch * (me + 1) / team;
    for (int64_t n = p.batch * me / team; n < end; n += scratch.block_images) {
      const int64_t images = std::min(scratch.block_images, end - n);
      clear(walk.image(0), images * layout.image);
      for (int64_t k = 0; k < p.out_channels; k += kConvPoolChannelGroup) {
        const int64_t channels = std::min(kConvPoolChannelGroup, p.out_channels - k);
        alignas(64) float sums[kConvPoolChannelGroup];
        walk.collect(n, images, k, channels, sums);
        walk.run(kScatter, rectangles, scratch.taps + k * channel_floats, 0, channels);
      }
      for (int64_t i = 0; i < images; ++i)
        copy_out(p, walk.image(i), dx + (n + i) * p.x_layout.image, mode);
    }
  }
}

}  // namespace

extern const ConvPoolBackwardTable conv_pool_backward;
const ConvPoolBackwardTable conv_pool_backward = {backward_weight, backward_data};

}  // namespace dn::cpu::DN_ISA
