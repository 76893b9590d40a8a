#include "local_response_norm.h"

#include <algorithm>

#include "vector_math.h"

namespace dn::cpu::DN_ISA {

namespace {

// s^-beta; square roots where they are exact enough and cheap.
inline vf inverse_power(vf s, float beta) {
  if (beta == 0.75f) {
    const vf root = square_root(s);
    return 1.0f / (root * square_root(root));
  }
  if (beta == 0.5f) return 1.0f / square_root(s);
  if (beta == 1.0f) return 1.0f / s;
  return power(s, broadcast(-beta));
}

// The sum of `size` numbers from p on, `step` apart.
inline vf window_sum(const float* p, int64_t size, int64_t step) {
  vf sum = load(p);
  for (int64_t i = 1; i < size; ++i) sum += load(p + i * step);
  return sum;
}

struct Windows {
  int64_t before, after;  // channels of the window before and after its own
  float share;            // alpha / size
  explicit Windows(const LrnParams& p)
      : before(p.size / 2), after((p.size - 1) / 2), share(p.alpha / float(p.size)) {}
};

// Calls body(offset, mask) for whole vectors and once for what is left.
template <typename Body>
inline void for_each_vector(int64_t begin, int64_t end, const Body& body) {
  int64_t i = begin;
  for (; i + kLanes <= end; i += kLanes) body(i, AllLanes{});
  if (i < end) body(i, first_lanes(int(end - i)));
}

// ---- planes: a vector is neighbouring positions of one channel ----

// Squares of a column, behind `before` zeros and followed by zeros.
template <typename Mask>
inline void square_column(const LrnParams& p, const Windows& w, const float* x, int64_t positions,
                          Mask mask, float* squares) {
  for (int64_t c = 0; c < p.channels; ++c) {
    const vf v = load(x + c * positions, mask);
    store(squares + (w.before + c) * kLanes, v * v);
  }
}

void clear(float* column, int64_t vectors) {
  std::fill_n(column, vectors * kLanes, 0.0f);
}

void planes(const LrnParams& p, const float* x, float* y, int64_t positions, int64_t begin,
            int64_t end, float* squares) {
  const Windows w(p);
  clear(squares, p.channels + p.size);
  for_each_vector(begin, end, [&](int64_t at, auto mask) {
    square_column(p, w, x + at, positions, mask, squares);
    for (int64_t c = 0; c < p.channels; ++c) {
      const vf sum = window_sum(squares + c * kLanes, p.size, kLanes);
      const vf s = fma(sum, broadcast(w.share), broadcast(p.k));
      const int64_t i = c * positions + at;
      store(y + i, load(x + i, mask) * inverse_power(s, p.beta), mask);
    }
  });
}

void planes_backward(const LrnParams& p, const float* x, const float* dy, float* dx,
                     int64_t positions, int64_t begin, int64_t end, float* scratch) {
  const Windows w(p);
  const int64_t length = p.channels + p.size;
  float *squares = scratch, *powers = squares + length * kLanes, *terms = powers + length * kLanes;
  clear(squares, 3 * length);
  const vf factor = broadcast(-2 * p.beta * w.share);
  for_each_vector(begin, end, [&](int64_t at, auto mask) {
    square_column(p, w, x + at, positions, mask, squares);
    for (int64_t c = 0; c < p.channels; ++c) {
      const vf sum = window_sum(squares + c * kLanes, p.size, kLanes);
      const vf s = fma(sum, broadcast(w.share), broadcast(p.k));
      const vf inverse = inverse_power(s, p.beta);
      const int64_t i = c * positions + at;
      store(powers + c * kLanes, inverse);
      store(terms + (w.after + c) * kLanes, load(dy + i, mask) * load(x + i, mask) * inverse / s);
    }
    // Channel c is in the windows of c - after .. c + before.
    for (int64_t c = 0; c < p.channels; ++c) {
      const vf sum = window_sum(terms + c * kLanes, p.size, kLanes);
      const int64_t i = c * positions + at;
      const vf direct = load(dy + i, mask) * load(powers + c * kLanes);
      store(dx + i, fma(load(x + i, mask) * factor, sum, direct), mask);
    }
  });
}

// ---- lines: a vector is neighbouring channels of one position ----

inline void gather(const float* from, const LrnLine& line, int64_t channels, float* to) {
  for (int64_t c = 0; c < channels; c += line.block, from += line.positions * line.block)
    std::copy_n(from, line.block, to + c);
}
inline void scatter(const float* from, const LrnLine& line, int64_t channels, float* to) {
  for (int64_t c = 0; c < channels; c += line.block, to += line.positions * line.block)
    std::copy_n(from + c, line.block, to);
}

void lines(const LrnParams& p, const float* x, float* y, const LrnLine& line, int64_t begin,
           int64_t end, float* scratch) {
  const Windows w(p);
  const int64_t length = p.channels + p.size + kLanes;
  float *values = scratch, *squares = values + length;
  std::fill_n(scratch, 2 * length, 0.0f);
  for (int64_t at = begin; at < end; ++at) {
    gather(x + at * line.block, line, p.channels, values);
    for_each_vector(0, p.channels, [&](int64_t c, auto mask) {
      const vf v = load(values + c, mask);
      store(squares + w.before + c, v * v, mask);
    });
    for_each_vector(0, p.channels, [&](int64_t c, auto mask) {
      const vf s = fma(window_sum(squares + c, p.size, 1), broadcast(w.share), broadcast(p.k));
      store(values + c, load(values + c, mask) * inverse_power(s, p.beta), mask);
    });
    scatter(values, line, p.channels, y + at * line.block);
  }
}

void lines_backward(const LrnParams& p, const float* x, const float* dy, float* dx,
                    const LrnLine& line, int64_t begin, int64_t end, float* scratch) {
  const Windows w(p);
  const int64_t length = p.channels + p.size + kLanes;
  float *values = scratch, *gradients = values + length, *squares = gradients + length,
        *terms = squares + length, *powers = terms + length;
  std::fill_n(scratch, 5 * length, 0.0f);
  const vf factor = broadcast(-2 * p.beta * w.share);
  for (int64_t at = begin; at < end; ++at) {
    gather(x + at * line.block, line, p.channels, values);
    gather(dy + at * line.block, line, p.channels, gradients);
    for_each_vector(0, p.channels, [&](int64_t c, auto mask) {
      const vf v = load(values + c, mask);
      store(squares + w.before + c, v * v, mask);
    });
    for_each_vector(0, p.channels, [&](int64_t c, auto mask) {
      const vf s = fma(window_sum(squares + c, p.size, 1), broadcast(w.share), broadcast(p.k));
      const vf inverse = inverse_power(s, p.beta);
      store(powers + c, inverse, mask);
      const vf term = load(gradients + c, mask) * load(values + c, mask) * inverse / s;
      store(terms + w.after + c, term, mask);
    });
    for_each_vector(0, p.channels, [&](int64_t c, auto mask) {
      const vf direct = load(gradients + c, mask) * load(powers + c, mask);
      const vf sum = window_sum(terms + c, p.size, 1);
      store(gradients + c, fma(load(values + c, mask) * factor, sum, direct), mask);
    });
    scatter(gradients, line, p.channels, dx + at * line.block);
  }
}

}  // namespace

extern const LrnTable lrn_table = {planes, planes_backward, lines, lines_backward};

}  // namespace dn::cpu::DN_ISA
