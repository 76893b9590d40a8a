// Backward half of conv_pool.h for C % 16 == 0. Both gradients are the same sum: vectors of 16
// input channels at all taps of one patch, plus value * vectors at all taps of another patch, over
// a list of non-zero pooled gradients. The taps' sums stay in registers along the list.
//   weight: one list per output channel (over images and windows); patches of x add to dw[k].
//   data:   one list per position (over output channels); patches w[k] add to dx.
#include "conv_pool_backward.h"

#include <omp.h>

#include <algorithm>
#include <array>
#include <utility>

#include "transpose.h"

namespace dn::cpu::DN_ISA {

namespace {

constexpr int kVectorsPerBlock = 16 / kLanes;
constexpr int kSumLimit = kRegisters - 4;  // the value and room for the compiler

// sum[i * sum_row + j * sum_column] += value * from[where + i * from_row + j * from_column]
template <int Rows, int Cols>
void add_patches(const ConvPoolEntry* entries, int64_t count, const float* from, int64_t from_row,
                 int64_t from_column, float* sum, int64_t sum_row, int64_t sum_column) {
  vf s[Rows][Cols];
#pragma GCC unroll 32
  for (int i = 0; i < Rows; ++i)
#pragma GCC unroll 32
    for (int j = 0; j < Cols; ++j) s[i][j] = load(sum + i * sum_row + j * sum_column);
  for (int64_t e = 0; e < count; ++e) {
    const vf value = broadcast(entries[e].value);
    const float* patch = from + entries[e].where;
#pragma GCC unroll 32
    for (int i = 0; i < Rows; ++i)
#pragma GCC unroll 32
      for (int j = 0; j < Cols; ++j)
        s[i][j] = fma(value, load(patch + i * from_row + j * from_column), s[i][j]);
  }
#pragma GCC unroll 32
  for (int i = 0; i < Rows; ++i)
#pragma GCC unroll 32
    for (int j = 0; j < Cols; ++j) store(sum + i * sum_row + j * sum_column, s[i][j]);
}

using AddPatches = void (*)(const ConvPoolEntry* entries, int64_t count, const float* from,
                            int64_t from_row, int64_t from_column, float* sum, int64_t sum_row,
                            int64_t sum_column);

template <int Index>
constexpr AddPatches add_patches_entry() {
  constexpr int rows = Index / kMaxRectangle + 1, cols = Index % kMaxRectangle + 1;
  if constexpr (rows * cols <= kSumLimit)
    return add_patches<rows, cols>;
  else
    return nullptr;
}
template <int... Index>
constexpr std::array<AddPatches, sizeof...(Index)> add_patches_table(
    std::integer_sequence<int, Index...>) {
  return {add_patches_entry<Index>()...};
}
constexpr auto kAddPatches =
    add_patches_table(std::make_integer_sequence<int, kMaxRectangle * kMaxRectangle>());

inline AddPatches choose_add_patches(int64_t rows, int64_t cols) {
  return kAddPatches[static_cast<size_t>((rows - 1) * kMaxRectangle + cols - 1)];
}

// Floats from a window's first position to each of its taps.
void fill_tap_offsets(const ConvPoolParams& p, const ConvPoolLayout& l, int32_t* offsets) {
  for (int64_t t = 0; t < p.pool_h * p.pool_w; ++t)
    offsets[t] = static_cast<int32_t>(t / p.pool_w * l.row + t % p.pool_w * l.column);
}

struct WeightPass {
  const ConvPoolParams& p;
  const ConvPoolWeightScratch& scratch;
  const float* dy;
  const float* y;
  const uint8_t* tap;
  int32_t tap_offsets[256];

  // The lists of output channels [k, k + channels) over `images` images from `first` on.
  void collect(int64_t first, int64_t images, int64_t k, int64_t channels, int64_t image_stride,
               const ConvPoolLayout& x, ConvPoolEntry* entries, int64_t* counts) const {
    float bias[kConvPoolChannelGroup];
    int64_t offsets[kConvPoolChannelGroup];
    for (int64_t i = 0; i < channels; ++i) {
      counts[i] = 0;
      bias[i] = scratch.bias_sums[k + i];
      offsets[i] = channel_offset(p.y_layout, k + i);
    }
    const ConvPoolLayout& l = p.y_layout;
    for (int64_t n = 0; n < images; ++n)
      for (int64_t h = 0; h < p.pooled_h(); ++h)
        for (int64_t w = 0; w < p.pooled_w(); ++w) {
          const int64_t at = (first + n) * l.image + h * l.row + w * l.column;
          const uint8_t* taps =
              tap + (((first + n) * p.pooled_h() + h) * p.pooled_w() + w) * p.out_channels + k;
          const int64_t start = n * image_stride + h * p.pool_h * x.row + w * p.pool_w * x.column;
          for (int64_t i = 0; i < channels; ++i) {
            float value = dy[at + offsets[i]];
            if (y) value = y[at + offsets[i]] > 0.0f ? value : 0.0f;
            // Always written, kept only if not zero: no branch to mispredict.
            entries[i * scratch.entry_capacity + counts[i]] = {
                static_cast<int32_t>(start) + tap_offsets[taps[i]], value};
            counts[i] += value != 0.0f;
            bias[i] += value;
          }
        }
    for (int64_t i = 0; i < channels; ++i) scratch.bias_sums[k + i] = bias[i];
  }
};

void backward_weight_blocked(const ConvPoolParams& p, const float* dy, const float* y,
                             const uint8_t* tap, const float* x, float* dw, float* db,
                             GradMode mode, void* scratch_memory, int threads) {
  const ConvPoolWeightScratch scratch = conv_pool_weight_scratch(p, threads, scratch_memory);
  const ConvPoolLayout layout = p.padded() ? conv_pool_padded_layout(p) : p.x_layout;
  WeightPass pass{p, scratch, dy, y, tap, {}};
  fill_tap_offsets(p, layout, pass.tap_offsets);
  const int64_t taps = p.kernel_h * p.kernel_w;
  const int64_t channel_blocks = p.channels / 16;
  const int64_t channel_floats = p.channels * taps;
  const TapRectangles rectangles(p.kernel_h, p.kernel_w, kSumLimit);
#pragma omp parallel num_threads(threads)
  {
    const int64_t me = omp_get_thread_num(), team = omp_get_num_threads();
    const int64_t begin = p.out_channels * me / team, end = p.out_channels * (me + 1) / team;
    ConvPoolEntry* entries = scratch.entries + me * static_cast<int64_t>(scratch.entries_stride);
    float* copies = scratch.images
                        ? scratch.images + me * static_cast<int64_t>(scratch.images_stride)
                        : nullptr;
    clear(scratch.sums + begin * channel_floats, (end - begin) * channel_floats);
    clear(scratch.bias_sums + begin, end - begin);
    if (copies && begin < end) clear(copies, scratch.block_images * layout.image);

    for (int64_t n = 0; n < p.batch && begin < end; n += scratch.block_images) {
      const int64_t images = std::min(scratch.block_images, p.batch - n);
      const float* block = x + n * p.x_layout.image;
      if (copies) {
        for (int64_t i = 0; i < images; ++i)
          copy_inside(p, block + i * p.x_layout.image, copies + i * layout.image);
        block = copies;
      }
      for (int64_t k = begin; k < end; k += kConvPoolChannelGroup) {
        const int64_t channels = std::min(kConvPoolChannelGroup, end - k);
        int64_t counts[kConvPoolChannelGroup];
        pass.collect(n, images, k, channels, layout.image, layout, entries, counts);
        for (int64_t v = 0; v < channel_blocks * kVectorsPerBlock; ++v) {
          const int64_t cb = v / kVectorsPerBlock, lane = v % kVectorsPerBlock * kLanes;
          rectangles.for_each([&](int64_t r, int64_t s, int64_t rows, int64_t cols) {
            const AddPatches add = choose_add_patches(rows, cols);
            const float* from = block + cb * layout.block + r * layout.row + s * layout.column;
            float* sums =
                scratch.sums + k * channel_floats + (cb * taps + r * p.kernel_w + s) * 16 + lane;
            for (int64_t i = 0; i < channels; ++i)
              if (counts[i] > 0)
                add(entries + i * scratch.entry_capacity, counts[i], from + lane, layout.row,
                    layout.column, sums + i * channel_floats, p.kernel_w * 16, 16);
          });
        }
      }
    }
#pragma omp barrier  // the transposes below read other threads' channels
    const int64_t tiles = p.out_channels / 16 * channel_blocks * taps;
    for (int64_t tile = tiles * me / team; tile < tiles * (me + 1) / team; ++tile) {
      const int64_t kb = tile / (channel_blocks * taps), rest = tile % (channel_blocks * taps);
      transpose16(scratch.sums + kb * 16 * channel_floats + rest * 16, channel_floats,
                  dw + tile * 256, mode);
    }
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

// w [K/16][C/16][R*S][16c][16k] -> [K][C/16][R*S][16c], this thread's share.
void split_output_channels(const ConvPoolParams& p, const float* w, float* weights, int64_t me,
                           int64_t team) {
  const int64_t per_channel = p.channels / 16 * p.kernel_h * p.kernel_w;
  const int64_t tiles = p.out_channels / 16 * per_channel;
  for (int64_t tile = tiles * me / team; tile < tiles * (me + 1) / team; ++tile) {
    float piece[256];
    transpose16(w + tile * 256, 16, piece, GradMode::Overwrite);
    float* to = weights + (tile / per_channel * 16 * per_channel + tile % per_channel) * 16;
    for (int k = 0; k < 16; ++k)
      std::memcpy(to + k * per_channel * 16, piece + k * 16, 16 * sizeof(float));
  }
}

struct DataPass {
  const ConvPoolParams& p;
  const float* dy;
  const float* y;
  const uint8_t* tap;
  const float* weights;
  const TapRectangles& rectangles;

  // One window: lists by tap over the output channels, then one patch of dx for each list.
  void add_window(int64_t n, int64_t h, int64_t w, ConvPoolEntry* entries, float* dx,
                  const ConvPoolLayout& layout) const {
    const ConvPoolLayout& l = p.y_layout;
    const int64_t kernel_taps = p.kernel_h * p.kernel_w;
    const int64_t channel_floats = p.channels * kernel_taps;
    const int64_t at = n * l.image + h * l.row + w * l.column;
    const uint8_t* taps = tap + ((n * p.pooled_h() + h) * p.pooled_w() + w) * p.out_channels;
    int32_t counts[256];
    std::memset(counts, 0, static_cast<size_t>(p.pool_h * p.pool_w) * sizeof counts[0]);
    for (int64_t k = 0; k < p.out_channels; ++k) {
      const int64_t from = at + channel_offset(l, k);
      float value = dy[from];
      if (y) value = y[from] > 0.0f ? value : 0.0f;
      int32_t& count = counts[taps[k]];
      entries[taps[k] * p.out_channels + count] = {static_cast<int32_t>(k * channel_floats), value};
      count += value != 0.0f;
    }
    for (int64_t t = 0; t < p.pool_h * p.pool_w; ++t) {
      if (counts[t] == 0) continue;
      float* position = dx + (h * p.pool_h + t / p.pool_w) * layout.row +
                        (w * p.pool_w + t % p.pool_w) * layout.column;
      for (int64_t v = 0; v < p.channels / kLanes; ++v) {
        const int64_t cb = v / kVectorsPerBlock, lane = v % kVectorsPerBlock * kLanes;
        rectangles.for_each([&](int64_t r, int64_t s, int64_t rows, int64_t cols) {
          choose_add_patches(rows, cols)(
              entries + t * p.out_channels, counts[t],
              weights + (cb * kernel_taps + r * p.kernel_w + s) * 16 + lane, p.kernel_w * 16, 16,
              position + cb * layout.block + r * layout.row + s * layout.column + lane, layout.row,
              layout.column);
        });
      }
    }
  }
};

void clear_image(const ConvPoolParams& p, float* image) {
  for_each_piece(p, image, image, [](float* piece, float*, int64_t count) { clear(piece, count); });
}

void add_outside(const ConvPoolParams& p, const float* padded, float* image) {
  for_each_piece(p, image, padded, [](float* to, const float* from, int64_t count) {
    for (int64_t i = 0; i < count; ++i) to[i] += from[i];
  });
}

void backward_data(const ConvPoolParams& p, const float* dy, const float* y, const uint8_t* tap,
                   const float* w, float* dx, GradMode mode, void* scratch_memory, int threads) {
  const ConvPoolDataScratch scratch = conv_pool_data_scratch(p, threads, scratch_memory);
  const ConvPoolLayout layout = p.padded() ? conv_pool_padded_layout(p) : p.x_layout;
  const TapRectangles rectangles(p.kernel_h, p.kernel_w, kSumLimit);
  const DataPass pass{p, dy, y, tap, scratch.weights, rectangles};
#pragma omp parallel num_threads(threads)
  {
    const int64_t me = omp_get_thread_num(), team = omp_get_num_threads();
    split_output_channels(p, w, scratch.weights, me, team);
    ConvPoolEntry* entries = scratch.entries + me * static_cast<int64_t>(scratch.entries_stride);
    float* padded =
        scratch.image ? scratch.image + me * static_cast<int64_t>(scratch.image_stride) : nullptr;
#pragma omp barrier  // every thread reads all of scratch.weights
    for (int64_t n = p.batch * me / team; n < p.batch * (me + 1) / team; ++n) {
      float* image = dx + n * p.x_layout.image;
      if (padded) {
        clear(padded, layout.image);
      } else if (mode == GradMode::Overwrite) {
        clear_image(p, image);
      }
      for (int64_t h = 0; h < p.pooled_h(); ++h)
        for (int64_t i = 0; i < p.pooled_w(); ++i)
          pass.add_window(n, h, i, entries, padded ? padded : image, layout);
      if (padded) (mode == GradMode::Overwrite ? copy_outside : add_outside)(p, padded, image);
    }
  }
}

}  // namespace

extern const ConvPoolBackwardTable conv_pool_backward;
const ConvPoolBackwardTable conv_pool_backward = {backward_weight, backward_data};

}  // namespace dn::cpu::DN_ISA
