// Gradients of pooling, gathered: each element of dx adds up the windows that cover it, in ascending
// order, and is written once. A vector holds channels of one position, or, row-major, every
// stride-th position of a row.
#include "pooling_lanes.h"
#include "pooling_scratch.h"

namespace dn::cpu::DN_ISA {

namespace {

// Of maxima: the gradient where the tap is this one.
template <typename Tap>
struct OfMaximum {
  static constexpr bool kHasTaps = true;
  using TapType = Tap;

  template <typename Lanes>
  static vf part(const PoolingRows& rows, int64_t row, int64_t at, int64_t s, float, Lanes lanes) {
    const vi taps = load_taps(static_cast<const Tap*>(rows.taps[row]) + at, lanes);
    return where_tap(load(rows.base[row] + at, lanes), taps,
                     broadcast_int(rows.tap[row] + (int32_t)s));
  }
};

// Of means: the window's share. Row-major rows have been multiplied by that of their columns.
struct OfMean {
  static constexpr bool kHasTaps = false;
  using TapType = uint8_t;

  template <typename Lanes>
  static vf part(const PoolingRows& rows, int64_t row, int64_t at, int64_t, float columns,
                 Lanes lanes) {
    return load(rows.base[row] + at, lanes) * broadcast(rows.share[row] * columns);
  }
};

// Calls find(row of windows, slot of the cache) for the rows that cover each row of dx, then body(row).
template <typename Find, typename Body>
void for_rows(const PoolingParams& p, PoolingRows& rows, int64_t first, int64_t last,
              const Find& find, const Body& body) {
  const int64_t slots[2] = {(p.kernel[0] - 1) / p.stride[0] + 1,
                            (p.kernel[1] - 1) / p.stride[1] + 1};
  for (int64_t row = first; row < last; ++row) {
    const int64_t line = row % p.in[1], depth = row / p.in[1] % p.in[0];
    const int64_t plane = row / p.in[1] / p.in[0];
    rows.count = 0;
    for (int64_t z = p.first_window(0, depth); z <= p.last_window(0, depth); ++z)
      for (int64_t y = p.first_window(1, line); y <= p.last_window(1, line); ++y) {
        const int64_t t = depth + p.begin[0] - z * p.stride[0];
        const int64_t r = line + p.begin[1] - y * p.stride[1];
        rows.tap[rows.count] = (int32_t)((t * p.kernel[1] + r) * p.kernel[2]);
        rows.share[rows.count] = 1.0f / (float)(p.counted(0, z) * p.counted(1, y));
        find((plane * p.out[0] + z) * p.out[1] + y, z % slots[0] * slots[1] + y % slots[1]);
        ++rows.count;
      }
    body(row);
  }
}

// The phases of a row of dx back to its positions.
void join(const PoolingParams& p, const PoolingPhases& phases, const float* from, float* row) {
  const int64_t stride = p.stride[2], begin = p.begin[2], width = p.in[2];
  if (stride == 1) {
    std::copy(from + begin, from + begin + width, row);
    return;
  }
  if (phases.count < stride) std::fill(row, row + width, 0.0f);
  int64_t w = 0;
  if (stride == 2 && phases.count == 2) {
    const float *even = from, *odd = from + phases.length;
    if (begin % 2 == 1) row[w++] = odd[begin / 2];
    const int64_t index = (w + begin) / 2, pairs = (width - w) / 2;
    float* const to = row + w;
    for (int64_t i = 0; i < pairs; ++i) {
      to[2 * i] = even[index + i];
      to[2 * i + 1] = odd[index + i];
    }
    if (w + 2 * pairs < width) row[width - 1] = even[index + pairs];
    return;
  }
  for (int64_t f = 0; f < phases.count; ++f) {
    int64_t i = begin > f ? (begin - f + stride - 1) / stride : 0;
    for (int64_t at = i * stride + f - begin; at < width; at += stride)
      row[at] = from[f * phases.length + i++];
  }
}

template <typename Of>
void planar(const PoolingParams& p, PoolingRows& rows, const float* dy,
            const typename Of::TapType* tap, float* dx, int64_t first, int64_t last) {
  using Tap = typename Of::TapType;
  const PoolingPhases phases(p);
  const int64_t slots = p.kernel[0] * p.kernel[1], width = p.out[2], stride = p.stride[2];
  std::fill(rows.cached_row, rows.cached_row + slots, -1);
  for (int64_t q = 0; q < width; ++q) rows.counted[q] = 1.0f / (float)p.counted(2, q);
  // Window q lies at index q + reach, between zeros; the tap there does not matter.
  const auto find = [&](int64_t row, int64_t slot) {
    float* const cached = rows.cached + slot * phases.length;
    Tap* const taps = reinterpret_cast<Tap*>(rows.cached_taps + slot * phases.length);
    rows.base[rows.count] = cached;
    rows.taps[rows.count] = taps;
    if (rows.cached_row[slot] == row) return;
    rows.cached_row[slot] = row;
    const float* const source = dy + row * width;
    float* const to = cached + phases.reach;
    std::fill(cached, to, 0.0f);
    if (Of::kHasTaps)
      std::copy(source, source + width, to);
    else
      for (int64_t q = 0; q < width; ++q) to[q] = source[q] * rows.counted[q];
    std::fill(to + width, cached + phases.length, 0.0f);
    if (!Of::kHasTaps) return;
    std::fill(taps, taps + phases.reach, (Tap)0);
    std::copy(tap + row * width, tap + row * width + width, taps + phases.reach);
    std::fill(taps + phases.reach + width, taps + phases.length, (Tap)0);
  };
  const int64_t from = p.begin[2] / stride, to = (p.in[2] - 1 + p.begin[2]) / stride + 1;
  for_rows(p, rows, first, last, find, [&](int64_t row) {
    for (int64_t f = 0; f < phases.count; ++f) {
      const int64_t farthest = (p.kernel[2] - 1 - f) / stride;  // of the phase's taps, in windows
      for (int64_t j = from; j < to; j += kLanes) {
        vf sum{};
        for (int64_t i = 0; i < rows.count; ++i)
          for (int64_t back = farthest; back >= 0; --back)
            sum += Of::part(rows, i, j + phases.reach - back, f + back * stride, 1.0f, AllLanes{});
        store(rows.result + f * phases.length + j, sum);
      }
    }
    join(p, phases, rows.result, dx + row * p.in[2]);
  });
}

template <typename Of>
void blocked(const PoolingParams& p, PoolingRows& rows, const float* dy,
             const typename Of::TapType* tap, float* dx, int64_t first, int64_t last) {
  for (int64_t w = 0; w < p.in[2]; ++w) {
    rows.first[w] = (int32_t)p.first_window(2, w);
    rows.last[w] = (int32_t)p.last_window(2, w);
  }
  for (int64_t q = 0; q < p.out[2]; ++q) rows.counted[q] = 1.0f / (float)p.counted(2, q);
  const auto find = [&](int64_t row, int64_t) {
    rows.base[rows.count] = dy + row * p.out[2] * p.block;
    rows.taps[rows.count] = tap + (Of::kHasTaps ? row * p.out[2] * p.block : 0);
  };
  for_rows(p, rows, first, last, find, [&](int64_t row) {
    float* to = dx + row * p.in[2] * p.block;
    for (int64_t w = 0; w < p.in[2]; ++w, to += p.block)
      for_channels(p.block, [&](int64_t c, auto lanes) {
        vf sum{};
        for (int64_t i = 0; i < rows.count; ++i)
          for (int64_t q = rows.first[w]; q <= rows.last[w]; ++q)
            sum += Of::part(rows, i, q * p.block + c, w + p.begin[2] - q * p.stride[2],
                            rows.counted[q], lanes);
        store(to + c, sum, lanes);
      });
  });
}

template <typename Of>
void backward(const PoolingParams& p, const float* dy, const void* tap, float* dx, int64_t first,
              int64_t last, void* memory) {
  PoolingScratch scratch(memory);
  PoolingRows rows(p, scratch);
  const auto* taps = static_cast<const typename Of::TapType*>(tap);
  if (p.block == 1)
    planar<Of>(p, rows, dy, taps, dx, first, last);
  else
    blocked<Of>(p, rows, dy, taps, dx, first, last);
}

void max(const PoolingParams& p, const float* dy, const void* tap, int tap_bytes, float* dx,
         int64_t first, int64_t last, void* scratch) {
  if (tap_bytes == 1)
    backward<OfMaximum<uint8_t>>(p, dy, tap, dx, first, last, scratch);
  else
    backward<OfMaximum<int32_t>>(p, dy, tap, dx, first, last, scratch);
}

void average(const PoolingParams& p, const float* dy, float* dx, int64_t first, int64_t last,
             void* scratch) {
  backward<OfMean>(p, dy, nullptr, dx, first, last, scratch);
}

}  // namespace

extern const PoolingBackwardTable pooling_backward = {max, average};

}  // namespace dn::cpu::DN_ISA
