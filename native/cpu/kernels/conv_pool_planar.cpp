// backward_weight of conv_pool.h for C <= 4. A list of single non-zero gradients costs more than
// the few sums it saves here, so the AVX-512 form takes 16 output channels at once: in a patch of x
// that covers the whole pooling window, tap (r,s) of channel k needs the float at (r + a_k, s +
// b_k) for its own winner (a_k,b_k). That is one register permutation per tap. The other form is
// plain loops.
#include <omp.h>

#include <algorithm>
#include <array>
#include <utility>

#include "conv_pool_backward.h"
#include "denormals.h"

namespace dn::cpu::DN_ISA {

namespace {

constexpr int kVectorsPerBlock = 16 / kLanes;

// Windows that are handled together: whole rows of windows of one image.
struct Band {
  int64_t image, first_row, rows;
};

struct PlanarPass {
  const ConvPoolParams& p;
  const ConvPoolPlanarScratch& scratch;
  const float* dy;
  const float* y;
  const uint8_t* tap;
  const WindowReader& reader;
  int64_t pooled_h = p.pooled_h(), pooled_w = p.pooled_w(), blocks = p.out_channels / 16;
  int64_t pitch = p.width + p.pad_left + p.pad_right;
  int64_t plane = (p.height + p.pad_top + p.pad_bottom) * pitch;

  // values, lanes [K/16][windows of the band][16k]; bias += values.
  void collect(const Band& band, float* values, int32_t* lanes, float* bias) const {
    const ConvPoolLayout l = reader.layout;
    for (int64_t kb = 0; kb < blocks; ++kb) {
      vf sum[kVectorsPerBlock];
      for (int v = 0; v < kVectorsPerBlock; ++v) sum[v] = load(bias + kb * 16 + v * kLanes);
      for (int64_t h = band.first_row; h < band.first_row + band.rows; ++h) {
        int64_t from = band.image * l.image + h * l.row + kb * l.block;
        const uint8_t* taps =
            tap + (band.image * pooled_h + h) * pooled_w * p.out_channels + kb * 16;
        for (int64_t w = 0; w < pooled_w; ++w, from += l.column, values += 16, lanes += 16) {
          reader.read(dy + from, y ? y + from : nullptr, taps + w * p.out_channels, values, lanes);
          for (int v = 0; v < kVectorsPerBlock; ++v) sum[v] += load(values + v * kLanes);
        }
      }
      for (int v = 0; v < kVectorsPerBlock; ++v) store(bias + kb * 16 + v * kLanes, sum[v]);
    }
  }

  // sums [K][C][R][tap_pitch]; lanes are offsets in the image plane.
  void add_plain(const Band& band, const float* values, const int32_t* lanes, const float* image,
                 float* sums) const {
    const int64_t channel_floats = p.channels * p.kernel_h * scratch.tap_pitch;
    for (int64_t kb = 0; kb < blocks; ++kb)
      for (int64_t h = band.first_row; h < band.first_row + band.rows; ++h)
        for (int64_t w = 0; w < pooled_w; ++w, values += 16, lanes += 16)
          for (int64_t i = 0; i < 16; ++i)
            if (values[i] != 0.0f)
              add_patch(values[i], image + h * p.pool_h * pitch + w * p.pool_w + lanes[i],
                        sums + (kb * 16 + i) * channel_floats);
  }

  void add_patch(float value, const float* position, float* sum) const {
    typedef float v8 __attribute__((vector_size(32)));
    for (int64_t c = 0; c < p.channels; ++c)
      for (int64_t r = 0; r < p.kernel_h; ++r)
        for (int64_t s = 0; s < scratch.tap_pitch; s += 8, sum += 8) {
          v8 a, b;
          std::memcpy(&a, position + c * plane + r * pitch + s, sizeof a);
          std::memcpy(&b, sum, sizeof b);
          b += a * value;
          std::memcpy(sum, &b, sizeof b);
        }
  }

  // dw from sums as add_plain leaves them, for output channels [begin, end).
  void write_plain(float* dw, GradMode mode, int64_t begin, int64_t end) const {
    for (int64_t k = begin; k < end; ++k)
      for (int64_t c = 0; c < p.channels; ++c)
        for (int64_t r = 0; r < p.kernel_h; ++r)
          for (int64_t s = 0; s < p.kernel_w; ++s) {
            const float* sum =
                scratch.sums + ((k * p.channels + c) * p.kernel_h + r) * scratch.tap_pitch + s;
            float total = 0;
            for (int64_t chunk = 0; chunk < scratch.chunks; ++chunk)
              total += sum[chunk * static_cast<int64_t>(scratch.sums_stride)];
            float& out =
                dw[(((k / 16 * p.kernel_h + r) * p.kernel_w + s) * p.channels + c) * 16 + k % 16];
            out = mode == GradMode::Accumulate ? out + total : total;
          }
  }
};

#if defined(__AVX512F__)

constexpr int kPairSums =
    12;  // taps whose sums for two blocks of output channels fit the registers

// For Blocks * 16 output channels and each of `windows` windows: sum[i][j] += value * patch[lane]
// with the patch beginning at tap (i,j). Lanes reach over Tables vectors of 16 floats of the patch.
template <int Rows, int Cols, int Tables, int Blocks>
void add_windows(const float* patches, int64_t patch_floats, int64_t patch_pitch,
                 const float* values, const int32_t* lanes, int64_t windows, int64_t block_values,
                 float* sum, int64_t sum_block, int64_t sum_row, int64_t sum_column) {
  __m512 s[Rows][Cols][Blocks];
#pragma GCC unroll 32
  for (int i = 0; i < Rows; ++i)
#pragma GCC unroll 32
    for (int j = 0; j < Cols; ++j)
#pragma GCC unroll 2
      for (int b = 0; b < Blocks; ++b)
        s[i][j][b] = _mm512_loadu_ps(sum + b * sum_block + i * sum_row + j * sum_column);
  for (int64_t w = 0; w < windows; ++w) {
    __m512 value[Blocks];
    __m512i lane[Blocks];
    __mmask16 used[Blocks];
#pragma GCC unroll 2
    for (int b = 0; b < Blocks; ++b) {
      value[b] = _mm512_loadu_ps(values + b * block_values + w * 16);
      lane[b] = _mm512_loadu_si512(lanes + b * block_values + w * 16);
      // A zero gradient must not meet an infinite x.
      used[b] = _mm512_cmp_ps_mask(value[b], _mm512_setzero_ps(), _CMP_NEQ_UQ);
    }
    const float* patch = patches + w * patch_floats;
#pragma GCC unroll 32
    for (int i = 0; i < Rows; ++i)
#pragma GCC unroll 32
      for (int j = 0; j < Cols; ++j) {
        const float* at = patch + i * patch_pitch + j;
        const __m512 low = _mm512_loadu_ps(at);
        const __m512 high = Tables == 2 ? _mm512_loadu_ps(at + 16) : low;
#pragma GCC unroll 2
        for (int b = 0; b < Blocks; ++b) {
          const __m512 x = Tables == 2 ? _mm512_maskz_permutex2var_ps(used[b], low, lane[b], high)
                                       : _mm512_maskz_permutexvar_ps(used[b], lane[b], low);
          s[i][j][b] = _mm512_fmadd_ps(value[b], x, s[i][j][b]);
        }
      }
  }
#pragma GCC unroll 32
  for (int i = 0; i < Rows; ++i)
#pragma GCC unroll 32
    for (int j = 0; j < Cols; ++j)
#pragma GCC unroll 2
      for (int b = 0; b < Blocks; ++b)
        _mm512_storeu_ps(sum + b * sum_block + i * sum_row + j * sum_column, s[i][j][b]);
}

using AddWindows = void (*)(const float* patches, int64_t patch_floats, int64_t patch_pitch,
                            const float* values, const int32_t* lanes, int64_t windows,
                            int64_t block_values, float* sum, int64_t sum_block, int64_t sum_row,
                            int64_t sum_column);

template <int Index, int Tables, int Blocks>
constexpr AddWindows add_windows_entry() {
  constexpr int rows = Index / kMaxRectangle + 1, cols = Index % kMaxRectangle + 1;
  if constexpr (rows * cols <= kPairSums)
    return add_windows<rows, cols, Tables, Blocks>;
  else
    return nullptr;
}
template <int Tables, int Blocks, int... Index>
constexpr std::array<AddWindows, sizeof...(Index)> add_windows_table(
    std::integer_sequence<int, Index...>) {
  return {add_windows_entry<Index, Tables, Blocks>()...};
}
using Rectangles = std::make_integer_sequence<int, kMaxRectangle * kMaxRectangle>;
// [tables - 1][blocks - 1]
constexpr std::array<AddWindows, kMaxRectangle * kMaxRectangle> kAddWindows[2][2] = {
    {add_windows_table<1, 1>(Rectangles()), add_windows_table<1, 2>(Rectangles())},
    {add_windows_table<2, 1>(Rectangles()), add_windows_table<2, 2>(Rectangles())}};

// Vectors of 16 floats that hold every tap of a pooling window in a patch.
int64_t patch_tables(const ConvPoolParams& p, int64_t patch_pitch) {
  return ((p.pool_h - 1) * patch_pitch + p.pool_w + 15) / 16;
}

bool can_permute(const ConvPoolParams& p, int64_t patch_pitch) {
  return p.pool_h * p.pool_w <= 16 && patch_tables(p, patch_pitch) <= 2;
}

// The part of one image plane that each window of the band and the kernel cover.
void cut_patches(const PlanarPass& pass, const Band& band, const float* plane, float* patches) {
  const ConvPoolParams& p = pass.p;
  const int64_t pitch = pass.pitch, patch_pitch = pass.scratch.patch_pitch;
  for (int64_t h = band.first_row; h < band.first_row + band.rows; ++h)
    for (int64_t w = 0; w < pass.pooled_w; ++w)
      for (int64_t r = 0; r < pass.scratch.patch_h; ++r, patches += patch_pitch)
        for (int64_t s = 0; s < patch_pitch; s += 8)
          std::memcpy(patches + s, plane + (h * p.pool_h + r) * pitch + w * p.pool_w + s,
                      8 * sizeof(float));
}

// sums [K/16][R][S][C][16k], which is also dw's layout; lanes are offsets in a patch.
void add_permuted(const PlanarPass& pass, const Band& band, const float* values,
                  const int32_t* lanes, const float* image, float* patches, float* sums) {
  const ConvPoolParams& p = pass.p;
  const int64_t pitch = pass.scratch.patch_pitch, patch_floats = pass.scratch.patch_h * pitch;
  const int64_t windows = band.rows * pass.pooled_w;
  const int64_t sum_block = p.kernel_h * p.kernel_w * p.channels * 16;
  const auto& tables = kAddWindows[patch_tables(p, pitch) - 1];
  const TapRectangles rectangles(p.kernel_h, p.kernel_w, kPairSums);
  for (int64_t c = 0; c < p.channels; ++c) {
    cut_patches(pass, band, image + c * pass.plane, patches);
    for (int64_t kb = 0; kb < pass.blocks; kb += 2) {
      const auto& table = tables[kb + 2 <= pass.blocks ? 1 : 0];
      rectangles.for_each([&](int64_t r, int64_t s, int64_t rows, int64_t cols) {
        table[static_cast<size_t>((rows - 1) * kMaxRectangle + cols - 1)](
            patches + r * pitch + s, patch_floats, pitch, values + kb * windows * 16,
            lanes + kb * windows * 16, windows, windows * 16,
            sums + kb * sum_block + ((r * p.kernel_w + s) * p.channels + c) * 16, sum_block,
            p.kernel_w * p.channels * 16, p.channels * 16);
      });
    }
  }
}

void write_permuted(const PlanarPass& pass, float* dw, GradMode mode, int64_t me, int64_t team) {
  const ConvPoolParams& p = pass.p;
  const int64_t vectors = p.out_channels / 16 * p.kernel_h * p.kernel_w * p.channels;
  for (int64_t i = vectors * me / team; i < vectors * (me + 1) / team; ++i) {
    vf total{};
    for (int64_t chunk = 0; chunk < pass.scratch.chunks; ++chunk)
      total +=
          load(pass.scratch.sums + chunk * static_cast<int64_t>(pass.scratch.sums_stride) + i * 16);
    if (mode == GradMode::Accumulate) total += load(dw + i * 16);
    store(dw + i * 16, total);
  }
}

#endif

}  // namespace

void conv_pool_backward_weight_planar(const ConvPoolParams& p, const float* dy, const float* y,
                                      const uint8_t* tap, const float* x, float* dw, float* db,
                                      GradMode mode, void* scratch_memory, int threads) {
  const ConvPoolPlanarScratch scratch = conv_pool_planar_scratch(p, threads, scratch_memory);
  bool permute = false;
#if defined(__AVX512F__)
  permute = can_permute(p, scratch.patch_pitch);
#endif
  const WindowReader reader(p, permute ? scratch.patch_pitch : p.width + p.pad_left + p.pad_right,
                            1);
  const PlanarPass pass{p, scratch, dy, y, tap, reader};
#pragma omp parallel num_threads(threads)
  {
    flush_denormals();
    const int64_t me = omp_get_thread_num(), team = omp_get_num_threads();
    float* image = scratch.image + me * static_cast<int64_t>(scratch.image_stride);
    float* values = scratch.values + me * static_cast<int64_t>(scratch.values_stride);
    int32_t* lanes = scratch.lanes + me * static_cast<int64_t>(scratch.values_stride);
    [[maybe_unused]] float* patches =
        scratch.patches + me * static_cast<int64_t>(scratch.patches_stride);
    clear(image, static_cast<int64_t>(scratch.image_stride));
    clear(patches, static_cast<int64_t>(scratch.patches_stride));
    for (int64_t chunk = scratch.chunks * me / team; chunk < scratch.chunks * (me + 1) / team;
         ++chunk) {
      float* sums = scratch.sums + chunk * static_cast<int64_t>(scratch.sums_stride);
      float* bias = scratch.bias_sums + chunk * p.out_channels;
      clear(sums, static_cast<int64_t>(scratch.sums_stride));
      clear(bias, p.out_channels);
      const int64_t last = p.batch * (chunk + 1) / scratch.chunks;
      for (int64_t n = p.batch * chunk / scratch.chunks; n < last; ++n) {
        copy_planes(p, x + n * p.x_layout.image, image);
        for (int64_t h = 0; h < pass.pooled_h; h += scratch.band_rows) {
          const Band band{n, h, std::min(scratch.band_rows, pass.pooled_h - h)};
          pass.collect(band, values, lanes, bias);
#if defined(__AVX512F__)
          if (permute) {
            add_permuted(pass, band, values, lanes, image, patches, sums);
            continue;
          }
#endif
          pass.add_plain(band, values, lanes, image, sums);
        }
      }
    }
#pragma omp barrier  // the totals below read all chunks
#if defined(__AVX512F__)
    if (permute) write_permuted(pass, dw, mode, me, team);
#endif
    const int64_t begin = p.out_channels * me / team, end = p.out_channels * (me + 1) / team;
    if (!permute) pass.write_plain(dw, mode, begin, end);
    for (int64_t k = begin; db && k < end; ++k) {
      float total = 0;
      for (int64_t chunk = 0; chunk < scratch.chunks; ++chunk)
        total += scratch.bias_sums[chunk * p.out_channels + k];
      db[k] = mode == GradMode::Accumulate ? db[k] + total : total;
    }
  }
}

}  // namespace dn::cpu::DN_ISA
