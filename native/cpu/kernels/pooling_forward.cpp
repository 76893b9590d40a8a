// Maxima and means of windows. A vector holds channels of one window, or, row-major, windows of one
// row; several are in flight, since each tap depends on the one before.
#include "pooling_lanes.h"
#include "pooling_scratch.h"

namespace dn::cpu::DN_ISA {

namespace {

// Vectors of windows that are computed together.
struct Windows {
  int64_t at, step;          // in the rows of x: of the first, from one to the next
  int64_t first_s, last_s;   // taps of the innermost axis
  const int32_t* first_tap;  // of each lane; null: first_s
  const float* counted;      // columns that each lane counts; null: `columns`
  float columns;
  int64_t out, out_step;
};

// The calls of body(offset from the windows' own place, row, tap of the innermost axis).
template <typename Body>
inline void for_taps(const PoolingRows& rows, const Windows& w, const Body& body) {
  for (int64_t i = 0; i < rows.count; ++i)
    for (int64_t s = w.first_s; s < w.last_s; ++s) body(rows.base[i] + rows.offset[s] + w.at, i, s);
}

template <typename Tap>
struct Maximum {
  static constexpr float kOutside = -std::numeric_limits<float>::infinity();
  float* y;
  Tap* tap;  // may be null

  template <int kCount, typename Lanes>
  void run(const PoolingRows& rows, const Windows& w, Lanes lanes) const {
    vf best[kCount];
    vi which[kCount];
    for (int u = 0; u < kCount; ++u) {
      best[u] = broadcast(kOutside);
      which[u] = rows.tap[0] + (w.first_tap ? load_int(w.first_tap + u * kLanes)
                                            : broadcast_int((int32_t)w.first_s));
    }
    for_taps(rows, w, [&](const float* x, int64_t i, int64_t s) {
      const vi at = broadcast_int(rows.tap[i] + (int32_t)s);
#pragma GCC unroll 4
      for (int u = 0; u < kCount; ++u)
        take_larger(best[u], which[u], load(x + u * w.step, lanes), at);
    });
    for (int u = 0; u < kCount; ++u) {
      store(y + w.out + u * w.out_step, best[u], lanes);
      if (tap) store_taps(tap + w.out + u * w.out_step, which[u], lanes);
    }
  }
};

struct Mean {
  static constexpr float kOutside = 0;
  float* y;

  template <int kCount, typename Lanes>
  void run(const PoolingRows& rows, const Windows& w, Lanes lanes) const {
    vf sum[kCount] = {};
    for_taps(rows, w, [&](const float* x, int64_t, int64_t) {
#pragma GCC unroll 4
      for (int u = 0; u < kCount; ++u) sum[u] += load(x + u * w.step, lanes);
    });
    for (int u = 0; u < kCount; ++u) {
      const vf columns = w.counted ? load(w.counted + u * kLanes) : broadcast(w.columns);
      store(y + w.out + u * w.out_step, sum[u] / (columns * rows.share[0]), lanes);
    }
  }
};

// Position w of a row goes to its phase; what no position fills lies outside.
void split(const PoolingParams& p, const PoolingPhases& phases, const float* row, float outside,
           float* to) {
  const int64_t stride = p.stride[2], begin = p.begin[2];
  for (int64_t f = 0; f < phases.count; ++f, to += phases.length) {
    const int64_t from = begin > f ? (begin - f + stride - 1) / stride : 0;
    const int64_t last = p.in[2] - 1 + begin - f;
    const int64_t end = std::max(from, last < 0 ? 0 : last / stride + 1);
    const float* const source = row + from * stride + f - begin;
    std::fill(to, to + from, outside);
    if (stride == 1) {
      std::copy(source, source + (end - from), to + from);
    } else if (stride == 2) {
      for (int64_t i = 0; i < end - from; ++i) to[from + i] = source[2 * i];
    } else {
      for (int64_t i = 0; i < end - from; ++i) to[from + i] = source[stride * i];
    }
    std::fill(to + end, to + phases.length, outside);
  }
}

// Calls body(d, p) for each row of the result after it has found the rows of x that its windows read.
template <typename Find, typename Body>
void for_rows(const PoolingParams& p, PoolingRows& rows, int64_t first, int64_t last,
              const Find& find, const Body& body) {
  for (int64_t row = first; row < last; ++row) {
    const int64_t y = row % p.out[1], z = row / p.out[1] % p.out[0];
    const int64_t plane = row / p.out[1] / p.out[0];
    rows.count = 0;
    for (int64_t t = p.first_tap(0, z); t < p.last_tap(0, z); ++t)
      for (int64_t r = p.first_tap(1, y); r < p.last_tap(1, y); ++r) {
        const int64_t depth = z * p.stride[0] - p.begin[0] + t;
        const int64_t line = y * p.stride[1] - p.begin[1] + r;
        rows.base[rows.count] = find((plane * p.in[0] + depth) * p.in[1] + line,
                                     depth % p.kernel[0] * p.kernel[1] + line % p.kernel[1]);
        rows.tap[rows.count++] = (int32_t)((t * p.kernel[1] + r) * p.kernel[2]);
      }
    rows.share[0] = (float)(p.counted(0, z) * p.counted(1, y));
    body(row);
  }
}

template <typename Reduce>
void planar(const PoolingParams& p, PoolingRows& rows, const float* x, int64_t first, int64_t last,
            const Reduce& reduce) {
  const PoolingPhases phases(p);
  const int64_t slots = p.kernel[0] * p.kernel[1], slot_size = phases.count * phases.length;
  std::fill(rows.cached_row, rows.cached_row + slots, -1);
  for (int64_t s = 0; s < p.kernel[2]; ++s)
    rows.offset[s] = s % p.stride[2] * phases.length + s / p.stride[2];
  for (int64_t q = 0; q < phases.length; ++q) {
    const int64_t at = std::min(q, p.out[2] - 1);  // lanes behind the row do not matter
    rows.first[q] = (int32_t)p.first_tap(2, at);
    rows.counted[q] = (float)p.counted(2, at);
  }
  const auto find = [&](int64_t row, int64_t slot) -> const float* {
    float* const cached = rows.cached + slot * slot_size;
    if (rows.cached_row[slot] != row) {
      split(p, phases, x + row * p.in[2], Reduce::kOutside, cached);
      rows.cached_row[slot] = row;
    }
    return cached;
  };
  for_rows(p, rows, first, last, find, [&](int64_t row) {
    const auto windows = [&](int64_t q) {
      return Windows{
          q,     kLanes, 0, p.kernel[2], rows.first + q, rows.counted + q, 0, row * p.out[2] + q,
          kLanes};
    };
    int64_t q = 0;
    for (; q + 4 * kLanes <= p.out[2]; q += 4 * kLanes)
      reduce.template run<4>(rows, windows(q), AllLanes{});
    for (; q + 2 * kLanes <= p.out[2]; q += 2 * kLanes)
      reduce.template run<2>(rows, windows(q), AllLanes{});
    for (; q + kLanes <= p.out[2]; q += kLanes)
      reduce.template run<1>(rows, windows(q), AllLanes{});
    if (q < p.out[2]) reduce.template run<1>(rows, windows(q), SomeLanes(p.out[2] - q));
  });
}

template <typename Reduce>
void blocked(const PoolingParams& p, PoolingRows& rows, const float* x, int64_t first, int64_t last,
             const Reduce& reduce) {
  for (int64_t s = 0; s < p.kernel[2]; ++s) rows.offset[s] = (s - p.begin[2]) * p.block;
  const auto find = [&](int64_t row, int64_t) { return x + row * p.in[2] * p.block; };
  // Windows inside .. inside_end - 1 lie wholly inside the row.
  int64_t inside = 0;
  while (inside < p.out[2] && p.first_tap(2, inside) > 0) ++inside;
  int64_t inside_end = inside;
  while (inside_end < p.out[2] && p.last_tap(2, inside_end) == p.kernel[2]) ++inside_end;
  const int64_t step = p.stride[2] * p.block;
  for_rows(p, rows, first, last, find, [&](int64_t row) {
    const auto run = [&](auto count, int64_t q) {
      for_channels(p.block, [&](int64_t c, auto lanes) {
        const Windows windows{
            q * step + c, step,    p.first_tap(2, q),      p.last_tap(2, q),
            nullptr,      nullptr, (float)p.counted(2, q), (row * p.out[2] + q) * p.block + c,
            p.block};
        reduce.template run<decltype(count)::value>(rows, windows, lanes);
      });
    };
    // What the next windows read first: the processor does not foresee the jump over rows.
    const float* const next = rows.base[rows.count - 1] + p.in[2] * p.block;
    const int64_t ahead = row + 1 < last ? std::min<int64_t>(p.stride[1], 2) : 0;
    int64_t q = 0;
    for (; q < inside; ++q) run(std::integral_constant<int, 1>{}, q);
    for (; q + 4 <= inside_end; q += 4) {
      for (int64_t r = 0; r < ahead; ++r)
        for (int64_t i = 0; i < 4 * step; i += 16)
          __builtin_prefetch(next + (r * p.in[2] * p.block + q * step + i));
      run(std::integral_constant<int, 4>{}, q);
    }
    for (; q + 2 <= inside_end; q += 2) run(std::integral_constant<int, 2>{}, q);
    for (; q < p.out[2]; ++q) run(std::integral_constant<int, 1>{}, q);
  });
}

template <typename Reduce>
void forward(const PoolingParams& p, const float* x, int64_t first, int64_t last, void* memory,
             const Reduce& reduce) {
  PoolingScratch scratch(memory);
  PoolingRows rows(p, scratch);
  if (p.block == 1)
    planar(p, rows, x, first, last, reduce);
  else
    blocked(p, rows, x, first, last, reduce);
}

void max(const PoolingParams& p, const float* x, float* y, void* tap, int tap_bytes, int64_t first,
         int64_t last, void* scratch) {
  if (tap_bytes == 1)
    forward(p, x, first, last, scratch, Maximum<uint8_t>{y, static_cast<uint8_t*>(tap)});
  else
    forward(p, x, first, last, scratch, Maximum<int32_t>{y, static_cast<int32_t*>(tap)});
}

// One window over a whole row-major plane: the plane is one row of numbers.
bool is_whole_plane(const PoolingParams& p) {
  for (int i = 0; i < 3; ++i)
    if (p.out[i] != 1 || p.begin[i] != 0 || p.kernel[i] != p.in[i]) return false;
  return p.block == 1;
}

void average(const PoolingParams& p, const float* x, float* y, int64_t first, int64_t last,
             void* scratch) {
  if (!is_whole_plane(p)) return forward(p, x, first, last, scratch, Mean{y});
  const int64_t size = p.in_size();
  for (int64_t plane = first; plane < last; ++plane) {
    const float* const numbers = x + plane * size;
    vf sum[4] = {};
    int64_t i = 0;
    for (; i + 4 * kLanes <= size; i += 4 * kLanes)
      for (int u = 0; u < 4; ++u) sum[u] += load(numbers + i + u * kLanes);
    for (; i + kLanes <= size; i += kLanes) sum[0] += load(numbers + i);
    if (i < size) sum[1] += load(numbers + i, SomeLanes(size - i));
    const vf lanes = (sum[0] + sum[1]) + (sum[2] + sum[3]);
    float total = 0;
    for (int lane = 0; lane < kLanes; ++lane) total += lanes[lane];
    y[plane] = total / (float)size;
  }
}

}  // namespace

extern const PoolingForwardTable pooling_forward = {max, average};

}  // namespace dn::cpu::DN_ISA
