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

namespace dn::cpu::DN_ISA {

namespace {

// The pooled gradients of one row of windows: scratch.values and .lanes, and their sums by channel.
struct Row {
  float* values;   // [K/16][pooled_w][16k], ReLU's mask applied
  int32_t* lanes;  // same shape: lane_of_tap[tap]
};

struct PlanarPass {
  const ConvPoolParams& p;
  const ConvPoolPlanarScratch& scratch;
  const float* dy;
  const float* y;
  const uint8_t* tap;
  int32_t lane_of_tap[256];

  void collect(int64_t n, int64_t h, const Row& row, float* bias) const {
    const ConvPoolLayout& l = p.y_layout;
    for (int64_t kb = 0; kb < p.out_channels / 16; ++kb)
      for (int64_t w = 0; w < p.pooled_w(); ++w) {
        const int64_t from = n * l.image + h * l.row + w * l.column + kb * l.block;
        const uint8_t* taps =
            tap + ((n * p.pooled_h() + h) * p.pooled_w() + w) * p.out_channels + kb * 16;
        float* values = row.values + (kb * p.pooled_w() + w) * 16;
        int32_t* lanes = row.lanes + (kb * p.pooled_w() + w) * 16;
        if (l.channel == 1) {
          for (int i = 0; i < 16; ++i) values[i] = dy[from + i];
          if (y)
            for (int i = 0; i < 16; ++i) values[i] = y[from + i] > 0.0f ? values[i] : 0.0f;
        } else {
          for (int i = 0; i < 16; ++i) {
            values[i] = dy[from + i * l.channel];
            if (y && !(y[from + i * l.channel] > 0.0f)) values[i] = 0.0f;
          }
        }
        for (int i = 0; i < 16; ++i) bias[kb * 16 + i] += values[i];
#if defined(__AVX512F__)
        if (p.pool_h * p.pool_w <= 16) {
          // maskz: the unmasked intrinsics read an undefined register (GCC bug 105593).
          const __m512i index =
              _mm512_maskz_cvtepu8_epi32(0xffff, _mm_loadu_si128((const __m128i*)taps));
          _mm512_storeu_si512(lanes, _mm512_maskz_permutexvar_epi32(
                                         0xffff, index, _mm512_loadu_si512(lane_of_tap)));
          continue;
        }
#endif
        for (int i = 0; i < 16; ++i) lanes[i] = lane_of_tap[taps[i]];
      }
  }

  // sums [K][C][R][tap_pitch]; lanes are offsets in the image plane.
  void add_row_plain(int64_t h, const Row& row, const float* image, float* sums) const {
    typedef float v8 __attribute__((vector_size(32)));
    const int64_t plane = (p.height + p.pad_top + p.pad_bottom) * scratch.image_pitch;
    const int64_t channel_floats = p.channels * p.kernel_h * scratch.tap_pitch;
    for (int64_t kb = 0; kb < p.out_channels / 16; ++kb)
      for (int64_t w = 0; w < p.pooled_w(); ++w)
        for (int64_t i = 0; i < 16; ++i) {
          const int64_t at = (kb * p.pooled_w() + w) * 16 + i;
          const float value = row.values[at];
          if (value == 0.0f) continue;
          const float* position =
              image + h * p.pool_h * scratch.image_pitch + w * p.pool_w + row.lanes[at];
          float* sum = sums + (kb * 16 + i) * channel_floats;
          for (int64_t c = 0; c < p.channels; ++c)
            for (int64_t r = 0; r < p.kernel_h; ++r)
              for (int64_t s = 0; s < scratch.tap_pitch; s += 8, sum += 8) {
                v8 a, b;
                std::memcpy(&a, position + c * plane + r * scratch.image_pitch + s, sizeof a);
                std::memcpy(&b, sum, sizeof b);
                b += a * value;
                std::memcpy(sum, &b, sizeof b);
              }
        }
  }

  // dw from sums as add_row_plain leaves them.
  void write_plain(float* dw, GradMode mode, int64_t begin, int64_t end) const {
    for (int64_t k = begin; k < end; ++k)
      for (int64_t c = 0; c < p.channels; ++c)
        for (int64_t r = 0; r < p.kernel_h; ++r)
          for (int64_t s = 0; s < p.kernel_w; ++s) {
            float total = 0;
            for (int64_t chunk = 0; chunk < scratch.chunks; ++chunk)
              total +=
                  scratch.sums[chunk * static_cast<int64_t>(scratch.sums_stride) +
                               ((k * p.channels + c) * p.kernel_h + r) * scratch.tap_pitch + s];
            float& out =
                dw[(((k / 16 * p.kernel_h + r) * p.kernel_w + s) * p.channels + c) * 16 + k % 16];
            out = mode == GradMode::Accumulate ? out + total : total;
          }
  }
};

#if defined(__AVX512F__)

constexpr int kSumLimit = kRegisters - 5;  // value, lane, patch and room for the compiler

// For 16 output channels and each of `windows` windows: sum[i][j] += value * patch[lane] with the
// patch beginning at tap (i,j). Lanes reach over Tables vectors of 16 floats of the patch.
template <int Rows, int Cols, int Tables>
void add_windows(const float* patches, int64_t patch_floats, int64_t patch_pitch,
                 const float* values, const int32_t* lanes, int64_t windows, float* sum,
                 int64_t sum_row, int64_t sum_column) {
  __m512 s[Rows][Cols];
#pragma GCC unroll 32
  for (int i = 0; i < Rows; ++i)
#pragma GCC unroll 32
    for (int j = 0; j < Cols; ++j) s[i][j] = _mm512_loadu_ps(sum + i * sum_row + j * sum_column);
  for (int64_t w = 0; w < windows; ++w) {
    const __m512 value = _mm512_loadu_ps(values + w * 16);
    const __m512i lane = _mm512_loadu_si512(lanes + w * 16);
    // A zero gradient must not meet an infinite x.
    const __mmask16 used = _mm512_cmp_ps_mask(value, _mm512_setzero_ps(), _CMP_NEQ_UQ);
    const float* patch = patches + w * patch_floats;
#pragma GCC unroll 32
    for (int i = 0; i < Rows; ++i)
#pragma GCC unroll 32
      for (int j = 0; j < Cols; ++j) {
        const float* at = patch + i * patch_pitch + j;
        const __m512 x = Tables == 1 ? _mm512_maskz_permutexvar_ps(used, lane, _mm512_loadu_ps(at))
                                     : _mm512_maskz_permutex2var_ps(used, _mm512_loadu_ps(at), lane,
                                                                    _mm512_loadu_ps(at + 16));
        s[i][j] = _mm512_fmadd_ps(value, x, s[i][j]);
      }
  }
#pragma GCC unroll 32
  for (int i = 0; i < Rows; ++i)
#pragma GCC unroll 32
    for (int j = 0; j < Cols; ++j) _mm512_storeu_ps(sum + i * sum_row + j * sum_column, s[i][j]);
}

using AddWindows = void (*)(const float* patches, int64_t patch_floats, int64_t patch_pitch,
                            const float* values, const int32_t* lanes, int64_t windows, float* sum,
                            int64_t sum_row, int64_t sum_column);

template <int Index, int Tables>
constexpr AddWindows add_windows_entry() {
  constexpr int rows = Index / kMaxRectangle + 1, cols = Index % kMaxRectangle + 1;
  if constexpr (rows * cols <= kSumLimit)
    return add_windows<rows, cols, Tables>;
  else
    return nullptr;
}
template <int Tables, int... Index>
constexpr std::array<AddWindows, sizeof...(Index)> add_windows_table(
    std::integer_sequence<int, Index...>) {
  return {add_windows_entry<Index, Tables>()...};
}
using Rectangles = std::make_integer_sequence<int, kMaxRectangle * kMaxRectangle>;
constexpr std::array<AddWindows, kMaxRectangle * kMaxRectangle> kAddWindows[2] = {
    add_windows_table<1>(Rectangles()), add_windows_table<2>(Rectangles())};

// Vectors of 16 floats that hold every tap of a pooling window in a patch.
int64_t patch_tables(const ConvPoolParams& p, int64_t patch_pitch) {
  return ((p.pool_h - 1) * patch_pitch + p.pool_w + 15) / 16;
}

bool can_permute(const ConvPoolParams& p, int64_t patch_pitch) {
  return p.pool_h * p.pool_w <= 16 && patch_tables(p, patch_pitch) <= 2;
}

// sums [K/16][R][S][C][16k], which is also dw's layout; lanes are offsets in a patch.
void add_row_permuted(const PlanarPass& pass, int64_t h, const Row& row, const float* image,
                      float* patches, float* sums) {
  const ConvPoolParams& p = pass.p;
  const ConvPoolPlanarScratch& scratch = pass.scratch;
  const int64_t plane = (p.height + p.pad_top + p.pad_bottom) * scratch.image_pitch;
  const int64_t pitch = scratch.patch_pitch, patch_floats = scratch.patch_h * pitch;
  const int64_t tables = patch_tables(p, pitch);
  const TapRectangles rectangles(p.kernel_h, p.kernel_w, kSumLimit);
  for (int64_t c = 0; c < p.channels; ++c) {
    const float* corner = image + c * plane + h * p.pool_h * scratch.image_pitch;
    for (int64_t w = 0; w < p.pooled_w(); ++w)
      for (int64_t r = 0; r < scratch.patch_h; ++r)
        for (int64_t s = 0; s < pitch; s += 8)
          std::memcpy(patches + w * patch_floats + r * pitch + s,
                      corner + r * scratch.image_pitch + w * p.pool_w + s, 8 * sizeof(float));
    for (int64_t kb = 0; kb < p.out_channels / 16; ++kb)
      rectangles.for_each([&](int64_t r, int64_t s, int64_t rows, int64_t cols) {
        const AddWindows add =
            kAddWindows[tables - 1][static_cast<size_t>((rows - 1) * kMaxRectangle + cols - 1)];
        add(patches + r * pitch + s, patch_floats, pitch, row.values + kb * p.pooled_w() * 16,
            row.lanes + kb * p.pooled_w() * 16, p.pooled_w(),
            sums + (((kb * p.kernel_h + r) * p.kernel_w + s) * p.channels + c) * 16,
            p.kernel_w * p.channels * 16, p.channels * 16);
      });
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

void copy_planes(const ConvPoolParams& p, const float* x, int64_t pitch, float* image) {
  const int64_t plane = (p.height + p.pad_top + p.pad_bottom) * pitch;
  for (int64_t c = 0; c < p.channels; ++c)
    for (int64_t h = 0; h < p.height; ++h)
      std::memcpy(image + c * plane + (h + p.pad_top) * pitch + p.pad_left,
                  x + c * p.x_layout.block + h * p.x_layout.row,
                  static_cast<size_t>(p.width) * sizeof(float));
}

}  // namespace

void conv_pool_backward_weight_planar(const ConvPoolParams& p, const float* dy, const float* y,
                                      const uint8_t* tap, const float* x, float* dw, float* db,
                                      GradMode mode, void* scratch_memory, int threads) {
  const ConvPoolPlanarScratch scratch = conv_pool_planar_scratch(p, threads, scratch_memory);
  PlanarPass pass{p, scratch, dy, y, tap, {}};
  bool permute = false;
#if defined(__AVX512F__)
  permute = can_permute(p, scratch.patch_pitch);
#endif
  const int64_t lane_pitch = permute ? scratch.patch_pitch : scratch.image_pitch;
  for (int64_t t = 0; t < p.pool_h * p.pool_w; ++t)
    pass.lane_of_tap[t] = static_cast<int32_t>(t / p.pool_w * lane_pitch + t % p.pool_w);
#pragma omp parallel num_threads(threads)
  {
    const int64_t me = omp_get_thread_num(), team = omp_get_num_threads();
    const Row row{scratch.values + me * static_cast<int64_t>(scratch.values_stride),
                  scratch.lanes + me * static_cast<int64_t>(scratch.values_stride)};
    float* image = scratch.image + me * static_cast<int64_t>(scratch.image_stride);
    float* patches = scratch.patches + me * static_cast<int64_t>(scratch.patches_stride);
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
        copy_planes(p, x + n * p.x_layout.image, scratch.image_pitch, image);
        for (int64_t h = 0; h < p.pooled_h(); ++h) {
          pass.collect(n, h, row, bias);
#if defined(__AVX512F__)
          if (permute) {
            add_row_permuted(pass, h, row, image, patches, sums);
            continue;
          }
#endif
          pass.add_row_plain(h, row, image, sums);
        }
      }
    }
#pragma omp barrier  // the totals below read all chunks
#if defined(__AVX512F__)
    if (permute) write_permuted(pass, dw, mode, me, team);
#endif
    if (!permute)
      pass.write_plain(dw, mode, p.out_channels * me / team, p.out_channels * (me + 1) / team);
    for (int64_t k = p.out_channels * me / team; db && k < p.out_channels * (me + 1) / team; ++k) {
      float total = 0;
      for (int64_t chunk = 0; chunk < scratch.chunks; ++chunk)
        total += scratch.bias_sums[chunk * p.out_channels + k];
      db[k] = mode == GradMode::Accumulate ? db[k] + total : total;
    }
  }
}

}  // namespace dn::cpu::DN_ISA
