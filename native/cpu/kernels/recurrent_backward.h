// The backward direction of a recurrent layer, from the last step to the first.
#pragma once

#include "recurrent_split.h"
#include "vector_math.h"

namespace dn::cpu::DN_ISA {

template <RecurrentCell kCell>
class Backward {
  static constexpr int kGates = kCell == RecurrentCell::Lstm  ? 4
                                : kCell == RecurrentCell::Gru ? 3
                                                              : 1;
  static constexpr int kWidth = kWidestTile;
  static constexpr int kHeight = tile_height(kWidth);
  static constexpr int64_t kUnits = kWidth * kLanes;  // of a block
  // A part of the packed weight that stays in the second-level cache while all samples pass by.
  static constexpr int64_t kBlockDepth = 1024;

 public:
  explicit Backward(const RecurrentBackward& p)
      : p_(p),
        hidden_(p.shape.hidden),
        batch_(p.shape.batch),
        width_(kGates * p.shape.hidden),
        order_{p.shape.steps, p.shape.reverse},
        tiles_(p.shape.batch, kHeight),
        items_(tiles_.count * blocks(p.shape)) {
    packed_ = static_cast<float*>(p.scratch);
    float* next = packed_ + whole_lines(packed_floats(p.shape));
    const int64_t state = whole_lines(batch_ * hidden_);
    grad_hidden_ = p.grad_initial_hidden ? p.grad_initial_hidden : next;
    grad_cell_ = p.grad_initial_cell ? p.grad_initial_cell : next + state;
    bias_parts_ = next + 2 * state;
  }

  static int64_t scratch_floats(const RecurrentShape& s) {
    const RowTiles tiles(s.batch, kHeight);
    return whole_lines(packed_floats(s)) + 2 * whole_lines(s.batch * s.hidden) +
           tiles.count * kGates * s.hidden;
  }

  void run(int threads) {
    run_team(recurrent_threads(p_.shape, items_, threads),
             [this](int thread, int team) { run_thread(thread, team); });
  }

 private:
  static int64_t blocks(const RecurrentShape& s) { return (s.hidden + kUnits - 1) / kUnits; }
  static int64_t packed_floats(const RecurrentShape& s) {
    return blocks(s) * kUnits * kGates * s.hidden;
  }

  void run_thread(int thread, int team) {
    const int64_t begin = items_ * thread / team, end = items_ * (thread + 1) / team;
    const int64_t count = blocks(p_.shape);
    for (int64_t b = count * thread / team; b < count * (thread + 1) / team; ++b) pack(b);
    for (int64_t item = begin; item < end; ++item) start(item);
    for (int64_t position = order_.steps - 1; position >= 0; --position) {
      for (int64_t item = begin; item < end; ++item) differentiate(item, position);
      if (position == 0 && !p_.grad_initial_hidden) break;
      wait_for_team(team);  // all gradients of this step's gates are there
      multiply(begin, end, order_.step(position));
    }
    if (!p_.grad_bias) return;
    wait_for_team(team);  // all parts of the bias's gradient are there
    for (int64_t i = width_ * thread / team; i < width_ * (thread + 1) / team; ++i) {
      float sum = 0.0f;
      for (int64_t tile = 0; tile < tiles_.count; ++tile) sum += bias_parts_[tile * width_ + i];
      p_.grad_bias[i] = sum;
    }
  }

  void pack(int64_t block) {
    const int64_t first = block * kUnits, units = std::min(kUnits, hidden_ - first);
    float* to = packed_ + block * kUnits * width_;
    for (int64_t k = 0; k < width_; ++k, to += kUnits) {
      const float* from = p_.weight + k * hidden_ + first;
      for (int64_t u = 0; u < units; ++u) to[u] = from[u];
      for (int64_t u = units; u < kUnits; ++u) to[u] = 0.0f;
    }
  }

  // Calls body(unit, mask) for each vector of the item's units.
  template <typename Body>
  void each_vector(int64_t item, const Body& body) const {
    const int64_t first = item / tiles_.count * kUnits;
    for (int64_t unit = first; unit < std::min(first + kUnits, hidden_); unit += kLanes) {
      if (unit + kLanes <= hidden_)
        body(unit, AllLanes{});
      else
        body(unit, first_lanes(int(hidden_ - unit)));
    }
  }

  void start(int64_t item) {
    const int64_t tile = item % tiles_.count, row = tiles_.first(tile);
    each_vector(item, [&](int64_t unit, auto mask) {
      for (int64_t n = row; n < row + tiles_.height(tile); ++n) {
        const int64_t at = n * hidden_ + unit;
        const auto first = [&](const float* from) { return from ? load(from + at, mask) : vf{}; };
        store(grad_hidden_ + at, first(p_.grad_final_hidden), mask);
        if (kCell == RecurrentCell::Lstm) store(grad_cell_ + at, first(p_.grad_final_cell), mask);
      }
      for (int g = 0; g < kGates; ++g)
        store(bias_parts_ + tile * width_ + g * hidden_ + unit, vf{}, mask);
    });
  }

  // Whether the step is the sample's first in the order of the recurrence.
  bool starts(int64_t step, int64_t n) const {
    if (!order_.reverse) return step == 0;
    return step == (p_.lengths ? p_.lengths[n] : order_.steps) - 1;
  }

  // A state of the step before, or the initial one. `row` counts floats between samples.
  template <typename Mask>
  vf state_before(const float* all, int64_t row, const float* initial, int64_t step, int64_t n,
                  int64_t unit, Mask mask) const {
    if (starts(step, n)) return initial ? load(initial + n * hidden_ + unit, mask) : vf{};
    const int64_t before = order_.reverse ? step + 1 : step - 1;
    return load(all + (before * batch_ + n) * row + unit, mask);
  }

  // The gradients of one step's gates; of the state before, what does not come through them.
  void differentiate(int64_t item, int64_t position) {
    const int64_t tile = item % tiles_.count, row = tiles_.first(tile);
    const int rows = tiles_.height(tile);
    const int64_t step = order_.step(position);
    each_vector(item, [&](int64_t unit, auto mask) {
      vf sums[kGates] = {};
      for (int64_t n = row; n < row + rows; ++n) {
        vf gates[kGates] = {}, products[kGates] = {};
        if (!p_.lengths || step < p_.lengths[n])
          differentiate(step, n, unit, gates, products, mask);
        const int64_t at = (step * batch_ + n) * width_ + unit;
        for (int g = 0; g < kGates; ++g) {
          store(p_.grad_gates + at + g * hidden_, gates[g], mask);
          if (kCell == RecurrentCell::Gru)
            store(p_.grad_products + at + g * hidden_, products[g], mask);
          sums[g] += kCell == RecurrentCell::Gru ? products[g] : gates[g];
        }
      }
      if (!p_.grad_bias) return;
      for (int g = 0; g < kGates; ++g) {
        float* part = bias_parts_ + tile * width_ + g * hidden_ + unit;
        store(part, load(part, mask) + sums[g], mask);
      }
    });
  }

  template <typename Mask>
  void differentiate(int64_t step, int64_t n, int64_t unit, vf* gates, vf* products, Mask mask) {
    const int64_t sample = step * batch_ + n, at = n * hidden_ + unit;
    const auto kept = [&](int slot) {
      return load(p_.reserve + (sample * kRecurrentReserve + slot) * hidden_ + unit, mask);
    };
    vf dh = load(grad_hidden_ + at, mask);
    if (p_.grad_y) dh += load(p_.grad_y + sample * hidden_ + unit, mask);
    vf direct{};
    if constexpr (kCell == RecurrentCell::Tanh) {
      const vf y = load(p_.y + sample * hidden_ + unit, mask);
      gates[0] = dh * (1.0f - y * y);
    } else if constexpr (kCell == RecurrentCell::Relu) {
      const vf y = load(p_.y + sample * hidden_ + unit, mask);
      gates[0] = choose(y > 0.0f, dh, vf{});
    } else if constexpr (kCell == RecurrentCell::Lstm) {
      const vf i = kept(0), f = kept(1), g = kept(2), o = kept(3);
      const vf t = hyperbolic_tangent(kept(4));
      const vf before = state_before(p_.reserve + 4 * hidden_, kRecurrentReserve * hidden_,
                                     p_.initial_cell, step, n, unit, mask);
      const vf dc = load(grad_cell_ + at, mask) + dh * o * (1.0f - t * t);
      gates[0] = dc * g * i * (1.0f - i);
      gates[1] = dc * before * f * (1.0f - f);
      gates[2] = dc * i * (1.0f - g * g);
      gates[3] = dh * t * o * (1.0f - o);
      store(grad_cell_ + at, dc * f, mask);
    } else {
      const vf r = kept(0), z = kept(1), candidate = kept(2), m = kept(3);
      const vf before = state_before(p_.y, hidden_, p_.initial_hidden, step, n, unit, mask);
      gates[2] = dh * (1.0f - z) * (1.0f - candidate * candidate);
      gates[0] = products[0] = gates[2] * m * r * (1.0f - r);
      gates[1] = products[1] = dh * (before - candidate) * z * (1.0f - z);
      products[2] = gates[2] * r;
      direct = dh * z;
    }
    store(grad_hidden_ + at, direct, mask);
  }

  // grad_hidden += grad_products[step] W, for the items' units and samples.
  void multiply(int64_t begin, int64_t end, int64_t step) {
    const float* a = p_.grad_products + step * batch_ * width_;
    for (int64_t first = begin, past; first < end; first = past) {
      const int64_t block = first / tiles_.count;
      past = std::min(end, (block + 1) * tiles_.count);
      const int64_t unit = block * kUnits;
      const int64_t vectors = (std::min(kUnits, hidden_ - unit) + kLanes - 1) / kLanes;
      Tile t{};
      t.a_row = width_;
      t.a_depth = 1;
      t.b_depth = kUnits;
      t.last_lanes = first_lanes(int(std::min(kUnits, hidden_ - unit) - (vectors - 1) * kLanes));
      t.ldc = hidden_;
      t.add_c = true;
      t.epilogue = Epilogue::Identity;
      for (int64_t k = 0; k < width_; k += kBlockDepth) {
        t.depth = std::min(kBlockDepth, width_ - k);
        t.b = packed_ + block * kUnits * width_ + k * kUnits;
        for (int64_t item = first; item < past; ++item) {
          const int64_t tile = item % tiles_.count, row = tiles_.first(tile);
          t.a = a + row * width_ + k;
          t.c = grad_hidden_ + row * hidden_ + unit;
          tile_function(vectors, tiles_.height(tile))(t);
        }
      }
    }
  }

  static TileFunction tile_function(int64_t vectors, int height) {
    if constexpr (kWidth == 4) {
      if (vectors == 3) return kTiles<3, kHeight>[height];
      if (vectors == 4) return kTiles<4, kHeight>[height];
    }
    return vectors == 1 ? kTiles<1, kHeight>[height] : kTiles<2, kHeight>[height];
  }

  const RecurrentBackward& p_;
  const int64_t hidden_, batch_, width_;
  const Order order_;
  const RowTiles tiles_;
  const int64_t items_;
  float* packed_;
  float* grad_hidden_;  // of the state behind the step at hand, then of the one before it
  float* grad_cell_;
  float* bias_parts_;  // (row tiles, G*H)
};

}  // namespace dn::cpu::DN_ISA
