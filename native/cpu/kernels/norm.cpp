#include "norm.h"

#include <algorithm>

#include "horizontal.h"
#include "simd_half.h"

namespace dn::cpu::DN_ISA {

namespace {

constexpr int kUnroll = 4;                         // sums under way together
constexpr int64_t kBlock = 64 * kUnroll * kLanes;  // floats of a block of one channel
constexpr int64_t kLaneBlock = 64;                 // positions of a block of neighbouring channels
constexpr int kVectors = kNormLanes / kLanes;      // vectors that hold the neighbouring channels

// 1 in the first `count` lanes, 0 in the others.
inline vf ones(int count) {
  vf v;
  for (int i = 0; i < kLanes; ++i) v[i] = i < count ? 1.0f : 0.0f;
  return v;
}

// Calls body(index of the sum, offset) for whole vectors of [0, n), tail(offset) for what is left.
template <typename Body, typename Tail>
inline void for_vectors(int64_t n, const Body& body, const Tail& tail) {
  int64_t i = 0;
  for (; i + kUnroll * kLanes <= n; i += kUnroll * kLanes) {
#pragma GCC unroll 4
    for (int u = 0; u < kUnroll; ++u) body(u, i + u * kLanes);
  }
  // Up to three more, each with a sum of its own.
  if (i + kLanes <= n) body(0, i), i += kLanes;
  if (i + kLanes <= n) body(1, i), i += kLanes;
  if (i + kLanes <= n) body(2, i), i += kLanes;
  if (i < n) tail(i);
}

inline float total(const vf (&sums)[kUnroll]) {
  return horizontal_sum((sums[0] + sums[1]) + (sums[2] + sums[3]));
}

// Calls block(offset, count of runs, first position, length) for parts of the runs that fit a block: a
// part of one run, or several whole ones. The offset is that of positions side by side.
template <typename Block>
inline void for_blocks(const NormRuns& runs, int64_t positions, const Block& block) {
  if (runs.length > positions) {
    for (int64_t r = 0; r < runs.count; ++r)
      for (int64_t i = 0; i < runs.length; i += positions)
        block(r * runs.distance + i, int64_t{1}, i, std::min(positions, runs.length - i));
    return;
  }
  const int64_t whole = positions / std::max<int64_t>(runs.length, 1);
  for (int64_t r = 0; r < runs.count; r += whole)
    block(r * runs.distance, std::min(whole, runs.count - r), int64_t{0}, runs.length);
}

// ---- what is added to the loops ----

// How a vector is read and written: under a mask, or as vector v of neighbouring channels.
template <typename Mask>
struct Masked {
  static constexpr int v = 0;
  Mask mask;
  template <typename T>
  vf read(const T* p) const {
    return load(p, mask);
  }
  template <typename T>
  void write(T* p, vf value) const {
    store(p, value, mask);
  }
};
template <typename L>
struct OfLanes {
  const L& lanes;  // Lanes or FullLanes
  int v;
  template <typename T>
  vf read(const T* p) const {
    return lanes.load_at(p, v);
  }
  template <typename T>
  void write(T* p, vf value) const {
    lanes.store_at(p, value, v);
  }
};

// One number for all lanes, in the place of those of neighbouring channels.
struct Constant {
  vf at[1];
  explicit Constant(float value) : at{broadcast(value)} {}
};

// A NaN stays one, as with the operator.
inline vf relu(vf v) {
  return v < 0 ? vf{} : v;
}

// Calls body(tail(offset, value, access)) for what follows the normalisation.
template <typename T, typename Body>
inline void with_tail(const NormTail<T>& tail, const Body& body) {
  const T* added = tail.added;
  const auto plus = [added](int64_t at, vf v, const auto& access) {
    return v + access.read(added + at);
  };
  if (added && tail.relu)
    body([=](int64_t at, vf v, const auto& access) { return relu(plus(at, v, access)); });
  else if (added)
    body(plus);
  else if (tail.relu)
    body([](int64_t, vf v, const auto&) { return relu(v); });
  else
    body([](int64_t, vf v, const auto&) { return v; });
}

// Calls body(incoming(offset, x - mean, access)) for a gradient that is not written anywhere.
template <typename T, typename C, typename Body>
inline void with_unwritten(const NormIncoming<T>& in, const C& scale, const C& shift,
                           const Body& body) {
  const T* dy = in.dy;
  if (in.relu == NormRelu::FromInput)
    body([dy, &scale, &shift](int64_t at, vf centred, const auto& access) {
      const vf y = fma(centred, scale.at[access.v], shift.at[access.v]);
      return y > 0 ? access.read(dy + at) : vf{};
    });
  else
    body([dy](int64_t at, vf, const auto& access) { return access.read(dy + at); });
}

template <typename T, typename C, typename Body>
inline void with_incoming(const NormIncoming<T>& in, const C& scale, const C& shift,
                          const Body& body) {
  if (in.relu != NormRelu::FromOutput) return with_unwritten(in, scale, shift, body);
  const T *dy = in.dy, *other = in.other, *y = in.y;
  T* masked = in.masked;
  const auto cut = [y, masked](int64_t at, vf gradient, const auto& access) {
    const vf g = access.read(y + at) > 0 ? gradient : vf{};
    access.write(masked + at, g);
    return g;
  };
  if (other)
    body([=](int64_t at, vf, const auto& access) {
      return cut(at, access.read(dy + at) + access.read(other + at), access);
    });
  else
    body([=](int64_t at, vf, const auto& access) { return cut(at, access.read(dy + at), access); });
}

// The constants of the forward direction, where they are known.
inline float number(const float* value) {
  return value ? *value : 0.0f;
}

// ---- one channel ----

template <typename T>
NormMoments moments(const T* x, const NormRuns& runs) {
  NormMoments all;
  if (runs.length == 0) return all;
  for_blocks(runs, kBlock, [&](int64_t offset, int64_t count, int64_t, int64_t length) {
    const int tail = int(length % kLanes);
    const LaneMask mask = first_lanes(tail);
    const vf valid = ones(tail);
    vf sum[kUnroll] = {};
    for (int64_t r = 0; r < count; ++r) {
      const T* p = x + offset + r * runs.distance;
      for_vectors(
          length, [&](int u, int64_t i) { sum[u] += load(p + i); },
          [&](int64_t i) { sum[3] += load(p + i, mask); });
    }
    const double n = double(count * length);
    const float centre = float(total(sum) / n);
    vf distance[kUnroll] = {}, square[kUnroll] = {};
    for (int64_t r = 0; r < count; ++r) {
      const T* p = x + offset + r * runs.distance;
      for_vectors(
          length,
          [&](int u, int64_t i) {
            const vf d = load(p + i) - centre;
            distance[u] += d;
            square[u] = fma(d, d, square[u]);
          },
          [&](int64_t i) {
            const vf d = (load(p + i, mask) - centre) * valid;
            distance[3] += d;
            square[3] = fma(d, d, square[3]);
          });
    }
    // The rounded mean's own error, taken back.
    const double shift = total(distance);
    all.merge({centre + shift / n, total(square) - shift * shift / n, n});
  });
  return all;
}

template <typename T>
NormSums sums(const T* x, const NormIncoming<T>& dy, const NormRuns& runs, float mean) {
  NormSums all;
  if (runs.length == 0) return all;
  const Constant scale(number(dy.forward.scale)), shift(number(dy.forward.shift));
  with_incoming(dy, scale, shift, [&](const auto& incoming) {
    for_blocks(runs, kBlock, [&](int64_t offset, int64_t count, int64_t, int64_t length) {
      const LaneMask mask = first_lanes(int(length % kLanes));
      vf sum[kUnroll] = {}, product[kUnroll] = {};
      for (int64_t r = 0; r < count; ++r) {
        const int64_t first = offset + r * runs.distance;
        const auto add = [&](int u, int64_t at, const auto& access) {
          const vf centred = access.read(x + at) - mean;
          const vf g = incoming(at, centred, access);
          sum[u] += g;
          product[u] = fma(g, centred, product[u]);
        };
        for_vectors(
            length, [&](int u, int64_t i) { add(u, first + i, Masked{AllLanes{}}); },
            [&](int64_t i) { add(3, first + i, Masked{mask}); });
      }
      all.sum += total(sum);
      all.product += total(product);
    });
  });
  return all;
}

// Calls body(offset, mask) for all vectors of all runs.
template <typename Body>
inline void for_all(const NormRuns& runs, const Body& body) {
  const LaneMask mask = first_lanes(int(runs.length % kLanes));
  for (int64_t r = 0; r < runs.count; ++r) {
    const int64_t first = r * runs.distance;
    for_vectors(
        runs.length, [&](int, int64_t i) { body(first + i, AllLanes{}); },
        [&](int64_t i) { body(first + i, mask); });
  }
}

template <typename T>
void affine(const T* x, T* y, const NormRuns& runs, const NormAffine& k, const NormTail<T>& tail) {
  const vf mean = broadcast(*k.mean), scale = broadcast(*k.scale), shift = broadcast(*k.shift);
  with_tail(tail, [&](const auto& then) {
    for_all(runs, [&](int64_t i, auto mask) {
      const vf v = fma(load(x + i, mask) - mean, scale, shift);
      store(y + i, then(i, v, Masked{mask}), mask);
    });
  });
}

template <typename T>
void gradient(const T* x, const NormIncoming<T>& dy, T* dx, const NormRuns& runs,
              const NormGradient& k) {
  const vf mean = broadcast(*k.mean), scale = broadcast(*k.scale), offset = broadcast(*k.offset),
           slope = broadcast(-*k.slope);
  const Constant forward(number(dy.forward.scale)), shift(number(dy.forward.shift));
  with_unwritten(dy, forward, shift, [&](const auto& incoming) {
    for_all(runs, [&](int64_t i, auto mask) {
      const vf centred = load(x + i, mask) - mean;
      const vf g = fma(incoming(i, centred, Masked{mask}), scale, -offset);
      store(dx + i, fma(centred, slope, g), mask);
    });
  });
}

// ---- neighbouring channels ----

// The vectors of `width` channels and their masks.
struct Lanes {
  int whole;  // vectors without a mask
  int rest;   // channels of the last vector
  LaneMask mask;
  int vectors() const { return whole + (rest > 0); }

  explicit Lanes(int width)
      : whole(width / kLanes), rest(width % kLanes), mask(first_lanes(width % kLanes)) {}

  template <typename T>
  vf load_at(const T* p, int v) const {
    return v < whole ? load(p + v * kLanes) : load(p + v * kLanes, mask);
  }
  template <typename T>
  void store_at(T* p, vf value, int v) const {
    v < whole ? store(p + v * kLanes, value) : store(p + v * kLanes, value, mask);
  }
};

// All kVectors vectors, known when compiled.
struct FullLanes {
  static constexpr int vectors() { return kVectors; }
  template <typename T>
  vf load_at(const T* p, int v) const {
    return load(p + v * kLanes);
  }
  template <typename T>
  void store_at(T* p, vf value, int v) const {
    store(p + v * kLanes, value);
  }
};

template <typename Body>
inline void with_lanes(int width, const Body& body) {
  if (width == kNormLanes)
    body(FullLanes{});
  else
    body(Lanes(width));
}

struct Constants {
  vf at[kVectors];
  template <typename L>
  Constants(const L& lanes, const float* from) {  // null: 0
    for (int v = 0; v < kVectors; ++v)
      at[v] = from && v < lanes.vectors() ? lanes.load_at(from, v) : vf{};
  }
};

// Calls body(pointer offset, u) for the positions of a block, two of them under way together.
template <typename Body>
inline void for_positions(int64_t count, int64_t distance, int64_t length, int64_t step,
                          const Body& body) {
  for (int64_t r = 0; r < count; ++r) {
    const int64_t first = r * distance;
    int64_t i = 0;
    for (; i + 2 <= length; i += 2) {
      body(first + i * step, 0);
      body(first + (i + 1) * step, 1);
    }
    if (i < length) body(first + i * step, 0);
  }
}

template <typename T>
void lane_moments(const T* x, const NormRuns& runs, int64_t step, int width, NormMoments* result) {
  if (runs.length == 0) return;
  with_lanes(width, [&](const auto& lanes) {
    double mean[kNormLanes] = {}, squares[kNormLanes] = {}, done = 0;
    for_blocks(runs, kLaneBlock, [&](int64_t offset, int64_t count, int64_t i, int64_t length) {
      const T* p = x + offset - i + i * step;
      vf sum[2][kVectors] = {};
      for_positions(count, runs.distance, length, step, [&](int64_t at, int u) {
        for (int v = 0; v < lanes.vectors(); ++v) sum[u][v] += lanes.load_at(p + at, v);
      });
      const double n = double(count * length);
      vf centre[kVectors], distance[2][kVectors] = {}, square[2][kVectors] = {};
      for (int v = 0; v < kVectors; ++v) centre[v] = (sum[0][v] + sum[1][v]) / float(n);
      for_positions(count, runs.distance, length, step, [&](int64_t at, int u) {
        for (int v = 0; v < lanes.vectors(); ++v) {
          const vf d = lanes.load_at(p + at, v) - centre[v];
          distance[u][v] += d;
          square[u][v] = fma(d, d, square[u][v]);
        }
      });
      float c[kNormLanes], d[kNormLanes], s[kNormLanes];
      for (int v = 0; v < kVectors; ++v) {
        store(c + v * kLanes, centre[v]);
        store(d + v * kLanes, distance[0][v] + distance[1][v]);
        store(s + v * kLanes, square[0][v] + square[1][v]);
      }
      const double share = n / (done + n), cross = done * share, inverse = 1 / n;
      for (int k = 0; k < kNormLanes; ++k) {
        const double block_mean = c[k] + d[k] * inverse, apart = block_mean - mean[k];
        mean[k] += apart * share;
        squares[k] += s[k] - double(d[k]) * d[k] * inverse + apart * apart * cross;
      }
      done += n;
    });
    for (int k = 0; k < width; ++k) result[k].merge({mean[k], squares[k], done});
  });
}

template <typename T>
void lane_sums(const T* x, const NormIncoming<T>& dy, const NormRuns& runs, int64_t step, int width,
               const float* mean, NormSums* result) {
  if (runs.length == 0) return;
  with_lanes(width, [&](const auto& lanes) {
    const Constants centre(lanes, mean), scale(lanes, dy.forward.scale),
        shift(lanes, dy.forward.shift);
    double sum_of[kNormLanes] = {}, product_of[kNormLanes] = {};
    with_incoming(dy, scale, shift, [&](const auto& incoming) {
      for_blocks(runs, kLaneBlock, [&](int64_t offset, int64_t count, int64_t i, int64_t length) {
        const int64_t first = offset - i + i * step;
        vf sum[2][kVectors] = {}, product[2][kVectors] = {};
        for_positions(count, runs.distance, length, step, [&](int64_t at, int u) {
          for (int v = 0; v < lanes.vectors(); ++v) {
            const vf centred = lanes.load_at(x + first + at, v) - centre.at[v];
            const vf g = incoming(first + at, centred, OfLanes{lanes, v});
            sum[u][v] += g;
            product[u][v] = fma(g, centred, product[u][v]);
          }
        });
        float s[kNormLanes], p[kNormLanes];
        for (int v = 0; v < kVectors; ++v) {
          store(s + v * kLanes, sum[0][v] + sum[1][v]);
          store(p + v * kLanes, product[0][v] + product[1][v]);
        }
        for (int k = 0; k < kNormLanes; ++k) {
          sum_of[k] += s[k];
          product_of[k] += p[k];
        }
      });
    });
    for (int k = 0; k < width; ++k) {
      result[k].sum += sum_of[k];
      result[k].product += product_of[k];
    }
  });
}

template <typename T>
void lane_affine(const T* x, T* y, const NormRuns& runs, int64_t step, int width,
                 const NormAffine& k, const NormTail<T>& tail) {
  with_lanes(width, [&](const auto& lanes) {
    const Constants mean(lanes, k.mean), scale(lanes, k.scale), shift(lanes, k.shift);
    with_tail(tail, [&](const auto& then) {
      for_positions(runs.count, runs.distance, runs.length, step, [&](int64_t at, int) {
        for (int v = 0; v < lanes.vectors(); ++v) {
          const vf value = fma(lanes.load_at(x + at, v) - mean.at[v], scale.at[v], shift.at[v]);
          lanes.store_at(y + at, then(at, value, OfLanes{lanes, v}), v);
        }
      });
    });
  });
}

template <typename T>
void lane_gradient(const T* x, const NormIncoming<T>& dy, T* dx, const NormRuns& runs, int64_t step,
                   int width, const NormGradient& k) {
  with_lanes(width, [&](const auto& lanes) {
    const Constants mean(lanes, k.mean), scale(lanes, k.scale), offset(lanes, k.offset),
        slope(lanes, k.slope), forward(lanes, dy.forward.scale), shift(lanes, dy.forward.shift);
    with_unwritten(dy, forward, shift, [&](const auto& incoming) {
      for_positions(runs.count, runs.distance, runs.length, step, [&](int64_t at, int) {
        for (int v = 0; v < lanes.vectors(); ++v) {
          const vf centred = lanes.load_at(x + at, v) - mean.at[v];
          const vf g = fma(incoming(at, centred, OfLanes{lanes, v}), scale.at[v], -offset.at[v]);
          lanes.store_at(dx + at, fma(centred, -slope.at[v], g), v);
        }
      });
    });
  });
}

// ---- rows with a weight for each element ----

void row_affine(const float* x, float* y, int64_t n, float mean, float inv_std, const float* weight,
                const float* bias) {
  for_all({1, n, 0}, [&](int64_t i, auto mask) {
    vf v = (load(x + i, mask) - mean) * inv_std;
    if (weight) v *= load(weight + i, mask);
    if (bias) v += load(bias + i, mask);
    store(y + i, v, mask);
  });
}

NormSums row_sums(const float* x, const float* dy, const float* weight, int64_t n, float mean) {
  if (!weight) return sums(x, NormIncoming<float>{dy}, {1, n, 0}, mean);
  NormSums all;
  for_blocks({1, n, 0}, kBlock, [&](int64_t first, int64_t, int64_t, int64_t length) {
    const LaneMask mask = first_lanes(int(length % kLanes));
    const float *p = x + first, *q = dy + first, *w = weight + first;
    vf sum[kUnroll] = {}, product[kUnroll] = {};
    for_vectors(
        length,
        [&](int u, int64_t i) {
          const vf g = load(q + i) * load(w + i);
          sum[u] += g;
          product[u] = fma(g, load(p + i) - mean, product[u]);
        },
        [&](int64_t i) {
          const vf g = load(q + i, mask) * load(w + i, mask);
          sum[3] += g;
          product[3] = fma(g, load(p + i, mask) - mean, product[3]);
        });
    all.sum += total(sum);
    all.product += total(product);
  });
  return all;
}

void row_gradient(const float* x, const float* dy, const float* weight, float* dx, int64_t n,
                  float mean, float scale, float offset, float slope) {
  const vf c = broadcast(mean), s = broadcast(scale), o = broadcast(-offset), k = broadcast(-slope);
  for_all({1, n, 0}, [&](int64_t i, auto mask) {
    vf g = load(dy + i, mask);
    if (weight) g *= load(weight + i, mask);
    store(dx + i, fma(load(x + i, mask) - c, k, fma(g, s, o)), mask);
  });
}

void row_parameters(const float* x, const float* dy, int64_t n, float mean, float inv_std,
                    float* dweight, float* dbias) {
  const vf c = broadcast(mean), s = broadcast(inv_std);
  for_all({1, n, 0}, [&](int64_t i, auto mask) {
    const vf g = load(dy + i, mask);
    if (dweight)
      store(dweight + i, fma(g, (load(x + i, mask) - c) * s, load(dweight + i, mask)), mask);
    if (dbias) store(dbias + i, load(dbias + i, mask) + g, mask);
  });
}

template <typename T>
constexpr NormTable<T> table() {
  return {moments<T>,      sums<T>,      affine<T>,      gradient<T>,
          lane_moments<T>, lane_sums<T>, lane_affine<T>, lane_gradient<T>};
}

}  // namespace

extern const NormTable<float> norm_table = table<float>();
extern const NormTable<BFloat16> norm_table_bfloat16 = table<BFloat16>();
extern const NormTable<Float16> norm_table_float16 = table<Float16>();
extern const NormRowTable norm_row_table = {row_affine, row_sums, row_gradient, row_parameters};

}  // namespace dn::cpu::DN_ISA
