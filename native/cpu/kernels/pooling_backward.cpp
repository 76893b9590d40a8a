// Gradients of pooling, gathered: each element of dx adds up the windows that cover it, in ascending
// order, and is written once. A vector holds channels of one position, or, row-major, every
// stride-th position of a row.
#include "pooling_lanes.h"
#include "pooling_scratch.h"

namespace dn::cpu::DN_ISA {

namespace {

// A row of windows: its gradients, its taps, and the tap of a position at its first column.
template <typename Tap>
struct Row {
  const float* dy;
  const Tap* taps;
  int32_t tap;
  float share;

  Row() = default;
  Row(const PoolingRows& rows, int64_t i)
      : dy(rows.base[i]),
        taps(static_cast<const Tap*>(rows.taps[i])),
        tap(rows.tap[i]),
        share(rows.share[i]) {}
};

// Of maxima: the gradient where the tap is this one.
template <typename Tap>
struct OfMaximum {
  static constexpr bool kHasTaps = true;
  using TapType = Tap;

  template <typename Lanes>
  static vf part(const Row<Tap>& row, int64_t at, int64_t s, float, const Lanes& lanes) {
    return where_tap(load(row.dy + at, lanes), row.taps + at, row.tap + (int32_t)s, lanes);
  }
};

// Of means: the window's share. Row-major rows have been multiplied by that of their columns.
struct OfMean {
  static constexpr bool kHasTaps = false;
  using TapType = uint8_t;

  template <typename Lanes>
  static vf part(const Row<uint8_t>& row, int64_t at, int64_t, float columns, const Lanes& lanes) {
    return load(row.dy + at, lanes) * broadcast(row.share * columns);
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
            sum += Of::part(Row<Tap>(rows, i), j + phases.reach - back, f + back * stride, 1.0f,
                            AllLanes{});
        store(rows.result + f * phases.length + j, sum);
      }
    }
    join(p, phases, rows.result, dx + row * p.in[2]);
  });
}

// Positions of one phase, `count` of them, each covered by kRows rows of windows and kTaps windows of
// each; 0: by as many as given. Window q of position j is j - back.
template <typename Of, int kRows, int kTaps, typename Lanes>
void phase(const PoolingRows& rows, int64_t taps, int64_t stride, int64_t block, int64_t f,
           int64_t j, int64_t count, int64_t c, float* to, Lanes lanes) {
  using Line = Row<typename Of::TapType>;
  const int64_t row_count = kRows ? kRows : rows.count, tap_count = kTaps ? kTaps : taps;
  Line lines[kRows ? kRows : 1];
  for (int i = 0; i < kRows; ++i) lines[i] = Line(rows, i);
  const float* const columns = rows.counted;
  for (int64_t end = j + count; j < end; ++j, to += stride * block) {
    vf sum{};
#pragma GCC unroll 3
    for (int64_t i = 0; i < row_count; ++i) {
      const Line line = kRows ? lines[i] : Line(rows, i);
#pragma GCC unroll 3
      for (int64_t back = tap_count - 1; back >= 0; --back)
        sum += Of::part(line, (j - back) * block + c, f + back * stride, columns[j - back], lanes);
    }
    store(to, sum, lanes);
  }
}

template <typename Of, int kRows>
void phase_of(const PoolingRows& rows, int64_t taps, int64_t stride, int64_t block, int64_t f,
              int64_t j, int64_t count, float* to) {
  for_channels(block, [&](int64_t c, auto lanes) {
    using Lanes = decltype(lanes);
    const auto run = taps == 1   ? phase<Of, kRows, 1, Lanes>
                     : taps == 2 ? phase<Of, kRows, 2, Lanes>
                     : taps == 3 ? phase<Of, kRows, 3, Lanes>
                                 : phase<Of, kRows, 0, Lanes>;
    run(rows, taps, stride, block, f, j, count, c, to + c, lanes);
  });
}

template <typename Of>
void blocked(const PoolingParams& p, PoolingRows& rows, const float* dy,
             const typename Of::TapType* tap, float* dx, int64_t first, int64_t last) {
  const int64_t stride = p.stride[2], width = p.in[2], begin = p.begin[2], block = p.block;
  for (int64_t q = 0; q < p.out[2]; ++q) rows.counted[q] = 1.0f / (float)p.counted(2, q);
  const auto find = [&](int64_t row, int64_t) {
    rows.base[rows.count] = dy + row * p.out[2] * block;
    rows.taps[rows.count] = tap + (Of::kHasTaps ? row * p.out[2] * block : 0);
  };
  // Position w = j * stride + f - begin, covered by the windows j - taps + 1 .. j; fewer at the ends.
  const auto edge = [&](float* to, int64_t w) {
    for_channels(block, [&](int64_t c, auto lanes) {
      vf sum{};
      for (int64_t i = 0; i < rows.count; ++i)
        for (int64_t q = p.first_window(2, w); q <= p.last_window(2, w); ++q)
          sum += Of::part(Row<typename Of::TapType>(rows, i), q * block + c, w + begin - q * stride,
                          rows.counted[q], lanes);
      store(to + w * block + c, sum, lanes);
    });
  };
  for_rows(p, rows, first, last, find, [&](int64_t row) {
    float* const to = dx + row * width * block;
    const auto run = rows.count == 1   ? phase_of<Of, 1>
                     : rows.count == 2 ? phase_of<Of, 2>
                     : rows.count == 3 ? phase_of<Of, 3>
                                       : phase_of<Of, 0>;
    if (stride > p.kernel[2] || rows.count == 0) std::fill(to, to + width * block, 0.0f);
    for (int64_t f = 0; f < std::min(stride, p.kernel[2]) && rows.count > 0; ++f) {
      const int64_t taps = (p.kernel[2] - 1 - f) / stride + 1;
      int64_t w = begin > f ? (begin - f + stride - 1) / stride * stride + f - begin : f - begin;
      int64_t j = (w + begin) / stride;
      for (; w < width && j < taps - 1; w += stride, ++j) edge(to, w);
      const int64_t inside = (width - w + stride - 1) / stride;
      const int64_t count = std::max<int64_t>(0, std::min(inside, p.out[2] - j));
      run(rows, taps, stride, block, f, j, count, to + w * block);
      for (w += count * stride; w < width; w += stride) edge(to, w);
    }
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
